"""What a data group consists of: the list that every copy is proved against.

The manifest is taken once, when the files are registered. A copy never makes one of its
own: a digest first computed while copying would bless whatever the source had become.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.errors import Invalid

NAME_BYTES_MAX = 200
"""Longest name of a file or folder, in bytes; file systems allow 255, ours must fit around it."""

_XXH3_128 = re.compile(r"[0-9a-f]{32}")
_ADLER32 = re.compile(r"[0-9a-f]{8}")
_RESERVED = re.compile(r"\.(copy-|quarantine-|.*\.part-)")


@dataclass(frozen=True, slots=True, order=True)
class ManifestEntry:
    """One file as it was registered.

    Attributes:
        relative_path: Path below the data group's folder, parts joined by `/`.
        size_bytes: Length in bytes.
        xxh3_128: 32 lower-case hex digits.
        adler32: 8 lower-case hex digits; dCache's and GridFTP's native sum.
    """

    relative_path: str
    size_bytes: int
    xxh3_128: str
    adler32: str


def manifest_hash(entries: Iterable[ManifestEntry]) -> str:
    r"""Name a manifest by its content; the order of the entries does not matter.

    SHA-256 over the sorted lines `path NUL size NUL xxh3_128 LF` in UTF-8.

    Args:
        entries: The files. No entry gives the hash of the empty text.

    Returns:
        64 lower-case hex digits.
    """
    lines = sorted(f"{e.relative_path}\0{e.size_bytes}\0{e.xxh3_128}\n" for e in entries)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def path_fault(relative_path: str) -> str:
    """Why a text is not a path that a manifest may hold.

    Returns:
        A phrase, or the empty string when it is one.
    """
    if any(not c.isprintable() for c in relative_path):
        return "holds a character that does not print (newline, NUL, lone surrogate)"
    if relative_path.startswith("/"):
        return "is absolute"
    faults = (_name_fault(name) for name in relative_path.split("/"))
    return next((fault for fault in faults if fault), "")


def _name_fault(name: str) -> str:
    """Why a text is not one part of such a path; empty when it is."""
    if name in {"", ".", ".."}:
        return f"has the part {name!r}"
    if len(name.encode()) > NAME_BYTES_MAX:
        return f"has a name longer than {NAME_BYTES_MAX} bytes"
    if _RESERVED.match(name):
        return "has a name kept for unfinished copies"
    return ""


def check_manifest(entries: Sequence[ManifestEntry]) -> None:
    """Refuse a manifest that no folder can be compared with.

    Raises:
        Invalid: No entry at all, a path that leaves the folder or cannot be a name, a
            path given twice or used as a folder as well, a size or digest of the wrong
            form. `context['fields']` names each field as `entries[3].relative_path`.
    """
    fields: dict[str, str] = {} if entries else {"entries": "is empty"}
    paths = [e.relative_path for e in entries]
    folders = {p[:i] for p in paths for i, char in enumerate(p) if char == "/"}
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        for field, fault in _entry_faults(entry, seen, folders):
            fields[f"entries[{number}].{field}"] = fault
        seen.add(entry.relative_path)
    if fields:
        first = ", ".join(f"{field} {fault}" for field, fault in list(fields.items())[:3])
        raise Invalid(f"the manifest cannot be used: {first}", fields=fields)


def _entry_faults(
    entry: ManifestEntry, seen: set[str], folders: set[str]
) -> Iterable[tuple[str, str]]:
    """Yield field and fault of one entry."""
    path = entry.relative_path
    if fault := path_fault(path):
        yield "relative_path", f"{path!r} {fault}"
    elif path in seen:
        yield "relative_path", f"{path!r} is given twice"
    elif path in folders:
        yield "relative_path", f"{path!r} is a file and a folder"
    if entry.size_bytes < 0:
        yield "size_bytes", f"{entry.size_bytes} is negative"
    if not _XXH3_128.fullmatch(entry.xxh3_128):
        yield "xxh3_128", "is not 32 lower-case hex digits"
    if not _ADLER32.fullmatch(entry.adler32):
        yield "adler32", "is not 8 lower-case hex digits"
