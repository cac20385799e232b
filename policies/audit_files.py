"""Rules that look at one file of a run at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from policies.audit_claims import AuditSettings, CatalogFacts, ClaimedFile, Claims
from policies.audit_facts import EntryKind, Fault, FileFacts, FileMetadata, RunFacts
from policies.filenames import RunFileName


@dataclass(frozen=True)
class Case:
    """Everything a rule may look at."""

    facts: RunFacts
    claims: Claims
    catalog: CatalogFacts
    settings: AuditSettings

    @property
    def run(self) -> int | None:
        """The run that this folder should hold: by the catalog, else by its name."""
        if self.catalog.run is not None:
            return self.catalog.run
        return self.facts.folder_run

    @property
    def claimed(self) -> dict[str, ClaimedFile]:
        """Claimed files by name."""
        return {c.filename: c for c in self.claims.files}

    def understood(self) -> Iterator[tuple[FileFacts, RunFileName, FileMetadata]]:
        """Run files that were read, with their name and metadata."""
        for entry in self.facts.files:
            name = entry.name
            if entry.readable and name is not None and entry.metadata is not None:
                yield entry, name, entry.metadata


@dataclass(frozen=True)
class Hit:
    """Something that a rule found.

    Attributes:
        file: File it speaks of; empty for the whole run.
        message: A sentence.
        expected: What should be there.
        found: What is there.
    """

    file: str
    message: str
    expected: str = ""
    found: str = ""


def unreadable(case: Case) -> Iterator[Hit]:
    """Run files that do not open or are not understood."""
    for entry in case.facts.files:
        if not entry.readable:
            yield Hit(
                entry.filename,
                f"cannot be read: {entry.problem}",
                "a run file of format 0.5 to 1.2",
                entry.problem,
            )


def links(case: Case) -> Iterator[Hit]:
    """Names that are no files of their own although they are named like run files."""
    for entry in case.facts.entries:
        if entry.name is not None and entry.kind is not EntryKind.FILE:
            yield Hit(
                entry.filename,
                f"is a {entry.kind}, not a file{': ' * bool(entry.problem)}{entry.problem}",
                "a regular file",
                f"a {entry.kind}",
            )


_STRANGER = "does not belong in a run folder"


def foreign(case: Case) -> Iterator[Hit]:
    """Entries that are no run files and no known leftovers: they are not copied.

    That the data acquisition claims one excuses nothing: it would be missing in every copy.
    """
    expected = "only this run's files"
    for entry in case.facts.entries:
        known = entry.filename in case.settings.whitelist and entry.kind is EntryKind.FILE
        if entry.name is None and not known:
            what = "a file that is no run file" if entry.kind is EntryKind.FILE else entry.kind
            claimed = entry.filename in case.claimed
            said = "was written by the DAQ and will not be copied" if claimed else _STRANGER
            yield Hit(entry.filename, f"{said}: {what}", expected, what)


def foreign_run(case: Case) -> Iterator[Hit]:
    """Run files that carry another run's number, or another class, in their name."""
    for entry in case.facts.entries:
        name = entry.name
        if name is None:
            continue
        if case.run is not None and name.run != case.run:
            yield Hit(
                entry.filename,
                f"is named as a file of run {name.run} in the folder of run {case.run}",
                f"run {case.run}",
                f"run {name.run}",
            )
        if case.catalog.run_class and name.run_class != case.catalog.run_class:
            yield Hit(
                entry.filename,
                f"is a {name.run_class} file among {case.catalog.run_class} files",
                case.catalog.run_class,
                name.run_class,
            )


def identity_run(case: Case) -> Iterator[Hit]:
    """Files whose METADATA names another run than the folder and the catalog."""
    for entry, name, metadata in case.understood():
        expected = name.run if case.run is None else case.run
        if metadata.run is not None and metadata.run != expected:
            yield Hit(
                entry.filename,
                f"METADATA says run {metadata.run}, this is run {expected}",
                f"run {expected}",
                f"run {metadata.run}",
            )


def identity_proposal(case: Case) -> Iterator[Hit]:
    """Files whose METADATA names another proposal than the catalog."""
    expected = case.catalog.proposal
    for entry, _, metadata in case.understood():
        if metadata.proposal is not None and metadata.proposal != expected:
            yield Hit(
                entry.filename,
                f"METADATA says proposal {metadata.proposal}, this run belongs to {expected}",
                f"proposal {expected}",
                f"proposal {metadata.proposal}",
            )


def identity_sequence(case: Case) -> Iterator[Hit]:
    """Files whose METADATA counts another sequence than their name."""
    for entry, name, metadata in case.understood():
        if None not in (name.sequence, metadata.sequence) and name.sequence != metadata.sequence:
            yield Hit(
                entry.filename,
                f"METADATA says sequence {metadata.sequence}, the name says {name.sequence}",
                f"sequence {name.sequence}",
                f"sequence {metadata.sequence}",
            )


def size_claimed(case: Case) -> Iterator[Hit]:
    """Files of another size than the data acquisition says."""
    for entry in case.facts.files:
        claim = case.claimed.get(entry.filename)
        if claim and claim.size_bytes is not None and claim.size_bytes != entry.size_bytes:
            yield Hit(
                entry.filename,
                f"has {entry.size_bytes} bytes, the DAQ wrote {claim.size_bytes}",
                f"{claim.size_bytes} bytes",
                f"{entry.size_bytes} bytes",
            )


def checksum_claimed(case: Case) -> Iterator[Hit]:
    """Files whose Adler-32 is not the one that the data acquisition computed."""
    for entry in case.facts.files:
        claim = case.claimed.get(entry.filename)
        if claim:
            yield from _differ(entry, "Adler-32", "the DAQ wrote", (claim.checksum, entry.adler32))


def checksum_registered(case: Case) -> Iterator[Hit]:
    """Files whose digests are not those on record."""
    for entry in case.facts.files:
        record = case.catalog.registered.get(entry.filename)
        if record:
            told = "on record is"
            yield from _differ(entry, "Adler-32", told, (record.adler32, entry.adler32))
            yield from _differ(entry, "XXH3-128", told, (record.xxh3_128, entry.xxh3_128))


def _differ(entry: FileFacts, what: str, told: str, pair: tuple[str, str]) -> Iterator[Hit]:
    expected, found = pair[0].lower(), pair[1].lower()
    if expected and expected != found:
        seen = found or "not known, the file could not be read"
        message = f"{what} is {seen}, {told} {expected}"
        yield Hit(entry.filename, message, expected, found or "unknown")


def size_registered(case: Case) -> Iterator[Hit]:
    """Files of another size than on record."""
    for entry in case.facts.files:
        record = case.catalog.registered.get(entry.filename)
        if record and record.size_bytes != entry.size_bytes:
            yield Hit(
                entry.filename,
                f"has {entry.size_bytes} bytes, on record are {record.size_bytes}",
                f"{record.size_bytes} bytes",
                f"{entry.size_bytes} bytes",
            )


def modified(case: Case) -> Iterator[Hit]:
    """Files that changed long after the run ended."""
    end_at = case.claims.end_at
    for entry in case.facts.files if end_at else ():
        if end_at and entry.modified_at - end_at > case.settings.modified_after:
            yield Hit(
                entry.filename,
                f"was modified at {_instant(entry.modified_at)}, the run ended {_instant(end_at)}",
                f"no change after {_instant(end_at)} + {case.settings.modified_after}",
                _instant(entry.modified_at),
            )


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def created(case: Case) -> Iterator[Hit]:
    """Files whose creation date lies outside the run."""
    begin, end, slack = case.claims.begin_at, case.claims.end_at, case.settings.creation_tolerance
    for entry, _, metadata in case.understood():
        at = metadata.created_at
        if at is None:
            continue
        early = begin is not None and begin - at > slack
        if early or (end is not None and at - end > slack):
            window = " to ".join(_instant(i) if i else "…" for i in (begin, end))
            yield Hit(
                entry.filename,
                f"was created at {_instant(at)}, outside the run ({window})",
                f"{window} ± {slack}",
                _instant(at),
            )


def faulty(case: Case, kinds: Iterable[Fault], expected: str) -> Iterator[Hit]:
    """Files with faults of these kinds."""
    wanted = frozenset(kinds)
    for entry in case.facts.files:
        for item in entry.faults:
            if item.fault in wanted:
                tail = f" ({item.detail})" if item.detail else ""
                yield Hit(
                    entry.filename,
                    f"{item.fault} in {item.where}{tail}",
                    expected,
                    f"{item.fault} in {item.where}",
                )
