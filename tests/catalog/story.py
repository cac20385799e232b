"""A proposal and its runs, made through the commands, for tests of the commands."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from catalog.commands import inbox, leases, migration, proposals, registration
from catalog.commands.inbox import Answer, Message
from catalog.commands.leases import Held
from catalog.commands.registration import RegisteredFile
from catalog.tables import Beamtime, Instrument, InstrumentCycle, TeamMember, User
from policies import layout
from policies.actor import SYSTEM, Actor
from policies.beamtime import OFFLINE_STEPS, ONLINE_STEPS
from policies.messages import MessageKind
from policies.vocabulary import BeamtimeEvent, BeamtimeState, Role, StepState
from tests.catalog.rows import proposal

T0 = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
ADMIN = Actor("boss", frozenset({Role.ADMIN}))
LEADER = Actor("leader", frozenset({Role.LS}))
MANAGER = Actor("alice", frozenset({Role.T_DM, Role.T_PART}))
PARTICIPANT = Actor("bob", frozenset({Role.T_PART}))
NUMBER = 2012


def new_proposal(session: Session, number: int = NUMBER, instrument: str = "SPB", **more: Any):
    """A proposal with a PI, a team and a beamtime inside its cycle."""
    place = session.exec(select(Instrument).where(Instrument.identifier == instrument)).one()
    cycle = InstrumentCycle(
        identifier=f"{number % 1_000_000:06d}",
        instrument_id=place.id,
        begin_at=T0 - timedelta(days=30),
        end_at=T0 + timedelta(days=90),
    )
    session.add(cycle)
    pi = User(uid=f"pi{number}", name="Paula Ibsen", email=f"pi{number}@example.org")
    session.add(pi)
    session.flush()
    row = proposal(
        session,
        number,
        instrument,
        principal_investigator_id=pi.id,
        orig_repository_id=place.repository_id,
        **more,
    )
    row.instrument_cycle_id = cycle.id
    root = layout.proposal_root(instrument, cycle.identifier, number)
    row.def_proposal_path = f"{root}/raw"
    session.add(Beamtime(proposal_id=row.id, begin_at=T0, end_at=T0 + timedelta(days=5)))
    session.add(TeamMember(proposal_id=row.id, user_id=pi.id, data_access_role=1))
    session.flush()
    return row


def provision(session: Session, number: int = NUMBER, now: datetime = T0) -> None:
    """Record every step green."""
    for step in (*OFFLINE_STEPS, *ONLINE_STEPS):
        proposals.begin_step(session, number, step, SYSTEM, now)
        proposals.record_step(session, number, step, StepState.DONE, SYSTEM, now, message="ok")


FORWARD = {
    BeamtimeState.GPFS_OFFLINE_DONE: BeamtimeEvent.OFFLINE_CONFIGURED,
    BeamtimeState.GPFS_ONLINE_DONE: BeamtimeEvent.ONLINE_CONFIGURED,
    BeamtimeState.READY: BeamtimeEvent.MAKE_READY,
    BeamtimeState.ACTIVE: BeamtimeEvent.START,
}


def bring_to(session: Session, target: BeamtimeState, number: int = NUMBER) -> None:
    """A proposal brought forward to Ready or Active through the table."""
    new_proposal(session, number)
    provision(session, number)
    for state, event in FORWARD.items():
        proposals.advance(session, number, event, SYSTEM, T0)
        if state is target:
            return


def opened(run: int, number: int = NUMBER, **more: Any) -> dict[str, Any]:
    return {
        "proposal": number,
        "run": run,
        "begin_at": T0.isoformat(),
        "first_train": 1000,
        "run_type": "Sample",
        "sample": "lysozyme",
        **more,
    }


def closed(run: int, number: int = NUMBER, **more: Any) -> dict[str, Any]:
    end = T0 + timedelta(minutes=1)
    return {"proposal": number, "run": run, "end_at": end.isoformat(), "last_train": 1600, **more}


def post(
    session: Session, kind: MessageKind, body: dict[str, Any], event_id: str, now: datetime = T0
) -> Answer:
    """Accept a message of the DAQ."""
    digest = hashlib.sha256(repr(sorted(body.items())).encode()).hexdigest()
    message = Message("spb-daq", event_id, kind, body, digest)
    return inbox.accept(session, message, now)


def record_run(session: Session, run: int, number: int = NUMBER) -> None:
    """A run that the DAQ opened and closed and whose files are registered."""
    post(session, MessageKind.RUN_OPENED, opened(run, number), f"o{number}-{run}")
    post(session, MessageKind.RUN_CLOSED, closed(run, number), f"c{number}-{run}")
    registration.register_files(session, number, run, files(run), T0)


def files(run: int, count: int = 2, mark: str = "a") -> list[RegisteredFile]:
    return [
        RegisteredFile(f"RAW-R{run:04d}-DA{i:02d}-S00000.h5", 1000 + i, mark * 32, mark * 8)
        for i in range(1, count + 1)
    ]


def lease(session: Session, run: int, holder: str = "w1", now: datetime = T0) -> Held:
    key = f"run-migrate:{NUMBER}:{run}"
    return leases.acquire(session, key, holder, now, timedelta(seconds=60))


def proof(plan: migration.MigrationPlan) -> dict[str, Any]:
    size = sum(e.size_bytes for e in plan.manifest)
    return {
        "manifest_hash": plan.manifest_hash,
        "num_files": len(plan.manifest),
        "size_bytes": size,
        "read_back": "direct",
    }
