"""Arithmetic on the lists of a run file: train ids, index entries, timestamps.

Source: the checks are those of the facility's own validator (zeros may only pad the end,
ids increase, the index is contiguous and inside the data); stricter where noted.
"""

import numpy as np

from policies.audit_facts import Fault, TrainFacts, TrainRange
from tasks.rawfiles.safe_hdf5 import Faults, Numbers

MAX_RANGES = 256
"""Missing ranges that are listed per file; the count is exact."""


def without_padding(values: Numbers) -> Numbers:
    """The list without the zeros at its end."""
    used = np.flatnonzero(values)
    return values[: used[-1] + 1] if used.size else values[:0]


def judge_trains(padded: Numbers, faults: Faults, where: str) -> TrainFacts:
    """Sum up a file's train ids, and note what is wrong with them.

    Args:
        padded: `INDEX/trainId` as read; -1 where a number was implausible.
        faults: Receives what is wrong.
        where: Path of the dataset.
    """
    ids = without_padding(padded)
    if (ids < 0).any():
        at = int(np.flatnonzero(ids < 0)[0])
        faults.add(Fault.TRAIN_IMPLAUSIBLE, where, f"entry {at}")
    if (ids == 0).any():
        at = int(np.flatnonzero(ids == 0)[0])
        faults.add(Fault.TRAIN_ZERO, where, f"entry {at} of {len(ids)}")
    ids = ids[ids > 0]
    steps = np.diff(ids)
    for fault, wrong in ((Fault.TRAIN_ORDER, steps < 0), (Fault.TRAIN_DUPLICATE, steps == 0)):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            faults.add(fault, where, f"{ids[at]} then {ids[at + 1]} at entry {at + 1}")
    distinct = np.unique(ids)
    if len(distinct) + np.count_nonzero(steps == 0) < len(ids):
        faults.add(Fault.TRAIN_DUPLICATE, where, f"{len(ids) - len(distinct)} repeated ids")
    return _sum_up(distinct)


def _sum_up(distinct: Numbers) -> TrainFacts:
    if not distinct.size:
        return TrainFacts()
    first, last, count = int(distinct[0]), int(distinct[-1]), len(distinct)
    holes = np.flatnonzero(np.diff(distinct) > 1)[:MAX_RANGES]
    missing = tuple(TrainRange(int(distinct[h]) + 1, int(distinct[h + 1]) - 1) for h in holes)
    return TrainFacts(first, last, count, missing, last - first + 1 - count)


def judge_index(
    first: Numbers, count: Numbers, trains: tuple[int, int], faults: Faults, where: str
) -> int:
    """Check one source's index.

    Args:
        first: Position of each train's first entry.
        count: Number of entries of each train.
        trains: Number of trains, and length of the padded list of trains.
        faults: Receives what is wrong.
        where: Path of the index.

    Returns:
        One past the last position that is referred to; 0 when it refers to none.
    """
    if len(first) != len(count):
        faults.add(Fault.INDEX_LENGTHS, where, f"{len(first)} first, {len(count)} count")
    length = min(len(first), len(count))
    first, count = first[:length], count[:length]
    _judge_length(count, trains, faults, where)
    if (first < 0).any() or (count < 0).any():
        faults.add(Fault.INDEX_IMPLAUSIBLE, where)
        return 0
    used = min(length, trains[0])
    _judge_contiguous(first[:used], count[:used], faults, where)
    filled = count > 0
    return int((first + count)[filled].max()) if filled.any() else 0


def _judge_length(count: Numbers, trains: tuple[int, int], faults: Faults, where: str) -> None:
    """Padding like that of the list of trains is no fault; entries beyond trains are."""
    used, padded = trains
    surplus = count[used:]
    if len(count) < used or len(count) > max(used, padded) or surplus.any():
        faults.add(Fault.INDEX_ENTRIES, where, f"{len(count)} entries for {used} trains")


def _judge_contiguous(first: Numbers, count: Numbers, faults: Faults, where: str) -> None:
    if not first.size:
        return
    if first[0] != 0:
        faults.add(Fault.INDEX_START, where, f"starts at {first[0]}")
    jumps = first[1:] - (first + count)[:-1]
    for fault, wrong in ((Fault.INDEX_GAP, jumps > 0), (Fault.INDEX_OVERLAP, jumps < 0)):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            places = int(np.count_nonzero(wrong))
            detail = f"{places}, first at entry {at}: {first[at]} + {count[at]}, {first[at + 1]}"
            faults.add(fault, where, detail)


def judge_timestamps(padded: Numbers, faults: Faults, where: str) -> None:
    """Check the timestamps of a CONTROL value; equal neighbours are no fault."""
    stamps = without_padding(padded)
    if (stamps == 0).any():
        at = int(np.flatnonzero(stamps == 0)[0])
        faults.add(Fault.TIMESTAMP_ZERO, where, f"entry {at} of {len(stamps)}")
    stamps = stamps[stamps != 0]
    back = np.flatnonzero(np.diff(stamps) < 0)
    if back.size:
        at = int(back[0])
        faults.add(Fault.TIMESTAMP_ORDER, where, f"{stamps[at]} then {stamps[at + 1]}")
