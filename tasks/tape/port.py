"""What is asked of a store with tape behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from policies.vocabulary import Locality


@dataclass(frozen=True)
class Seen:
    """A file as the store's own records have it.

    Attributes:
        locality: Where it is.
        size_bytes: Bytes.
        adler32: 8 hex digits; empty: the store knows none.
    """

    locality: Locality
    size_bytes: int
    adler32: str


class Tape(Protocol):
    """A store with tape behind it."""

    def look(self, folder: str) -> Mapping[str, Seen]:
        """Every file below a folder, by its name below it; nothing is opened or staged.

        Args:
            folder: As the store names it.

        Raises:
            Missing: No such folder.
            Unavailable: The store does not answer.
            Denied: It does not let us.
            Mismatch: Its answer cannot be understood.
        """
        ...

    def release_disk(self, path: str) -> None:
        """Ask for a file to be on tape only. Asked twice it is asked once.

        What becomes of it is seen by `look`, never believed from the answer.

        Args:
            path: As the store names it.

        Raises:
            Missing: No such file.
            Unavailable: The store does not answer; what was done is unknown.
            Denied: It does not let us.
        """
        ...
