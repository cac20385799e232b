"""The manifest of a run: every file with its size and digests, and one hash over all."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class ManifestEntry:
    """One file.

    Attributes:
        relative_path: Path below the run folder.
        size_bytes: Size.
        xxh3_128: Strong digest, 32 hex digits.
        adler32: dCache's own sum, 8 hex digits.
    """

    relative_path: str
    size_bytes: int
    xxh3_128: str
    adler32: str


def manifest_hash(entries: Iterable[ManifestEntry]) -> str:
    """One hash over all files, whatever their order.

    Returns:
        SHA-256 in hex over sorted lines of path, size and xxh3_128.
    """
    lines = sorted(f"{e.relative_path}\0{e.size_bytes}\0{e.xxh3_128}\n" for e in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
