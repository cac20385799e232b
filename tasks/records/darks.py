"""Dark-run requests and constants: what is asked, what came of it."""

from datetime import timedelta

from catalog.commands import dark_life, dark_work, darks
from catalog.commands.calibration_work import PlannedExecution
from catalog.commands.dark_work import DarkResult, NewConstant
from catalog.commands.darks import Accepted, DarkAsk
from catalog.commands.leases import Held
from catalog.queries.calibration import detectors_of
from catalog.queries.darks import DarkPart, DarkView, dark_requests, versions_of_dark
from catalog.queries.facts import instrument_of
from catalog.queries.find import proposal_row
from policies.vocabulary import DarkState
from settings.model import load
from tasks.records.base import actor, database, now

__all__ = ["Accepted", "DarkAsk", "DarkPart", "DarkResult", "DarkView", "NewConstant"]


def request(asked: DarkAsk, operator: str) -> Accepted:
    """Accept a dark-run request.

    Raises:
        Invalid: A field breaks a rule; the message names both.
    """
    here = load().calibration
    wait = timedelta(hours=here.wait_migration_hours)
    with database().write() as session:
        who = actor(session, operator, asked.proposal)
        instrument = instrument_of(session, proposal_row(session, asked.proposal))
        detector = detectors_of(session, instrument.id or 0).get(asked.detector)
        jobs = here.instrument(instrument.identifier).jobs(
            detector.detector_type if detector else "*"
        )
        least = jobs.min_trains if jobs else None
        return darks.request(session, asked, who, now(), wait, least)


def due(number: int) -> list[DarkView]:
    """A proposal's requests that are not over."""
    with database().read() as session:
        return dark_requests(session, number, due_only=True)


def one(number: int, dark_run: int) -> DarkView | None:
    """A request of a proposal, None when it has no such."""
    with database().read() as session:
        return next((d for d in dark_requests(session, number) if d.id == dark_run), None)


def begin(number: int, dark_run: int, plan: PlannedExecution, held: Held) -> None:
    """Put the execution and the names of its jobs on record.

    Raises:
        LeaseLost: Somebody else took over.
        Refused: Not due.
    """
    with database().write() as session:
        dark_work.begin(session, number, dark_run, plan, held, now())


def finish(number: int, dark_run: int, result: DarkResult, held: Held) -> DarkState:
    """Put constants on record and end the request.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        return dark_work.finish(session, number, dark_run, result, held, now())


def fail(number: int, dark_run: int, why: str, held: Held) -> DarkState:
    """End a request that came to no constants.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        return dark_work.fail(session, number, dark_run, why, held, now())


def cancel(number: int, dark_run: int, operator: str, reason: str) -> DarkState:
    """Withdraw a request.

    Raises:
        Refused: It is over, or no reason.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return dark_life.cancel(session, number, dark_run, who, now(), reason)


def deploy(number: int, dark_run: int, operator: str, reason: str) -> int:
    """Use a request's constants from now on; answers how many.

    Raises:
        Refused: It has not come to constants.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        dark_work.deploy(session, number, dark_run, who, now(), reason)
        return len(versions_of_dark(session, dark_run))


def ccv_ids(dark_run: int) -> list[int]:
    """Row ids in CalCat of a request's constants."""
    with database().read() as session:
        return [v.ccv_id for v in versions_of_dark(session, dark_run) if v.ccv_id is not None]
