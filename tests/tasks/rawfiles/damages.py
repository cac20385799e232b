"""Thirty-five ways to damage a run of four files, and who should notice.

Source: the damage matrix of the facility's files; `PEER` is what its own validator says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py

CONTROL = "RAW-R0003-DA01-S00000.h5"
CONTROL_LAST = "RAW-R0003-DA01-S00001.h5"
MODULE = "RAW-R0003-JNGFR01-S00000.h5"
MODULE_LAST = "RAW-R0003-JNGFR01-S00001.h5"
DETECTOR = "SPB_IRDA_JF4M/DET/JNGFR01:daqOutput"
INDEX = f"INDEX/{DETECTOR}/data"
MOTOR = "SPB_XTD9/MOTOR/DA01"
STAMPS = f"CONTROL/{MOTOR}/actualPosition/timestamp"

REJECTED, CRASHED, ACCEPTED = "rejected", "crashed", "accepted"


@dataclass(frozen=True)
class Damage:
    """One row.

    Attributes:
        name: What was done.
        peer: What the facility's own validator says.
        check: The check of ours that must find it.
        alone: Whether ours finds it without claims, digests or a record.
        do: Does it to a run folder.
    """

    name: str
    peer: str
    check: str
    alone: bool
    do: Callable[[Path], None]


def _edit(name: str, change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        with h5py.File(folder / name, "r+") as file:
            change(file)

    return do


def _put(name: str, path: str, at: int, value: int) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        file[path][at] = value

    return _edit(name, change)


def _drop(name: str, path: str) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[path]

    return _edit(name, change)


def _resize(name: str, path: str, length: int) -> Callable[[Path], None]:
    return _edit(name, lambda file: file[path].resize(length, axis=0))


def _cut(share: float, fewer: int = 0) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        size = (folder / MODULE).stat().st_size
        with (folder / MODULE).open("r+b") as file:
            file.truncate(int(size * share) - fewer)

    return do


def _flip(share: float) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / MODULE
        content = bytearray(path.read_bytes())
        content[int(len(content) * share)] ^= 0x10
        path.write_bytes(content)

    return do


def _broken_link(folder: Path) -> None:
    (folder / MODULE).unlink()
    (folder / MODULE).symlink_to(folder / "gone.h5")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _remove(*names: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return do


def _gap(folder: Path) -> None:
    """Trains 4 to 10 of the file become 7 to 13, as if three had been missed."""

    def change(file: h5py.File) -> None:
        file["INDEX/trainId"][4:] = file["INDEX/trainId"][4:] + 3

    _edit(MODULE_LAST, change)(folder)


def _payload(file: h5py.File) -> None:
    file["RUN/PAYLOAD/value"][1234] ^= 1


def _stranger(folder: Path) -> None:
    """A file of run 4, faithful in itself."""
    target = folder / "RAW-R0004-JNGFR01-S00000.h5"
    target.write_bytes((folder / MODULE).read_bytes())
    _put(target.name, "METADATA/runNumber", 0, 4)(folder)


def _decrease(file: h5py.File) -> None:
    ids = file["INDEX/trainId"][:]
    ids[[3, 4]] = ids[[4, 3]]
    file["INDEX/trainId"][:] = ids


def _duplicate(file: h5py.File) -> None:
    file["INDEX/trainId"][4] = file["INDEX/trainId"][3]


def _overwrite(content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / MODULE).write_bytes(content) and None


def _header(folder: Path) -> None:
    content = bytearray((folder / MODULE).read_bytes())
    content[1] ^= 0xFF
    (folder / MODULE).write_bytes(content)


DAMAGES = (
    Damage("truncated to half", REJECTED, "unreadable", True, _cut(0.5)),
    Damage("truncated by a byte", REJECTED, "unreadable", True, _cut(1.0, 1)),
    Damage("zero length", REJECTED, "unreadable", True, _cut(0.0)),
    Damage("garbage", REJECTED, "unreadable", True, _overwrite(b"no HDF5 " * 500)),
    Damage("header byte flipped", REJECTED, "unreadable", True, _header),
    Damage("METADATA removed", REJECTED, "unreadable", True, _drop(MODULE, "METADATA")),
    Damage("INDEX removed", REJECTED, "unreadable", True, _drop(MODULE, "INDEX")),
    Damage(
        "format version removed",
        REJECTED,
        "unreadable",
        True,
        _drop(MODULE, "METADATA/dataFormatVersion"),
    ),
    Damage("broken symlink", REJECTED, "link", True, _broken_link),
    Damage("zero in train ids", REJECTED, "train-ids", True, _put(MODULE, "INDEX/trainId", 3, 0)),
    Damage("decreasing train id", REJECTED, "train-ids", True, _edit(MODULE, _decrease)),
    Damage("duplicate train id", REJECTED, "train-ids", True, _edit(MODULE, _duplicate)),
    Damage("index beyond data", REJECTED, "index", True, _put(MODULE, f"{INDEX}/count", 9, 50)),
    Damage(
        "data shortened",
        REJECTED,
        "index",
        True,
        _resize(MODULE, f"INSTRUMENT/{DETECTOR}/data/adc", 5),
    ),
    Damage("gap in index", REJECTED, "index", True, _put(MODULE, f"{INDEX}/count", 4, 0)),
    Damage("overlap in index", REJECTED, "index", True, _put(MODULE, f"{INDEX}/count", 4, 2)),
    Damage("index not from 0", REJECTED, "index", True, _put(MODULE, f"{INDEX}/first", 0, 1)),
    Damage("first longer", REJECTED, "index", True, _resize(MODULE, f"{INDEX}/first", 12)),
    Damage(
        "index shorter",
        REJECTED,
        "index",
        True,
        lambda folder: (
            [_resize(MODULE, f"{INDEX}/{n}", 8)(folder) for n in ("first", "count")] and None
        ),
    ),
    Damage("timestamp backwards", REJECTED, "timestamps", True, _put(CONTROL, STAMPS, 5, 7)),
    Damage("zero in timestamps", REJECTED, "timestamps", True, _put(CONTROL, STAMPS, 5, 0)),
    Damage("empty folder", CRASHED, "empty", True, _empty),
    Damage("index of source removed", CRASHED, "index", True, _drop(MODULE, f"INDEX/{DETECTOR}")),
    Damage("CONTROL removed", CRASHED, "sources", True, _drop(CONTROL, "CONTROL")),
    Damage("missing sequence", ACCEPTED, "sequences", True, _remove(CONTROL)),
    Damage("missing module", ACCEPTED, "modules", False, _remove(MODULE, MODULE_LAST)),
    Damage("missed trains", ACCEPTED, "train-coverage", True, _gap),
    Damage("bit flip at 10 %", ACCEPTED, "checksum-claimed", False, _flip(0.1)),
    Damage("bit flip at 50 %", ACCEPTED, "checksum-claimed", False, _flip(0.5)),
    Damage("bit flip at 90 %", ACCEPTED, "checksum-claimed", False, _flip(0.9)),
    Damage("payload changed", ACCEPTED, "checksum-claimed", False, _edit(MODULE, _payload)),
    Damage(
        "wrong run number", ACCEPTED, "identity-run", True, _put(MODULE, "METADATA/runNumber", 0, 4)
    ),
    Damage(
        "wrong proposal number",
        ACCEPTED,
        "identity-proposal",
        True,
        _put(MODULE, "METADATA/proposalNumber", 0, 2012),
    ),
    Damage("file of another run", ACCEPTED, "foreign-run", True, _stranger),
    Damage(
        "foreign file",
        ACCEPTED,
        "foreign",
        True,
        lambda folder: (folder / "notes.txt").write_text("hello") and None,
    ),
)
"""21 rejected, 3 crashed, 11 accepted."""
