"""What is inside one run file, as facts; nothing here raises for what a file holds."""

from dataclasses import dataclass, field
from pathlib import Path

import h5py

from policies.audit_facts import Fault, FileFault, FileMetadata, SourceFacts, TrainFacts
from tasks.rawfiles.metadata import NotARunFile, read_format, read_metadata, read_sources
from tasks.rawfiles.safe_hdf5 import (
    HDF5_ERRORS,
    Faults,
    Numbers,
    Refusal,
    datasets_below,
    group,
    numbers,
    numbers_of,
    printable,
)
from tasks.rawfiles.trains import judge_index, judge_timestamps, judge_trains, without_padding

TRAIN_IDS = "INDEX/trainId"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        readable: Whether it is a run file.
        problem: Why it is not; empty when it is.
        metadata: What it says about itself; None when unreadable.
        trains: Its trains.
        sources: Its list of sources.
        faults: What is wrong inside.
    """

    readable: bool
    problem: str = ""
    metadata: FileMetadata | None = None
    trains: TrainFacts = field(default_factory=TrainFacts)
    sources: tuple[SourceFacts, ...] = ()
    faults: tuple[FileFault, ...] = ()


def read_content(path: Path) -> Content:
    """Open a run file and look at everything but the data itself.

    Args:
        path: A regular file. Opening one that is only on tape blocks until it is staged:
            ask for the locality first.

    No lock is taken: the data acquisition may still be writing.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _read(file)
    except (NotARunFile, Refusal) as refusal:
        return Content(readable=False, problem=printable(str(refusal)))
    except HDF5_ERRORS as error:
        return Content(readable=False, problem=_problem(error))


def _problem(error: BaseException) -> str:
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return printable(f"{type(error).__name__}: {text}".replace("\n", " "))


def _read(file: h5py.File) -> Content:
    faults = Faults()
    version = read_format(file)
    padded = numbers(file, TRAIN_IDS)
    if padded is None:
        msg = f"{TRAIN_IDS} not found"
        raise NotARunFile(msg)
    sources = read_sources(file, version, faults)
    metadata = read_metadata(file, version, faults)
    trains = judge_trains(padded, faults, TRAIN_IDS)
    used = without_padding(padded)
    lengths = (int((used != 0).sum()), len(padded))
    _judge_sources(file, sources, lengths, faults)
    return Content(
        readable=True,
        metadata=metadata,
        trains=trains,
        sources=sources,
        faults=tuple(faults.items),
    )


def _judge_sources(
    file: h5py.File, sources: tuple[SourceFacts, ...], lengths: tuple[int, int], faults: Faults
) -> None:
    judge = _SourceJudge(file, lengths, faults)
    for root, name in dict.fromkeys((s.root, _source_name(s)) for s in sources):
        where = f"{root}/{name}"
        try:
            judge.judge(root, name)
        except Refusal as refusal:
            faults.add(refusal.fault, where, refusal.detail)
        except HDF5_ERRORS as error:
            faults.add(Fault.WRONG_TYPE, where, _problem(error))


def _source_name(source: SourceFacts) -> str:
    """Source behind an entry: `dev:output/data` lists group `data` of source `dev:output`."""
    if source.root != "INSTRUMENT":
        return source.device_id
    device, colon, channel = source.device_id.partition(":")
    return f"{device}{colon}{channel.partition('/')[0]}"


class _SourceJudge:
    """Checks the index of each source against the trains and against its datasets."""

    def __init__(self, file: h5py.File, lengths: tuple[int, int], faults: Faults) -> None:
        self._file = file
        self._lengths = lengths
        self._faults = faults

    def judge(self, root: str, name: str) -> None:
        """Check one source.

        Raises:
            Refusal: A part of it leads outside, or is no list of numbers.
        """
        here = group(self._file, f"{root}/{name}")
        if here is None:
            self._faults.add(Fault.SOURCE_MISSING, f"{root}/{name}")
            return
        rows: dict[str, list[tuple[str, h5py.Dataset]]] = {}
        for path, data in datasets_below(here):
            part = path.partition("/")[0] if root == "INSTRUMENT" else ""
            rows.setdefault(part, []).append((f"{root}/{name}/{path}", data))
        if root == "CONTROL":
            rows.setdefault("", [])
            self._judge_timestamps(rows[""])
        for part, data_sets in rows.items():
            self._judge_part(f"INDEX/{name}/{part}".rstrip("/"), data_sets)

    def _judge_part(self, index: str, data_sets: list[tuple[str, h5py.Dataset]]) -> None:
        try:
            found = self._read_index(index)
        except Refusal as refusal:
            self._faults.add(refusal.fault, index, refusal.detail)
            return
        if found is None:
            self._faults.add(Fault.INDEX_MISSING, index)
            return
        end = judge_index(*found, self._lengths, self._faults, index)
        short = [(where, d) for where, d in data_sets if (d.shape or (0,))[0] < end]
        for where, data in short[:1]:
            more = f", {len(short) - 1} more datasets" if len(short) > 1 else ""
            length = (data.shape or (0,))[0]
            self._faults.add(Fault.INDEX_BEYOND, where, f"{end} referred to, {length} there{more}")

    def _read_index(self, index: str) -> tuple[Numbers, Numbers] | None:
        """First and count; the oldest files have first, last and status instead."""
        first = numbers(self._file, f"{index}/first")
        count = numbers(self._file, f"{index}/count")
        if first is None or count is not None:
            return None if first is None or count is None else (first, count)
        last = numbers(self._file, f"{index}/last")
        status = numbers(self._file, f"{index}/status")
        if last is None or status is None:
            return None
        length = min(len(first), len(last), len(status))
        counted = (last[:length] - first[:length] + 1) * (status[:length] != 0)
        return first, counted

    def _judge_timestamps(self, data_sets: list[tuple[str, h5py.Dataset]]) -> None:
        for where, data in data_sets:
            if where.endswith("/timestamp"):
                try:
                    judge_timestamps(numbers_of(data), self._faults, where)
                except Refusal as refusal:
                    self._faults.add(refusal.fault, where, refusal.detail)
