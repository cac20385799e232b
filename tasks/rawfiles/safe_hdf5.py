"""Reading HDF5 that may be damaged or hostile.

A file can claim shapes of petabytes, chunks of gigabytes, and lead through links or
external storage into other files. Everything here stays inside the file and below limits
that no real run file reaches, and says what it refused.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from policies.audit_facts import Fault, FileFault

Numbers = NDArray[np.int64]

MAX_ENTRIES = 4_000_000
"""Entries of one index: 4.6 days of trains at 10 Hz."""

MAX_CHUNK_BYTES = 256 * 1024 * 1024
"""Largest chunk that is unpacked."""

MAX_OBJECTS = 200_000
"""Groups and datasets visited below one source."""

MAX_FAULTS = 200
"""Faults reported per file."""

MAX_TEXT = 200
"""Characters kept of a text."""

LARGEST = 2**62
"""Larger numbers are neither trains nor positions; sums of two stay below 2**63."""

HDF5_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError)
"""What h5py raises on damaged content."""

_MAX_LINKS = 8


class Refusal(Exception):
    """Part of the file that cannot be used; becomes a fault."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or str(fault))
        self.fault = fault
        self.detail = detail


@dataclass
class Faults:
    """Collects faults up to a limit."""

    items: list[FileFault] = field(default_factory=list)

    def add(self, fault: Fault, where: str, detail: str = "") -> None:
        """Note one fault; beyond the limit it is dropped."""
        if len(self.items) < MAX_FAULTS:
            self.items.append(FileFault(fault, printable(where), printable(detail)))


def printable(text: str) -> str:
    """Text without control characters or half surrogates, at most `MAX_TEXT` long.

    Databases and terminals choke on the rest: NUL is no character in PostgreSQL.
    """
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: MAX_TEXT + 1])
    return escaped if len(escaped) <= MAX_TEXT else f"{escaped[: MAX_TEXT - 1]}…"


def find(file: h5py.File, path: str) -> h5py.Group | h5py.Dataset | None:
    """Open an object without ever leaving the file.

    Args:
        file: An open file.
        path: Absolute path; soft links inside the file are followed.

    Returns:
        The object, or None when the path leads nowhere.

    Raises:
        Refusal: A link leads to another file, or in circles.
    """
    parts = [p for p in path.split("/") if p]
    here: h5py.Group | h5py.Dataset = file["/"]
    at: list[str] = []
    jumps = 0
    while parts:
        name = parts.pop(0)
        link = _link(here, name)
        if link is None:
            return None
        if isinstance(link, h5py.SoftLink):
            jumps += 1
            if jumps > _MAX_LINKS:
                raise Refusal(Fault.LEADS_OUTSIDE, "links in circles")
            base = [] if link.path.startswith("/") else at
            parts = [*base, *(p for p in link.path.split("/") if p not in ("", ".")), *parts]
            here, at = file["/"], []
        else:
            here = here[name]
            at = [*at, name]
    return here


def _link(here: h5py.Group | h5py.Dataset, name: str) -> h5py.HardLink | h5py.SoftLink | None:
    if not isinstance(here, h5py.Group):
        return None
    try:
        link = here.get(name, getlink=True)
    except (TypeError, ValueError) as error:
        raise Refusal(Fault.LEADS_OUTSIDE, "a link of an unknown kind") from error
    if isinstance(link, h5py.ExternalLink):
        raise Refusal(Fault.LEADS_OUTSIDE, f"to {link.filename}")
    return link


def group(file: h5py.File, path: str) -> h5py.Group | None:
    """A group, or None when there is none at this path.

    Raises:
        Refusal: The path leads outside.
    """
    found = find(file, path)
    return found if isinstance(found, h5py.Group) else None


def check_readable(data: h5py.Dataset) -> None:
    """Refuse data whose bytes are elsewhere or too many.

    Raises:
        Refusal: Why.
    """
    made = data.id.get_create_plist()
    layout = made.get_layout()
    if layout == h5py.h5d.VIRTUAL or made.get_external_count():
        raise Refusal(Fault.LEADS_OUTSIDE, "the data are in another file")
    shape, width = data.shape, data.dtype.itemsize
    if shape is None:
        raise Refusal(Fault.WRONG_TYPE, "no shape")
    size = math.prod(shape)
    if size > MAX_ENTRIES or size * width > MAX_CHUNK_BYTES:
        raise Refusal(Fault.TOO_LARGE, f"shape {shape}")
    chunk = math.prod(made.get_chunk()) * width if layout == h5py.h5d.CHUNKED else 0
    if chunk > MAX_CHUNK_BYTES:
        raise Refusal(Fault.TOO_LARGE, f"chunks of {chunk} bytes")


def numbers(file: h5py.File, path: str) -> Numbers | None:
    """Read a list of whole numbers.

    Returns:
        One-dimensional int64, numbers beyond `LARGEST` or below 0 as -1; None when there
        is no dataset at this path.

    Raises:
        Refusal: It is something else, too large, or elsewhere.
    """
    data = find(file, path)
    return numbers_of(data) if isinstance(data, h5py.Dataset) else None


def numbers_of(data: h5py.Dataset) -> Numbers:
    """Read an open dataset as `numbers` does.

    Raises:
        Refusal: It is no list of whole numbers, too large, or elsewhere.
    """
    if data.dtype.kind not in "iu" or data.ndim != 1:
        raise Refusal(Fault.WRONG_TYPE, f"{data.dtype} of shape {data.shape}")
    check_readable(data)
    raw = data[:]
    wide = raw.dtype.itemsize == np.dtype(np.int64).itemsize
    implausible = (raw < 0) | (raw > LARGEST) if wide else raw < 0
    values: Numbers = np.where(implausible, 0, raw).astype(np.int64)
    values[implausible] = -1
    return values


def texts(file: h5py.File, path: str) -> list[str] | None:
    """Read a list of texts, padding included.

    Returns:
        Printable texts; None when there is no dataset at this path.

    Raises:
        Refusal: It is something else, too large, or elsewhere.
    """
    data = find(file, path)
    if not isinstance(data, h5py.Dataset):
        return None
    if data.dtype.kind not in "OS" or data.ndim > 1:
        raise Refusal(Fault.WRONG_TYPE, f"{data.dtype} of shape {data.shape}")
    if data.dtype.kind == "O" and h5py.check_string_dtype(data.dtype) is None:
        raise Refusal(Fault.WRONG_TYPE, f"{data.dtype} that is no text")
    check_readable(data)
    return [_text(value) for value in np.atleast_1d(data[()]).tolist()]


def _text(value: object) -> str:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    return printable(raw.rstrip(b"\0").decode("utf-8", "replace"))


def datasets_below(root: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset below a group, by hard links only.

    Yields:
        Path below the group, and the dataset; at most `MAX_OBJECTS` objects are visited.
    """
    found: list[tuple[str, h5py.Dataset]] = []
    root.visititems(_collector(found))
    yield from found


def _collector(found: list[tuple[str, h5py.Dataset]]) -> Callable[[str, object], bool | None]:
    seen = 0

    def collect(path: str, item: object) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(item, h5py.Dataset):
            found.append((path, item))
        return True if seen >= MAX_OBJECTS else None

    return collect
