"""Moving a run to Maxwell: intent, proof, end. Every step shows its lease."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from catalog.commands import duties, leases
from catalog.commands.journal import emit, record
from catalog.commands.leases import Held
from catalog.commands.migration_plan import (
    MigrationPlan,
    place,
    plan_of,
    replica_of,
    store_of,
)
from catalog.commands.run_write import By, apply
from catalog.queries.facts import raw_group, run_facts
from catalog.queries.find import run_row
from catalog.tables.facility import Repository
from catalog.tables.files import Replica
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from catalog.views import RunMove
from policies.actor import SYSTEM, Actor
from policies.errors import Mismatch
from policies.run import RUN, VERSION, retry_after
from policies.vocabulary import Duty, ReplicaState, RunEvent, RunState, Subject, Topic


def begin(
    session: Session, number: int, run_number: int, held: Held, actor: Actor, now: datetime
) -> MigrationPlan:
    """Start or take over a migration; the intended copies are on record afterwards.

    A migrated run gives a plan too: its further copies may still be missing.

    Raises:
        Missing: No such proposal or run, or no repository to copy to.
        LeaseLost: The caller's lease is not the newest.
        Refused: The table says no (not assessed, a blocking finding, nothing registered).
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    if run.state is not RunState.MIGRATED:
        facts = run_facts(session, run)
        decision = RUN.decide(run.state, RunEvent.BEGIN_MIGRATION, actor.roles, facts)
        run.migration_begin_at = now
        run.migration_attempts += 1
        details = {"lease": held.token, "attempt": run.migration_attempts, "holder": held.holder}
        apply(session, proposal, run, decision, By(actor, now), details)
    return plan_of(session, proposal, run, now)


def record_copy(
    session: Session,
    number: int,
    run_number: int,
    repository: str,
    proof: Mapping[str, Any],
    held: Held,
    now: datetime,
) -> None:
    """Put a verified copy on record, with its proof.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        repository: Repository identifier.
        proof: What was read back: `manifest_hash`, `num_files`, `size_bytes`, how and when.
        held: The caller's lease.
        now: When, aware.

    Raises:
        LeaseLost: The caller's lease is not the newest: nothing is written.
        Mismatch: The proof speaks of another manifest.
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    group, store = raw_group(session, run), store_of(session, repository)
    if group is None or not group.manifest_hash or proof["manifest_hash"] != group.manifest_hash:
        raise Mismatch(
            f"the copy in {repository} proves manifest {str(proof['manifest_hash'])[:12]},"
            f" the run's is {group.manifest_hash[:12] if group else 'none'}"
        )
    replica = replica_of(session, group, store)
    if replica is None:
        replica = Replica(data_group_id=group.id or 0, repository_id=store.id or 0, state_since=now)
        session.add(replica)
    former = replica.state
    replica.state, replica.state_since, replica.verified_at = ReplicaState.VERIFIED, now, now
    replica.flg_available, replica.manifest_hash = True, group.manifest_hash
    replica.num_files, replica.byte_size = int(proof["num_files"]), int(proof["size_bytes"])
    replica.path = replica.path or place(proposal, run, store)
    replica.proof = {**proof, "lease": held.token}
    session.flush()
    _journal_copy(session, proposal, run, replica, store, str(former), SYSTEM, now, replica.proof)


def suspect_copy(
    session: Session,
    number: int,
    run_number: int,
    repository: str,
    why: str,
    held: Held,
    now: datetime,
) -> None:
    """Note that a copy failed its check; it never counts as one.

    Raises:
        LeaseLost: The caller's lease is not the newest.
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    group, store = raw_group(session, run), store_of(session, repository)
    replica = replica_of(session, group, store) if group else None
    if replica is None:
        return
    former = replica.state
    replica.state, replica.state_since = ReplicaState.SUSPECT, now
    replica.verified_at, replica.proof = None, {"fault": why}
    session.flush()
    _journal_copy(session, proposal, run, replica, store, str(former), SYSTEM, now, {"fault": why})


def _journal_copy(
    session: Session,
    proposal: Proposal,
    run: Run,
    replica: Replica,
    store: Repository,
    former: str,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    record(
        session,
        subject=Subject.REPLICA,
        subject_id=replica.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event=f"copy:{store.identifier}",
        source=former,
        target=str(replica.state),
        actor=actor,
        now=now,
        policy=VERSION,
        details=details,
    )


def complete(
    session: Session, number: int, run_number: int, held: Held, actor: Actor, now: datetime
) -> RunMove:
    """End a migration: two verified copies are on record, the world is told.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: The copies on record do not suffice.
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    source = run.state
    if source is RunState.MIGRATED:
        return RunMove(number, run_number, source, source, changed=False)
    facts = run_facts(session, run)
    decision = RUN.decide(source, RunEvent.COMPLETE_MIGRATION, actor.roles, facts)
    run.migration_end_at = now
    apply(session, proposal, run, decision, By(actor, now), {"copies": facts.verified_copies})
    key = f"migration_complete:{number}:{run_number}"
    emit(session, Topic.MIGRATION_COMPLETE, key=key, now=now, proposal=number, run=run_number)
    duties.settle_for_run(session, Duty.RETRY_MIGRATION, number, run_number, now, "migrated")
    return RunMove(number, run_number, source, run.state, changed=True)


def fail(
    session: Session,
    number: int,
    run_number: int,
    held: Held,
    actor: Actor,
    now: datetime,
    reason: str,
) -> datetime | None:
    """End an attempt without proof; the source is untouched and the next attempt is due.

    Returns:
        When the next attempt is due, None when a person must ask.

    Raises:
        LeaseLost: The caller's lease is not the newest.
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    if run.state is RunState.MIGRATED:
        return None
    facts = run_facts(session, run)
    decision = RUN.decide(run.state, RunEvent.FAIL_MIGRATION, actor.roles, facts, reason)
    apply(session, proposal, run, decision, By(actor, now, reason))
    wait = retry_after(run.migration_attempts)
    if wait is None:
        return None
    key = f"retry-migration:{number}:{run_number}:{run.migration_attempts}:{held.token}"
    duties.owe(
        session,
        Duty.RETRY_MIGRATION,
        key=key,
        due_at=now + wait,
        now=now,
        proposal=number,
        run=run_number,
    )
    return now + wait


def retry(
    session: Session, number: int, run_number: int, actor: Actor, now: datetime, reason: str = ""
) -> RunMove:
    """Ask for a failed migration again.

    Raises:
        Missing: No such proposal or run.
        Refused: It did not fail, or nothing is left to copy from.
    """
    proposal, run = run_row(session, number, run_number)
    facts = run_facts(session, run)
    decision = RUN.decide(run.state, RunEvent.RETRY_MIGRATION, actor.roles, facts, reason)
    source = run.state
    if actor.name != SYSTEM.name:
        run.migration_attempts = 0
    run.migration_request_at = now
    apply(session, proposal, run, decision, By(actor, now, reason))
    duties.settle_for_run(session, Duty.RETRY_MIGRATION, number, run_number, now, "asked again")
    return RunMove(number, run_number, source, run.state, changed=True)
