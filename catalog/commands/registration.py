"""Registering a run's files: the manifest that every copy is proved against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.commands.journal import record
from catalog.queries.facts import RAW, online_store, raw_group
from catalog.queries.find import run_row
from catalog.tables.files import DataGroup, DatasetFile, Replica
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.actor import SYSTEM
from policies.errors import Mismatch, Missing
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


def register_files(
    session: Session,
    number: int,
    run_number: int,
    files: Sequence[RegisteredFile],
    now: datetime,
) -> Registration:
    """Put the files of a closed run on record, in bulk.

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
    proposal, run = run_row(session, number, run_number)
    group = raw_group(session, run)
    if group is None:
        raise Missing(f"run {run_number} of proposal {number} has no raw data group", field="run")
    digest = manifest_hash([f.entry() for f in files]) if files else ""
    size = sum(f.size_bytes for f in files)
    if run.inspected_at is not None and group.manifest_hash == digest:
        return Registration(digest, run.num_files, run.size or 0, changed=False)
    if run.state in _FROZEN:
        raise Mismatch(
            f"run {run_number} of proposal {number} is {run.state} with manifest"
            f" {group.manifest_hash[:12]}, the files read now give {digest[:12]}",
            expected=group.manifest_hash,
            found=digest,
        )
    former = group.manifest_hash
    _replace(session, group, files)
    group.manifest_hash = run.manifest_hash = digest
    group.flg_writing = False
    group.format = "hdf5"
    run.size, run.num_files, run.inspected_at, run.updated_at = size, len(files), now, now
    _prove_online(session, proposal, group, files, now)
    _journal(session, proposal, run, former, digest, now, {"files": len(files), "bytes": size})
    return Registration(digest, len(files), size, changed=True)


def _replace(session: Session, group: DataGroup, files: Sequence[RegisteredFile]) -> None:
    session.connection().execute(
        sa.delete(DatasetFile).where(col(DatasetFile.data_group_id) == group.id)
    )
    rows = [_row(group, f) for f in files]
    for at in range(0, len(rows), CHUNK):
        session.connection().execute(sa.insert(DatasetFile), rows[at : at + CHUNK])


def _row(group: DataGroup, file: RegisteredFile) -> dict[str, Any]:
    return {
        "data_group_id": group.id,
        "data_group_type_id": RAW,
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


def _prove_online(
    session: Session,
    proposal: Proposal,
    group: DataGroup,
    files: Sequence[RegisteredFile],
    now: datetime,
) -> None:
    """The online copy was read completely: it is the first verified one."""
    repository = online_store(session, proposal)
    replica = session.exec(
        select(Replica).where(
            Replica.data_group_id == group.id, Replica.repository_id == repository.id
        )
    ).first()
    if replica is None:
        replica = Replica(
            data_group_id=group.id or 0, repository_id=repository.id or 0, state_since=now
        )
        session.add(replica)
    good = bool(files)
    replica.state = ReplicaState.VERIFIED if good else ReplicaState.SUSPECT
    replica.state_since = replica.verified_at = now
    replica.manifest_hash = group.manifest_hash
    replica.num_files, replica.byte_size = len(files), sum(f.size_bytes for f in files)
    replica.path = group.prefix_path
    replica.proof = {"how": "read completely when the run closed", "at": now.isoformat()}
    session.flush()


def _journal(
    session: Session,
    proposal: Proposal,
    run: Run,
    former: str,
    digest: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    record(
        session,
        subject=Subject.FILES,
        subject_id=run.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event="register-files",
        source=former or "---",
        target=digest or "no files",
        actor=SYSTEM,
        now=now,
        policy=VERSION,
        details=details,
    )
