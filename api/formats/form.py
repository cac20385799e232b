"""What a form is, and what it is written from."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from policies.public_record import PublicFile, PublicRecord

SAFE = "!#$&'()*+,/:;=?@[]~%"
"""Characters of an address that stay as they are; all others are percent-encoded."""


@dataclass(frozen=True)
class Shown:
    """What a page shows.

    Attributes:
        record: What may be said of the DOI.
        files: Open files, the first of them; empty unless data are open.
        more: Whether there are further open files.
        served: Whether files can be fetched from this door.
    """

    record: PublicRecord
    files: tuple[PublicFile, ...] = ()
    more: bool = False
    served: bool = False

    @property
    def page(self) -> str:
        """Address of the page."""
        return self.record.landing_url

    def below(self, name: str) -> str:
        """Address of something below the page."""
        return f"{self.page}/{name}"

    def form(self, name: str) -> str:
        """Address of a form of the page."""
        return f"{self.page}?format={name}"

    def file(self, file: PublicFile) -> str:
        """Address of a file."""
        return self.below(f"files/{quote(file.path)}")

    @property
    def fetchable(self) -> tuple[PublicFile, ...]:
        """Files that have an address here."""
        return self.files if self.served else ()


@dataclass(frozen=True)
class Form:
    """A form of the page for programs.

    Attributes:
        name: Word after `?format=`.
        label: For people.
        media: Media type of the answer.
        write: Writes it.
        profile: Address of the profile that it keeps to; empty: none.
        aliases: Further media types that ask for it.
        describes: Whether it describes the data, rather than citing them.
        below: Name of an address of its own below the page; empty: `?format=`.
    """

    name: str
    label: str
    media: str
    write: Callable[[Shown], str]
    profile: str = ""
    aliases: tuple[str, ...] = ()
    describes: bool = False
    below: str = ""

    @property
    def content_type(self) -> str:
        """Media type with its profile."""
        text = f"{self.media}; charset=utf-8" if self.media.startswith("text/") else self.media
        return f'{text}; profile="{self.profile}"' if self.below else text

    def address(self, shown: Shown) -> str:
        """Where it is."""
        return shown.below(self.below) if self.below else shown.form(self.name)


def address(text: str) -> str:
    """An address that can stand in a header or a graph."""
    return quote(text, safe=SAFE)


def one_line(text: str) -> str:
    """A text without line breaks and control characters, which would begin another field."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
