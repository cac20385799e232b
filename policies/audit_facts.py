"""What was seen in a run folder: values only, filled by whoever read it.

Source: layout of run files, formats 0.5 to 1.2, as the facility's own reader reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from policies.filenames import RunFileName, parse_run_file, parse_run_folder


class EntryKind(StrEnum):
    """What a name in the run folder stands for."""

    FILE = "file"
    """A regular file."""
    LINK = "link"
    """A symbolic link; never followed."""
    FOLDER = "folder"
    """A folder; listed, not descended into."""
    SPECIAL = "special"
    """A pipe, socket or device; never opened."""


class Fault(StrEnum):
    """What can be wrong inside a file that opens."""

    TRAIN_ZERO = "train-zero"
    """A zero among the train ids; padding at the end is none."""
    TRAIN_ORDER = "train-order"
    """A train id smaller than the one before."""
    TRAIN_DUPLICATE = "train-duplicate"
    """A train id twice."""
    TRAIN_IMPLAUSIBLE = "train-implausible"
    """A train id that no counter of the facility reaches."""
    SOURCE_MISSING = "source-missing"
    """A source listed in METADATA has no group."""
    INDEX_MISSING = "index-missing"
    """A source has no first and count."""
    INDEX_LENGTHS = "index-lengths"
    """First and count differ in length."""
    INDEX_ENTRIES = "index-entries"
    """First and count have another number of entries than there are trains."""
    INDEX_START = "index-start"
    """The first entry is not 0."""
    INDEX_GAP = "index-gap"
    """Data between two trains belong to none."""
    INDEX_OVERLAP = "index-overlap"
    """Data belong to two trains."""
    INDEX_BEYOND = "index-beyond"
    """The index points behind the end of the data."""
    INDEX_IMPLAUSIBLE = "index-implausible"
    """First or count hold numbers that cannot be positions."""
    TIMESTAMP_ZERO = "timestamp-zero"
    """A zero among the timestamps; padding at the end is none."""
    TIMESTAMP_ORDER = "timestamp-order"
    """A timestamp earlier than the one before."""
    METADATA_INCOMPLETE = "metadata-incomplete"
    """An entry that this format version demands is missing or unreadable."""
    WRONG_TYPE = "wrong-type"
    """A dataset of another type or shape than the format demands."""
    TOO_LARGE = "too-large"
    """A dataset declared larger than any real one; not read."""
    LEADS_OUTSIDE = "leads-outside"
    """A link or dataset whose content is in another file; not followed."""
    CHANGED = "changed"
    """Size or modification time changed while the file was read."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """One fault.

    Attributes:
        fault: Its kind.
        where: Path inside the file.
        detail: Numbers that show it.
    """

    fault: Fault
    where: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrainRange:
    """Train ids from `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first + 1)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class TrainFacts:
    """Train ids of a file.

    Attributes:
        first: Smallest id; None when the file has no trains.
        last: Largest id; None when the file has no trains.
        count: Number of different ids.
        missing: Ranges that are absent between first and last, at most 256 of them.
        missing_count: Number of absent ids between first and last.
    """

    first: int | None = None
    last: int | None = None
    count: int = 0
    missing: tuple[TrainRange, ...] = ()
    missing_count: int = 0


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What a file says about itself; None where it says nothing.

    Attributes:
        format_version: `0.5`, `1.0`, `1.1`, `1.2`; 0.5 knows none of the other entries.
        created_at: `creationDate`, UTC.
        updated_at: `updateDate`, UTC.
        proposal: Proposal number.
        run: Run number.
        sequence: Sequence number.
        run_type: Run type as the DAQ named it.
        sample: Sample as the DAQ named it.
        daq_library: Version of the library that wrote the file.
        karabo_framework: Version of the control system.
    """

    format_version: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    proposal: int | None = None
    run: int | None = None
    sequence: int | None = None
    run_type: str | None = None
    sample: str | None = None
    daq_library: str | None = None
    karabo_framework: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One entry of the file's list of sources.

    Attributes:
        root: `CONTROL` or `INSTRUMENT`.
        device_id: The rest of the entry, `SPB_XTD9_XGM/DOOCS/MAIN:output/data`.
    """

    root: str
    device_id: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One name in the run folder.

    Attributes:
        filename: Name without folder; escaped where it is not printable UTF-8.
        kind: What it stands for.
        size_bytes: Size; 0 for what is not a file.
        mtime_ns: Modification time in ns since 1970.
        modified_at: The same as an instant, UTC.
        readable: Whether it was opened and understood as a run file.
        problem: Why it was not; empty when it was.
        metadata: What it says about itself; None when unreadable.
        trains: Its trains.
        sources: Its list of sources.
        faults: What is wrong inside, at most 200.
        adler32: 8 hex digits; empty until somebody computed it.
        xxh3_128: 32 hex digits; empty until somebody computed it.
    """

    filename: str
    kind: EntryKind
    size_bytes: int
    mtime_ns: int
    modified_at: datetime
    readable: bool = False
    problem: str = ""
    metadata: FileMetadata | None = None
    trains: TrainFacts = TrainFacts()
    sources: tuple[SourceFacts, ...] = ()
    faults: tuple[FileFault, ...] = ()
    adler32: str = ""
    xxh3_128: str = ""

    @property
    def name(self) -> RunFileName | None:
        """What the file name says; None when it is not the name of a run file."""
        return parse_run_file(self.filename)


@dataclass(frozen=True)
class RunFacts:
    """A run folder.

    Attributes:
        folder: Name of the folder, `r0003`.
        entries: Everything in it, by name.
    """

    folder: str
    entries: tuple[FileFacts, ...] = ()

    @property
    def folder_run(self) -> int | None:
        """Run number that the folder's name says; None when it says none."""
        return parse_run_folder(self.folder)

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Regular files that carry the name of a run file."""
        return tuple(e for e in self.entries if e.kind is EntryKind.FILE and e.name)

    @property
    def num_files(self) -> int:
        """Number of run files."""
        return len(self.files)

    @property
    def size_bytes(self) -> int:
        """Bytes of all run files."""
        return sum(f.size_bytes for f in self.files)

    @property
    def first_train(self) -> int | None:
        """Smallest train id of the run; None when no file has trains."""
        return min((f.trains.first for f in self.files if f.trains.first is not None), default=None)

    @property
    def last_train(self) -> int | None:
        """Largest train id of the run; None when no file has trains."""
        return max((f.trains.last for f in self.files if f.trains.last is not None), default=None)

    def with_digests(self, digests: Mapping[str, tuple[str, str]]) -> "RunFacts":
        """The same facts with digests filled in.

        Args:
            digests: (adler32, xxh3_128) by file name, hex; names that are not in the
                folder are ignored.
        """
        return RunFacts(
            self.folder,
            tuple(
                replace(e, adler32=digests[e.filename][0], xxh3_128=digests[e.filename][1])
                if e.filename in digests
                else e
                for e in self.entries
            ),
        )
