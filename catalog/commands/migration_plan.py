"""What a migration copies, from where to where."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from catalog.queries.facts import RAW, online_store, raw_group
from catalog.tables.facility import Repository
from catalog.tables.files import DataGroup, DatasetFile, Replica
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies import layout
from policies.errors import Missing
from policies.manifest import ManifestEntry
from policies.replica import MIGRATION_TARGETS, Tier
from policies.vocabulary import ReplicaState


@dataclass(frozen=True)
class Target:
    """Where a copy goes.

    Attributes:
        repository: Repository identifier.
        tier: Kind of store.
        path: Folder of the run there, as the catalog names it.
        done: Whether a verified copy with this manifest is on record already.
    """

    repository: str
    tier: Tier
    path: str
    done: bool


@dataclass(frozen=True)
class MigrationPlan:
    """What a worker needs to copy a run.

    Attributes:
        proposal: Proposal number.
        run: Run number.
        source: The online copy.
        targets: Copies to make, in order.
        manifest: Every file with size and digests.
        manifest_hash: Its hash.
        attempt: Which attempt this is, from 1.
    """

    proposal: int
    run: int
    source: Target
    targets: tuple[Target, ...]
    manifest: tuple[ManifestEntry, ...]
    manifest_hash: str
    attempt: int


def plan_of(session: Session, proposal: Proposal, run: Run, now: datetime) -> MigrationPlan:
    """What to copy where; intended copies are on record afterwards.

    Raises:
        Missing: The proposal has no online repository, or a tier has no store.
    """
    group = raw_group(session, run)
    online = online_store(session, proposal)
    if group is None:
        raise Missing(f"run {run.run_number} has no raw data group", field="run")
    files = session.exec(
        select(DatasetFile)
        .where(DatasetFile.data_group_id == group.id)
        .order_by(DatasetFile.relative_path)
    )
    manifest = tuple(
        ManifestEntry(f.relative_path, f.byte_size, f.xxh3_128, f.checksum) for f in files
    )
    stores = _targets(session)
    targets = tuple(_target(session, proposal, run, group, store, now) for store in stores)
    return MigrationPlan(
        proposal.number,
        run.run_number,
        Target(online.identifier, Tier(online.tier), group.prefix_path, True),
        targets,
        manifest,
        group.manifest_hash,
        run.migration_attempts,
    )


def _targets(session: Session) -> list[Repository]:
    """The first available store of each tier that a migration writes to."""
    found = []
    for tier in MIGRATION_TARGETS:
        store = session.exec(
            select(Repository)
            .where(Repository.tier == tier, col(Repository.flg_available))
            .where(
                or_(
                    col(Repository.data_group_type_id) == RAW,
                    col(Repository.data_group_type_id).is_(None),
                )
            )
            .order_by(col(Repository.rank), col(Repository.id))
        ).first()
        if store is None:
            raise Missing(f"no {tier} repository is available", field="repository")
        found.append(store)
    return found


def place(proposal: Proposal, run: Run, store: Repository) -> str:
    """The run's folder in a store of the computing centre, as the catalog names it.

    It follows the path that was recorded when the proposal's folders were made, so that
    data of one proposal stay together whatever becomes of its cycle.
    """
    home = layout.home_of(proposal.def_proposal_path)
    return f"{store.mount_point}/{home.tail}/{run.run_folder}"


def _target(
    session: Session,
    proposal: Proposal,
    run: Run,
    group: DataGroup,
    store: Repository,
    now: datetime,
) -> Target:
    replica = replica_of(session, group, store)
    done = (
        replica is not None
        and replica.state is ReplicaState.VERIFIED
        and replica.manifest_hash == group.manifest_hash
        and replica.flg_available
    )
    path = (replica.path if replica else "") or place(proposal, run, store)
    if replica is None:
        replica = Replica(
            data_group_id=group.id or 0,
            repository_id=store.id or 0,
            state=ReplicaState.PLANNED,
            state_since=now,
            path=path,
        )
        session.add(replica)
        session.flush()
    return Target(store.identifier, Tier(store.tier), path, done)


def replica_of(session: Session, group: DataGroup, store: Repository) -> Replica | None:
    """The copy of a data group in a store, None when none was ever intended."""
    return session.exec(
        select(Replica).where(Replica.data_group_id == group.id, Replica.repository_id == store.id)
    ).first()


def store_of(session: Session, identifier: str) -> Repository:
    """A repository by identifier.

    Raises:
        Missing: No such repository.
    """
    row = session.exec(select(Repository).where(Repository.identifier == identifier)).first()
    if row is None:
        raise Missing(f"there is no repository {identifier!r}", field="repository")
    return row
