"""What was claimed and what is on record about a run, and how strictly it is judged.

Claims come from the data acquisition, the record from the catalog, thresholds from the
settings. The rules in `policies.audit` compare them with the facts and fetch nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.filenames import parse_run_file


@dataclass(frozen=True)
class ClaimedFile:
    """A file that the data acquisition says it wrote.

    Attributes:
        filename: Name without folder.
        relative_path: Folder as claimed, `r0020/` or the older `0020/`; not judged.
        size_bytes: None when not claimed.
        checksum: adler32, 8 hex digits; empty when not claimed.
    """

    filename: str
    relative_path: str = ""
    size_bytes: int | None = None
    checksum: str = ""


@dataclass(frozen=True)
class Claims:
    """What the data acquisition said when it closed the run; None is "said nothing".

    Attributes:
        first_train: First train of the run.
        last_train: Last train of the run.
        files: Files written; empty when it sent no list.
        run_type: Run type.
        sample: Sample.
        begin_at: Begin of recording, aware.
        end_at: End of recording, aware.
        aggregators: Aggregators that were to write; empty when not known.
    """

    first_train: int | None = None
    last_train: int | None = None
    files: tuple[ClaimedFile, ...] = ()
    run_type: str | None = None
    sample: str | None = None
    begin_at: datetime | None = None
    end_at: datetime | None = None
    aggregators: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RegisteredFile:
    """A file as it was registered before; empty digests are not compared."""

    size_bytes: int
    adler32: str = ""
    xxh3_128: str = ""


@dataclass(frozen=True)
class CatalogFacts:
    """What the catalog has on record.

    Attributes:
        proposal: Proposal number; None skips the comparison.
        run: Run number; None compares with the folder's name.
        instrument: Instrument, for messages.
        run_class: First part of the file names that belong here; None skips it.
        registered: Files registered by an earlier inspection, by name.
    """

    proposal: int | None = None
    run: int | None = None
    instrument: str = ""
    run_class: str | None = None
    registered: Mapping[str, RegisteredFile] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditSettings:
    """Thresholds, and what a site switches off.

    Attributes:
        missing_trains_max: Share of an aggregator's trains that may be absent before it
            is more than a remark, 0 to 1.
        modified_after: How long after the run's end a file may still change.
        creation_tolerance: How far a creation date may lie outside the run.
        whitelist: Names that readers of the data leave in a run folder.
        disabled: Checks that are not run.
        not_blocking: Checks whose findings never block here.
    """

    missing_trains_max: float = 0.01
    modified_after: timedelta = timedelta(hours=1)
    creation_tolerance: timedelta = timedelta(minutes=10)
    whitelist: frozenset[str] = frozenset({"karabo_data_map.json"})
    disabled: frozenset[str] = frozenset()
    not_blocking: frozenset[str] = frozenset()


def aggregators_claimed(
    named: Collection[str], files: Collection[ClaimedFile], run: int
) -> frozenset[str]:
    """Aggregators that were to write, as far as the data acquisition told.

    Args:
        named: Those that it named; empty when it named none.
        files: Files that it says it wrote.
        run: Run number; another run's files say nothing about this one.

    Returns:
        Those named, else those in the names of the run's claimed files.
    """
    names = [parse_run_file(file.filename) for file in files]
    return frozenset(named) or frozenset(n.aggregator for n in names if n and n.run == run)
