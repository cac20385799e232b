"""A release killed at every boundary: only what is proved is open, and all opens in the end."""

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import select

from catalog.commands.journal import ask
from catalog.tables import Proposal
from policies.vocabulary import BeamtimeState, ReleaseState, Work
from settings.clock import utc_now
from tests.flows.test_kills import (  # noqa: F401 - fixtures
    FIRST,
    converge,
    handed_over,
    nest,
    place,
    victims,
)
from tests.flows.test_release import load_policy, public, strange, tmp_path, written  # noqa: F401


def due_at_once(site, numbers):
    """Beamtimes are over, embargoes too; each opening is asked for."""
    load_policy(site)
    with site.database.write() as session:
        session.connection().execute(
            sa.update(Proposal).values(
                flg_beamtime_status=BeamtimeState.CLOSED,
                release_at=utc_now() - timedelta(days=1),
                policy_identifier="euxfel-2017",
                policy_version=1,
            )
        )
        for number in numbers:
            asked = {"parameters": {"proposal": number}, "proposal": number}
            ask(session, Work.RELEASE_ONE, key=f"release:{number}", now=utc_now(), **asked)


def state(site, number):
    with site.database.read() as session:
        query = select(Proposal.release_state, Proposal.flg_public)
        return session.exec(query.where(Proposal.number == number)).one()


def test_release_survives_a_kill_at_every_boundary(place, victims):  # noqa: F811
    crossings = 16
    numbers = [FIRST + at for at in range(crossings + 1)]
    for number in numbers:
        place.add_proposal(number)
        place.make_ready(number)
        place.request(1, number)
    moved = [handed_over(place, Work.RUN_MIGRATE, number, 1) for number in numbers]
    assert {code for code, _ in victims.pairs(moved)} == {0}
    due_at_once(place, numbers)

    ((code, crossed),) = victims.run(handed_over(place, Work.RELEASE_ONE, FIRST))
    assert code == 0
    assert crossed.pop().startswith(f"= Completed: p{FIRST:06d} is open"), crossed
    names = Counter(name.partition(":")[0] for name in crossed)
    assert {"begin", "save_digests", "done", "confirm", "conclude"} <= set(names), names
    assert {"open_folder is done", "way is done", "lead is done"} <= set(names), names
    assert len(crossed) == crossings, crossed

    killed = {FIRST + 1 + at: at for at in range(crossings)}
    orders = [
        handed_over(place, Work.RELEASE_ONE, number) | {"last": at} for number, at in killed.items()
    ]
    for code, said in victims.pairs(orders):
        assert code == -9, said
    for number, at in killed.items():
        opened = state(place, number)
        # Only a recorded opening is one, and it was read before.
        assert opened[0] in {ReleaseState.EMBARGOED, ReleaseState.OPENING, ReleaseState.OPEN}
        assert opened[1] is (opened[0] is ReleaseState.OPEN), f"killed at {crossed[at]}"
        if opened[1]:
            assert strange(public(place, 1, number)) == written(place, 1, number)
    converge(place, victims, len(killed))
    for number, at in killed.items():
        where = f"killed at {crossed[at]}"
        assert state(place, number) == (ReleaseState.OPEN, True), where
        assert strange(public(place, 1, number)) == written(place, 1, number), where
        past = Counter(place.events(number=number))
        assert (past["begin-opening"], past["confirm-open"], past["close-again"]) == (1, 1, 0), (
            where
        )
        told = [o for o in place.outbox(kind="notice", proposal=number) if "opened:" in o.key]
        assert len(told) == 1, where
