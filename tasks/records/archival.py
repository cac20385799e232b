"""Raw data on their way to tape only, as flows see it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalog.commands import archival as commands
from catalog.commands import journal
from catalog.commands.archival_write import TapeStore
from catalog.commands.leases import Held
from catalog.queries import archival as queries
from policies.archival import ArchivalRules, TapeCopy
from policies.errors import BeamkeeperError
from policies.vocabulary import ArchivalEvent, ArchivalState, Locality, Work
from settings.model import load
from tasks.records.base import actor, database, now

RULES = ArchivalRules()
"""The facility's rules."""


@dataclass(frozen=True)
class Swept:
    """What the sweep did with one proposal.

    Attributes:
        proposal: Its number.
        outcome: In words.
        trouble: Whether a person should look.
    """

    proposal: int
    outcome: str
    trouble: bool = False


def store() -> TapeStore | None:
    """What the site says of its tape store; None: nothing is configured."""
    here = load()
    if here.tape is None or here.storage is None:
        return None
    return TapeStore(here.storage.archive, here.tape.copies_per_file)


def sweep() -> list[Swept]:
    """Plan, tell and begin; every proposal in a transaction of its own."""
    with database().read() as session:
        unplanned = queries.unplanned(session)
    done = [s for number in unplanned if (s := _isolated(number, _plan))]
    with database().read() as session:
        planned = queries.in_state(session, [ArchivalState.PLANNED], now())
    done += [s for number in planned if (s := _isolated(number, _notify))]
    here = load().tape
    if here is None:
        return done
    states = [ArchivalState.MOVING, ArchivalState.NOTICED]
    with database().read() as session:
        waiting = queries.in_state(session, states, now())
    asked = 0
    for number in waiting:
        if asked >= here.proposals_per_round:
            done.append(Swept(number, f"not more than {asked} begin in one round", trouble=True))
            break
        found = _isolated(number, _ask)
        if found is not None:
            asked += not found.trouble
            done.append(found)
    return done


def _isolated(number: int, act: Callable[[int], str]) -> Swept | None:
    try:
        words = act(number)
    except BeamkeeperError as error:
        return Swept(number, error.message, trouble=True)
    return Swept(number, words) if words else None


def _plan(number: int) -> str:
    with database().write() as session:
        return "planned" if commands.plan(session, number, RULES, now()) else ""


def _notify(number: int) -> str:
    with database().write() as session:
        return "the team was told" if commands.notify(session, number, RULES, now()) else ""


def _ask(number: int) -> str:
    moment = now()
    with database().write() as session:
        if not commands.ready(session, number, RULES, moment):
            return ""
        key = f"{Work.DATA_ARCHIVE}:{number}:{moment:%Y%m%d}"
        journal.ask(
            session,
            Work.DATA_ARCHIVE,
            key=key,
            now=moment,
            parameters={"proposal": number},
            proposal=number,
        )
    return "asked for data-archive"


def begin(number: int, tape: TapeStore, held: Held) -> list[TapeCopy]:
    """Begin, or go on; answers the copies that it is about."""
    with database().write() as session:
        return commands.begin(session, number, RULES, tape, held, now())


def with_files(copies: list[TapeCopy]) -> Iterator[TapeCopy]:
    """The copies one by one, each with its files: a proposal may have a million."""
    for copy in copies:
        with database().read() as session:
            yield replace(copy, files=queries.files(session, copy.replica))


def saw(replica: int, locality: Locality | None, held: Held) -> None:
    """Note where the store says that a copy is."""
    with database().write() as session:
        commands.saw(session, replica, locality, held, now())


def stop(number: int, held: Held, reason: str, details: Mapping[str, Any]) -> None:
    """Stop, with the reason."""
    with database().write() as session:
        commands.stop(session, number, held, now(), reason, details)


def complete(number: int, tape: TapeStore, proof: Mapping[str, Any], held: Held) -> None:
    """Everything is on tape only."""
    with database().write() as session:
        commands.complete(session, number, RULES, tape, proof, held, now())


def decide(number: int, event: ArchivalEvent, operator: str, reason: str) -> ArchivalState:
    """Veto, or take a veto back."""
    with database().write() as session:
        who = actor(session, operator, number)
        return commands.decide(session, number, event, who, now(), reason)
