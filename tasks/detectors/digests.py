"""Digests of files as they lie on the disk."""

from dataclasses import dataclass
from pathlib import Path

import xxhash
from zlib_ng.zlib_ng import adler32

from tasks.detectors.faults import Fault

_PIECE = 8 * 1024 * 1024


@dataclass(frozen=True)
class Digest:
    """What a file is.

    Attributes:
        byte_size: Size.
        xxh3_128: Strong digest, hex.
        adler32: dCache's own sum, 8 hex digits.
    """

    byte_size: int
    xxh3_128: str
    adler32: str


def digest(path: Path) -> Digest:
    """Read a file completely."""
    strong, weak, size = xxhash.xxh3_128(), 1, 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            strong.update(piece)
            weak, size = adler32(piece, weak), size + len(piece)
    return Digest(size, strong.hexdigest(), f"{weak:08x}")


def demand(path: Path, xxh3_128: str, what: str, code: int) -> None:
    """A file must be there and be what it was when it was put on record.

    Args:
        path: The file.
        xxh3_128: Its digest then; empty: only that it is there.
        what: How the sentence calls it.
        code: Exit code of the fault.

    Raises:
        Fault: It is missing, not readable or not the same.
    """
    try:
        found = digest(path) if xxh3_128 else None
        path.stat()
    except OSError as error:
        raise Fault(code, f"{what} {path.name}: {error.strerror}") from error
    if found is not None and found.xxh3_128 != xxh3_128:
        raise Fault(code, f"{what} {path.name} is damaged: it is not what was put on record")
