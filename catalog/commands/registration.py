"""Registering a run's files: the manifest that every copy is proved against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from catalog.commands.journal import record
from catalog.queries.homes import Home, raw_homes
from catalog.tables.files import DataGroup, DatasetFile, Replica
from policies.actor import SYSTEM
from policies.errors import Invalid, Mismatch
from policies.manifest import ManifestEntry, manifest_hash
from policies.run import VERSION
from policies.vocabulary import ReplicaState, RunState, Subject

CHUNK = 2_000
"""Rows of one bulk statement."""

_FROZEN = frozenset({RunState.MIGRATING, RunState.MIGRATED})


@dataclass(frozen=True)
class RegisteredFile:
    """One file as it was read.

    Attributes:
        relative_path: Path below the run folder.
        size_bytes: Size.
        xxh3_128: Strong digest, hex.
        adler32: dCache's own sum, 8 hex digits.
        created_at: From the file's METADATA or its mtime, aware; None when unknown.
        first_train: First train id, None without trains.
        last_train: Last train id, None without trains.
        num_trains: Number of trains, None when not read.
        mtime_ns: Modification time.
        format: `hdf5` or `tiff`.
    """

    relative_path: str
    size_bytes: int
    xxh3_128: str
    adler32: str
    created_at: datetime | None = None
    first_train: int | None = None
    last_train: int | None = None
    num_trains: int | None = None
    mtime_ns: int | None = None
    format: str = "hdf5"

    def entry(self) -> ManifestEntry:
        """The file as a line of the manifest."""
        return ManifestEntry(self.relative_path, self.size_bytes, self.xxh3_128, self.adler32)


@dataclass(frozen=True)
class Registration:
    """What registering came to.

    Attributes:
        manifest_hash: Hash of the manifest in force.
        num_files: Files on record.
        size_bytes: Their sum.
        changed: Whether anything changed.
    """

    manifest_hash: str
    num_files: int
    size_bytes: int
    changed: bool


@dataclass(frozen=True)
class RunFiles:
    """The files of one run, to be registered together with those of others.

    Attributes:
        number: Proposal number.
        run_number: Run number.
        files: Every raw file, digests included.
    """

    number: int
    run_number: int
    files: Sequence[RegisteredFile]


def register_files(
    session: Session,
    number: int,
    run_number: int,
    files: Sequence[RegisteredFile],
    now: datetime,
) -> Registration:
    """Put the files of a closed run on record.

    The same files again change nothing. Before a migration began, another set replaces the
    former one and the history keeps both hashes; afterwards it is a mismatch.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        files: Every raw file, digests included.
        now: When, aware.

    Raises:
        Missing: No such proposal or run, or it has no raw data group.
        Mismatch: The run is migrating or migrated and its files are not what was copied.
    """
    return register_runs(session, [RunFiles(number, run_number, files)], now)[0]


def register_runs(session: Session, batch: Sequence[RunFiles], now: datetime) -> list[Registration]:
    """Put the files of many runs on record at once, each as `register_files` would.

    The number of questions to the database does not depend on the number of runs. All are
    decided before anything is written, so an error leaves every run as it was.

    Args:
        session: A writing session.
        batch: Runs with their files, each run once.
        now: When, aware.

    Returns:
        One result per run, in the order of the batch.

    Raises:
        Invalid: A run is given twice.
        Missing: No such proposal or run, or it has no raw data group.
        Mismatch: A run is migrating or migrated and its files are not what was copied.
    """
    wanted = [(one.number, one.run_number) for one in batch]
    if len(set(wanted)) < len(wanted):
        raise Invalid("a run is given twice", fields={"batch": "names a run twice"})
    homes = raw_homes(session, wanted)
    decided = [_decide(homes[one.number, one.run_number], one) for one in batch]
    fresh = [one for one in decided if one.result.changed]
    _replace(session, fresh)
    # One flush at the end writes all rows of a table together.
    with session.no_autoflush:
        for one in fresh:
            _apply(session, one, now)
    return [one.result for one in decided]


@dataclass(frozen=True)
class _Decided:
    """A run's files with what registering them will come to."""

    home: Home
    files: Sequence[RegisteredFile]
    result: Registration


def _decide(home: Home, asked: RunFiles) -> _Decided:
    """Same files, other files, or too late.

    Raises:
        Mismatch: The run is migrating or migrated and its files are not what was copied.
    """
    run, group, files = home.run, home.group, asked.files
    digest = manifest_hash([f.entry() for f in files]) if files else ""
    if run.inspected_at is not None and group.manifest_hash == digest:
        former = Registration(digest, run.num_files, run.size or 0, changed=False)
        return _Decided(home, files, former)
    if run.state in _FROZEN:
        raise Mismatch(
            f"run {run.run_number} of proposal {asked.number} is {run.state} with manifest"
            f" {group.manifest_hash[:12]}, the files read now give {digest[:12]}",
            expected=group.manifest_hash,
            found=digest,
        )
    size = sum(f.size_bytes for f in files)
    return _Decided(home, files, Registration(digest, len(files), size, changed=True))


def _apply(session: Session, one: _Decided, now: datetime) -> None:
    """Note on the run, its data group and its online copy what was read; write the history."""
    run, group, result = one.home.run, one.home.group, one.result
    former = group.manifest_hash
    group.manifest_hash = run.manifest_hash = result.manifest_hash
    group.flg_writing = False
    group.format = "hdf5"
    run.size, run.num_files = result.size_bytes, result.num_files
    run.inspected_at = run.updated_at = now
    _prove_online(session, one.home, result, now)
    _journal(session, one, former, now)


def _replace(session: Session, fresh: Sequence[_Decided]) -> None:
    """New file rows in place of the former ones; a run never inspected has none."""
    connection = session.connection()
    ids = [one.home.group.id for one in fresh if one.home.run.inspected_at is not None]
    for at in range(0, len(ids), CHUNK):
        some = col(DatasetFile.data_group_id).in_(ids[at : at + CHUNK])
        connection.execute(sa.delete(DatasetFile).where(some))
    rows = [file_row(one.home.group, file) for one in fresh for file in one.files]
    for at in range(0, len(rows), CHUNK):
        connection.execute(sa.insert(DatasetFile), rows[at : at + CHUNK])


def file_row(group: DataGroup, file: RegisteredFile) -> dict[str, Any]:
    """A file as a row of its data group."""
    return {
        "data_group_id": group.id,
        "data_group_type_id": group.data_group_type_id,
        "filename": file.relative_path.rsplit("/", 1)[-1],
        "relative_path": file.relative_path,
        "flg_available": True,
        "flg_immutable": True,
        "file_creation_at": file.created_at,
        "byte_size": file.size_bytes,
        "checksum": file.adler32,
        "checksum_algorithm": "adler32",
        "xxh3_128": file.xxh3_128,
        "format": file.format,
        "year": file.created_at.year if file.created_at else None,
        "first_train": file.first_train,
        "last_train": file.last_train,
        "num_trains": file.num_trains,
        "mtime_ns": file.mtime_ns,
    }


def _prove_online(session: Session, home: Home, result: Registration, now: datetime) -> None:
    """The online copy was read completely: it is the first verified one."""
    replica, group = home.online, home.group
    if replica is None:
        replica = Replica(data_group_id=group.id or 0, repository_id=home.store_id, state_since=now)
        session.add(replica)
    good = result.num_files > 0
    replica.state = ReplicaState.VERIFIED if good else ReplicaState.SUSPECT
    replica.state_since = replica.verified_at = now
    replica.manifest_hash = result.manifest_hash
    replica.num_files, replica.byte_size = result.num_files, result.size_bytes
    replica.path = group.prefix_path
    replica.proof = {"how": "read completely when the run closed", "at": now.isoformat()}


def _journal(session: Session, one: _Decided, former: str, now: datetime) -> None:
    run, result = one.home.run, one.result
    record(
        session,
        subject=Subject.FILES,
        subject_id=run.id or 0,
        proposal=one.home.proposal.number,
        run=run.run_number,
        event="register-files",
        source=former or "---",
        target=result.manifest_hash or "no files",
        actor=SYSTEM,
        now=now,
        policy=VERSION,
        details={"files": result.num_files, "bytes": result.size_bytes},
    )
