"""Data open: on real files and ACLs, read by an account that is in no group; or stay closed."""

import hashlib
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from catalog.commands import data_policies, holds, leases, outbox
from catalog.tables import DatasetFile, PartRelease, Proposal, ReleaseRecord, Run
from flows import release_steps
from flows.folders import offline_acls
from flows.release_ask import ReleaseAsk, release_ask
from flows.release_close import release_close
from flows.release_one import release_one
from flows.run_migrate import run_migrate
from policies.errors import Unavailable
from policies.vocabulary import BeamtimeState, HoldKind, ReleaseState, ReleaseStep, Work
from settings.clock import utc_now
from settings.data_policies import read_policies
from tasks.records import releases, work
from tasks.storage import identity
from tasks.storage.identity import acting_as
from tasks.storage.opening import STRANGER
from tests.catalog.story import ADMIN
from tests.flows.site import NUMBER, OFFLINE

S = ReleaseState
YESTERDAY = timedelta(days=1)


@pytest.fixture
def tmp_path():
    """A folder that everybody may pass to, as they may to a facility's storage."""
    folder = Path(tempfile.mkdtemp(prefix="open-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def due(ready, put):
    """Two migrated runs of a reviewed beamtime whose embargo ended yesterday."""
    for run in (1, 2):
        ready.request(run)
        assert put(run_migrate, proposal=NUMBER, run=run).name == "Completed"
    load_policy(ready)
    with ready.database.write() as session:
        session.connection().execute(
            sa.update(Proposal).values(
                flg_beamtime_status=BeamtimeState.CLOSED,
                release_at=utc_now() - YESTERDAY,
                policy_identifier="euxfel-2017",
                policy_version=1,
            )
        )
    return ready


def load_policy(site):
    """The facility's policy, on record."""
    read = read_policies(("euxfel-2017",))
    given = [data_policies.PolicyDocument(one.document, one.sha256) for one in read]
    with site.database.write() as session:
        data_policies.load_policies(session, given, ADMIN, utc_now())


def change(site, **values):
    with site.database.write() as session:
        session.connection().execute(sa.update(Proposal).values(**values))


def proposal(site):
    with site.database.read() as session:
        found = session.exec(select(Proposal)).one()
        session.expunge_all()
        return found


def public(site, run, number=NUMBER):
    """Where the public finds a run."""
    path = site.proposal(number).path
    tail = path.removeprefix("/gpfs/exfel/exp/").removesuffix("/raw")
    return site.at(OFFLINE, f"/gpfs/exfel/d/open/{tail}/raw/r{run:04d}")


def strange(place):
    """What somebody without any right reads there, by name; None: nothing."""

    def read():
        try:
            return {p.name: p.read_bytes() for p in sorted(place.iterdir())}
        except (PermissionError, FileNotFoundError):
            return None

    return acting_as(STRANGER, read, "a stranger of the test")


def written(site, run, number=NUMBER):
    folder = site.raw(number) / f"r{run:04d}"
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def steps(site):
    with site.database.read() as session:
        rows = session.exec(select(ReleaseRecord)).all()
        return {row.step: (row.outcome, row.ended_at is not None) for row in rows}


def closed(site):
    """Nobody without rights reads anything, by whatever way."""
    for run in site.runs:
        assert strange(public(site, run)) is None
        assert strange(site.copy(OFFLINE, run)) is None
        assert strange(site.link(run)) is None
    return True


def test_what_is_due_opens_and_a_stranger_reads_it_to_the_last_byte(due, put):
    assert closed(due)
    state = put(release_one, proposal=NUMBER)
    assert state.name == "Completed", state.message
    found = proposal(due)
    assert (found.release_state, found.flg_public) == (S.OPEN, True)
    assert found.openly_released_at > found.release_at
    for run in (1, 2):
        assert strange(public(due, run)) == written(due, run)
    with due.database.read() as session:
        for file in session.exec(select(DatasetFile)):
            (content,) = [c[file.filename] for run in (1, 2)
                          if file.filename in (c := written(due, run))]  # fmt: skip
            assert file.sha256 == hashlib.sha256(content).hexdigest()
    # The way in is known to nobody: folders can be passed, not listed, and the team's stay closed.
    run = due.copy(OFFLINE, 1)
    assert strange(run.parent) is None
    for kind in ("usr", "scratch"):
        top = "/gpfs/exfel/u"
        tail = run.parent.relative_to(due.at(OFFLINE, "/gpfs/exfel/d/raw"))
        assert strange(due.at(OFFLINE, f"{top}/{kind}") / tail) is None
    rows = due.count()
    assert put(release_one, proposal=NUMBER).message.endswith("is open")
    after = due.count()
    assert {n: c for n, c in after.items() if c != rows[n]} == {}
    for event in ("begin-opening", "confirm-open"):
        assert due.events().count(event) == 1
    # Rights that are set again, as at a reopened beamtime, close nothing.
    offline_acls(due.proposal())
    assert strange(public(due, 2)) == written(due, 2)


def test_not_a_second_early_and_not_by_a_wrong_clock(due, put, monkeypatch):
    soon = utc_now() + timedelta(hours=1)
    change(due, release_at=soon)
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "the embargo ends on" in state.message) == ("Refused", True)
    assert steps(due)[ReleaseStep.PREFLIGHT] == (state.message.rstrip("."), False)
    for module in (releases, work):
        monkeypatch.setattr(module, "now", lambda: soon + timedelta(seconds=1))
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "clock" in state.message) == ("Refused", True)
    assert proposal(due).release_state is S.EMBARGOED
    assert closed(due)


def test_bytes_that_are_not_those_of_the_registration_never_open(due, put):
    file = sorted(due.copy(OFFLINE, 2).iterdir())[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "on record are" in state.message) == ("Stopped", True)
    assert proposal(due).release_state is S.EMBARGOED
    assert closed(due)
    assert any("closed as before" in r.parameters["text"] for r in due.outbox(kind="notice"))


def test_what_cannot_be_read_by_a_stranger_is_closed_again(due, put, monkeypatch):
    """Somebody takes a right away between setting and reading: nothing is called open."""
    real = release_steps.rights

    def meddled(unit, found):
        real(unit, found)
        sorted(due.copy(OFFLINE, 1).iterdir())[-1].chmod(0o600)

    monkeypatch.setattr(release_steps, "rights", meddled)
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "a stranger cannot read" in state.message) == ("Stopped", True)
    assert proposal(due).release_state is S.EMBARGOED
    assert closed(due)
    monkeypatch.undo()
    assert put(release_one, proposal=NUMBER).name == "Completed"


def test_a_hold_that_comes_in_between_closes_all_again(due, put, monkeypatch):
    real = release_steps.stranger

    def held(unit, found):
        real(unit, found)
        with due.database.write() as session:
            holds.set_hold(session, NUMBER, HoldKind.LEGAL_HOLD, ADMIN, utc_now(), "evidence")

    monkeypatch.setattr(release_steps, "stranger", held)
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "evidence" in state.message) == ("Stopped", True)
    assert closed(due)
    assert put(release_one, proposal=NUMBER).name == "Refused"
    assert proposal(due).release_state is S.EMBARGOED


def test_a_storage_that_goes_away_is_tried_again_and_a_hold_meanwhile_closes(due, put, monkeypatch):
    def down(_unit, _found):
        raise Unavailable("GPFS does not answer")

    monkeypatch.setattr(release_steps, "stranger", down)
    assert put(release_one, proposal=NUMBER).is_failed()
    assert proposal(due).release_state is S.OPENING
    assert strange(public(due, 1)) is not None
    with due.database.write() as session:
        holds.set_hold(session, NUMBER, HoldKind.FROZEN, ADMIN, utc_now(), "a question")
    monkeypatch.undo()
    assert put(release_one, proposal=NUMBER).name == "Refused"
    assert proposal(due).release_state is S.EMBARGOED
    assert closed(due)


def test_an_incident_closes_everything_and_a_person_opens_it_anew(due, put):
    assert put(release_one, proposal=NUMBER).name == "Completed"
    asked = {"proposal": NUMBER, "operator": "boss", "reason": "names of patients in a file"}
    forbidden = put(release_ask, ask=ReleaseAsk.RECLOSE, **{**asked, "operator": "alice"})
    assert forbidden.name == "Refused"
    assert put(release_ask, ask=ReleaseAsk.RECLOSE, **asked).name == "Completed"
    found = proposal(due)
    assert (found.release_state, found.flg_public) == (S.RECLOSED, False)
    (row,) = due.outbox(work=Work.RELEASE_CLOSE)
    assert put(release_close, **row.parameters).name == "Completed"
    assert closed(due)
    # No schedule opens it again, a person does.
    assert put(release_one, proposal=NUMBER).name == "Refused"
    assert closed(due)
    assert put(release_ask, ask=ReleaseAsk.REOPEN, **asked).name == "Completed"
    assert proposal(due).release_state is S.OPEN
    assert strange(public(due, 1)) == written(due, 1)
    assert put(release_close, proposal=NUMBER).name == "Refused"
    assert due.events().count("files-closed") == 1


@pytest.fixture
def part(due):
    """The first run may open now, the rest in a year."""
    change(due, release_at=utc_now() + timedelta(days=365))
    with due.database.write() as session:
        run = session.exec(select(Run).where(Run.run_number == 1)).one()
        row = PartRelease(
            proposal_id=run.proposal_id, run_id=run.id, opens_at=utc_now() - YESTERDAY,
            state_since=utc_now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_a_part_opens_by_itself_and_nothing_else_does(due, put, part):
    state = put(release_one, proposal=NUMBER, part=part)
    assert state.name == "Completed", state.message
    assert strange(public(due, 1)) == written(due, 1)
    assert strange(public(due, 2)) is None
    assert strange(due.copy(OFFLINE, 2)) is None
    assert proposal(due).release_state is S.EMBARGOED
    assert put(release_one, proposal=NUMBER).name == "Refused"
    assert strange(public(due, 1)) == written(due, 1)
    # The rest follows when it is due, and an incident takes all with it.
    change(due, release_at=utc_now() - YESTERDAY)
    assert put(release_one, proposal=NUMBER).name == "Completed"
    assert strange(public(due, 2)) == written(due, 2)
    asked = {"proposal": NUMBER, "operator": "boss", "reason": "an error"}
    assert put(release_ask, ask=ReleaseAsk.RECLOSE, **asked).name == "Completed"
    with due.database.read() as session:
        assert session.exec(select(PartRelease.state)).all() == [S.RECLOSED]
    assert put(release_close, proposal=NUMBER).name == "Completed"
    assert closed(due)


def test_a_leak_beside_a_part_is_found_and_closes_the_part(due, put, part):
    leaky = due.copy(OFFLINE, 2)
    leaky.chmod(0o755)
    state = put(release_one, proposal=NUMBER, part=part)
    assert (state.name, "everybody can read" in state.message) == ("Stopped", True)
    assert strange(public(due, 1)) is None


def test_one_hand_at_a_time_changes_everybody_s_rights(due, put):
    assert put(release_one, proposal=NUMBER).name == "Completed"
    asked = {"proposal": NUMBER, "operator": "boss", "reason": "an error"}
    assert put(release_ask, ask=ReleaseAsk.RECLOSE, **asked).name == "Completed"
    with due.database.write() as session:
        key = outbox.lease_key(Work.RELEASE_ONE, NUMBER, None)
        held = leases.acquire(session, key, "another", utc_now(), timedelta(minutes=5))
    assert put(release_close, proposal=NUMBER).name == "AlreadyRunning"
    assert put(release_ask, ask=ReleaseAsk.REOPEN, **asked).name == "AlreadyRunning"
    with due.database.write() as session:
        leases.release(session, held, utc_now())
    assert put(release_close, proposal=NUMBER).name == "Completed"
    assert closed(due)


def test_where_nobody_can_act_as_a_stranger_nothing_even_begins(due, put, monkeypatch):
    """As on a machine whose account may not leave its groups."""
    monkeypatch.setattr(identity, "_SETGROUPS", {})
    state = put(release_one, proposal=NUMBER)
    assert (state.name, "cannot be proved" in state.message) == ("Refused", True)
    monkeypatch.undo()
    assert proposal(due).release_state is S.EMBARGOED
    assert closed(due)
