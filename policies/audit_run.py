"""Rules that look at the files of a run together."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from policies.audit_facts import FileFacts, FileMetadata, TrainRange
from policies.audit_files import Case, Hit
from policies.filenames import RunFileName, detector_module

Named = tuple[RunFileName, FileFacts]

_SHOWN = 8
"""Ranges and names that a message lists."""


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _own(case: Case) -> list[Named]:
    """This run's files, in order of their names' parts; strangers left out."""
    named = [(e.name, e) for e in case.facts.files if e.name is not None]
    own = [(n, e) for n, e in named if case.run is None or n.run == case.run]
    return sorted(own, key=lambda pair: (pair[0].aggregator, pair[0].sequence or 0))


def _by_aggregator(case: Case) -> dict[str, list[Named]]:
    groups: dict[str, list[Named]] = {}
    for name, entry in _own(case):
        groups.setdefault(name.aggregator, []).append((name, entry))
    return groups


def empty(case: Case) -> Iterator[Hit]:
    """A run without a single run file."""
    if not case.facts.files:
        found = f"{len(case.facts.entries)} other entries" if case.facts.entries else "nothing"
        yield Hit("", "the run folder holds no run files", "at least one run file", found)


def folder_name(case: Case) -> Iterator[Hit]:
    """A folder that is named for another run than the catalog says."""
    if case.facts.folder_run != case.catalog.run:
        yield Hit(
            "",
            f"the folder {case.facts.folder} is not the one of run {case.catalog.run}",
            f"run {case.catalog.run}",
            case.facts.folder,
        )


def no_trains(case: Case) -> Iterator[Hit]:
    """A run whose files were read and hold no train at all."""
    files = [entry for entry, _, _ in case.understood()]
    if files and all(f.trains.count == 0 for f in files):
        yield Hit("", "no file of the run holds a train", "trains", "none")


def sequences(case: Case) -> Iterator[Hit]:
    """Holes among the sequence numbers, and sequence files that do not follow in time."""
    for aggregator, group in _by_aggregator(case).items():
        numbers = {name.sequence for name, _ in group if name.sequence is not None}
        absent = [n for n in range(min(max(numbers, default=-1), 99_999)) if n not in numbers]
        if absent:
            names = _listed([f"S{n:05d}" for n in absent])
            yield Hit(
                "",
                f"{aggregator}: sequence files missing: {names}",
                f"{aggregator} S00000 to S{max(numbers):05d}",
                f"{aggregator} without {names}",
            )
        yield from _follow(group)


def _follow(group: list[Named]) -> Iterator[Hit]:
    with_trains = [e for _, e in group if e.trains.count]
    for before, after in pairwise(with_trains):
        last, first = before.trains.last, after.trains.first
        if last is not None and first is not None and first <= last:
            yield Hit(
                after.filename,
                f"begins at train {first}, but {before.filename} ends at {last}",
                f"a first train after {last}",
                str(first),
            )


def modules(case: Case) -> Iterator[Hit]:
    """Aggregators that should have written a file and did not."""
    present = set(_by_aggregator(case))
    expected = case.claims.aggregators
    gone = sorted(expected - present)
    if gone:
        yield Hit(
            "",
            f"no file from: {_listed(gone)}",
            f"{len(expected)} aggregators",
            f"without {_listed(gone)}",
        )
    for detector, numbers in _families(present).items():
        holes = sorted(set(range(min(numbers), max(numbers))) - numbers)
        names = [f"{detector}{n:02d}" for n in holes if f"{detector}{n:02d}" not in expected]
        if names:
            yield Hit(
                "",
                f"detector modules missing between others: {_listed(names)}",
                f"{detector}{min(numbers):02d} to {detector}{max(numbers):02d}",
                f"without {_listed(names)}",
            )


def _families(aggregators: set[str]) -> dict[str, set[int]]:
    families: dict[str, set[int]] = {}
    for aggregator in aggregators:
        module = detector_module(aggregator)
        if module is not None:
            families.setdefault(module[0], set()).add(module[1])
    return families


def _window(case: Case) -> TrainRange | None:
    """Trains that the run spans: as claimed, else as far as any of its files reach."""
    trains = [e.trains for _, e in _own(case) if e.trains.count]
    first, last = case.claims.first_train, case.claims.last_train
    if first is None:
        first = min((t.first for t in trains if t.first is not None), default=None)
    if last is None:
        last = max((t.last for t in trains if t.last is not None), default=None)
    if first is None or last is None or last < first:
        return None
    return TrainRange(first, last)


def _absent(group: list[Named], window: TrainRange) -> tuple[int, list[TrainRange]]:
    """How many trains of the window an aggregator lacks, and which (as far as listed)."""
    unlisted, ranges, at = 0, list[TrainRange](), window.first
    spans = [e.trains for _, e in group if e.trains.count]
    for trains in sorted(spans, key=lambda t: t.first or 0):
        ranges += [TrainRange(at, (trains.first or 0) - 1), *trains.missing]
        unlisted += trains.missing_count - sum(len(r) for r in trains.missing)
        at = max(at, (trains.last or 0) + 1)
    ranges.append(TrainRange(at, window.last))
    inside = [TrainRange(max(r.first, window.first), min(r.last, window.last)) for r in ranges]
    inside = [r for r in inside if r.first <= r.last]
    return unlisted + sum(len(r) for r in inside), inside


def _coverage(case: Case, wanted: Callable[[float], bool]) -> Iterator[Hit]:
    window = _window(case)
    for aggregator, group in _by_aggregator(case).items() if window else ():
        if window is None or not all(e.readable for _, e in group):
            continue
        total = len(window)
        lacking, ranges = _absent(group, window)
        if lacking and wanted(lacking / total):
            yield Hit(
                "",
                f"{aggregator}: {lacking} of {total} trains missing ({lacking / total:.2%}):"
                f" {_listed([str(r) for r in ranges])}",
                f"{aggregator} {window}",
                f"{aggregator} {lacking} of {total} trains missing",
            )


def train_coverage(case: Case) -> Iterator[Hit]:
    """Aggregators that lack more of the run's trains than is tolerated."""
    yield from _coverage(case, lambda share: share > case.settings.missing_trains_max)


def train_gaps(case: Case) -> Iterator[Hit]:
    """Aggregators that lack a few of the run's trains."""
    yield from _coverage(case, lambda share: share <= case.settings.missing_trains_max)


def trains_claimed(case: Case) -> Iterator[Hit]:
    """First and last train of the files differ from what the data acquisition says."""
    trains = [entry.trains for _, entry in _own(case) if entry.trains.count]
    found = (
        min((t.first for t in trains if t.first is not None), default=None),
        max((t.last for t in trains if t.last is not None), default=None),
    )
    claimed = (case.claims.first_train, case.claims.last_train)
    for what, claim, seen in zip(("first", "last"), claimed, found, strict=True):
        if claim is not None and seen is not None and claim != seen:
            yield Hit(
                "",
                f"the {what} train of the files is {seen}, the DAQ says {claim}",
                f"{what} train {claim}",
                f"{what} train {seen}",
            )


def files_claimed(case: Case) -> Iterator[Hit]:
    """Files that the data acquisition says it wrote and that are not there."""
    present = {e.filename for e in case.facts.entries}
    for name in sorted(set(case.claimed) - present):
        yield Hit(name, "was written by the DAQ and is not in the folder", "present", "absent")


def unclaimed(case: Case) -> Iterator[Hit]:
    """Run files that the data acquisition does not know of."""
    for entry in case.facts.files:
        if entry.filename not in case.claimed:
            yield Hit(entry.filename, "is not on the DAQ's list", "on the list", "not listed")


def files_registered(case: Case) -> Iterator[Hit]:
    """Files on record that are no longer there."""
    present = {e.filename for e in case.facts.entries}
    for name in sorted(set(case.catalog.registered) - present):
        yield Hit(name, "is on record and no longer in the folder", "present", "absent")


def run_type(case: Case) -> Iterator[Hit]:
    """The files' run type is not the one that the data acquisition says."""
    yield from _words(case, "run type", case.claims.run_type, lambda m: m.run_type)


def sample(case: Case) -> Iterator[Hit]:
    """The files' sample is not the one that the data acquisition says."""
    yield from _words(case, "sample", case.claims.sample, lambda m: m.sample)


def _words(
    case: Case, what: str, claim: str | None, read: Callable[[FileMetadata], str | None]
) -> Iterator[Hit]:
    words = {read(metadata) for _, _, metadata in case.understood()} - {None}
    quoted = [repr(w) for w in sorted(str(w) for w in words)]
    if claim is not None and words - {claim}:
        yield Hit(
            "",
            f"{what} in the files is {_listed(quoted)}, the DAQ says {claim!r}",
            claim,
            _listed(quoted),
        )
    elif claim is None and len(words) > 1:
        yield Hit("", f"files disagree on the {what}: {_listed(quoted)}", "one", _listed(quoted))
