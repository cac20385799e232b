"""A closed run's files are read, registered and compared; what is odd is said, never lost."""

from prefect import tags

from flows.run_closed import run_closed
from policies.vocabulary import RunState, Work
from tests.flows.site import DCACHE, NUMBER, OFFLINE, contents
from tests.flows.test_migrate import flip, migrate


def inspect(put, run=1, **more):
    return put(run_closed, proposal=NUMBER, run=run, **more)


def test_a_sound_run_is_registered_and_a_second_reading_changes_nothing(ready, put):
    written = ready.record(1, aggregators=("DA01", "JNGFR01", "JNGFR02"), trains=10)
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    with tags(f"outbox:{asked.id}"):
        first = inspect(put)
    assert first.message == (
        f"p002012 r0001: 3 files, {written.size_bytes:,} bytes; 0 new findings, 0 resolved"
    )
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    assert asked.outcome == f"Completed: {first.message}"
    assert ready.run(1).num_files == 3
    assert ready.findings(1) == {}
    rows, past = ready.count(), ready.history()
    assert inspect(put).message == first.message
    assert (ready.count(), ready.history()) == (rows, past)
    assert ready.sound()


def test_a_damaged_run_is_registered_as_it_is_and_named_file_by_file(ready, put):
    written = ready.write(1, aggregators=("DA01", "JNGFR01", "JNGFR03"), trains=10)
    torn = written.folder / "RAW-R0001-JNGFR01-S00000.h5"
    torn.write_bytes(torn.read_bytes()[:20_000])
    foreign = written.folder / "RAW-R0007-DA01-S00000.h5"
    foreign.write_bytes((written.folder / "RAW-R0001-DA01-S00000.h5").read_bytes())
    (written.folder / "link.h5").symlink_to("/etc/passwd")
    (written.folder / "a\nname").write_text("x")
    before = contents(written.folder)
    ready.close(1)
    done = inspect(put)
    assert (done.name, done.type) == ("Completed", "COMPLETED")
    found = ready.findings(1)
    assert {"unreadable", "foreign-run", "size-claimed", "modules"} <= set(found)
    assert found["unreadable"]
    assert found["foreign-run"]
    assert not found["modules"]
    assert "passwd" not in str(contents(ready.tree(OFFLINE)))
    assert contents(written.folder) == before
    past = ready.history()
    inspect(put)
    assert ready.findings(1) == found
    assert ready.history() == past


def test_a_run_folder_that_is_not_there_is_asked_for_again(ready, put):
    written = ready.record(1)
    away = written.folder.with_name("away")
    written.folder.rename(away)
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    with tags(f"outbox:{asked.id}"):
        failed = inspect(put)
    assert failed.type == "FAILED"
    assert "r0001" in failed.message
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    assert asked.concluded_at is None
    assert ready.run(1).inspected_at is None
    away.rename(written.folder)
    assert inspect(put).name == "Completed"


def test_rot_after_registration_stays_found_however_often_one_looks(ready, put):
    """A second look compares with what the first registered, not with itself."""
    written = ready.write(1)
    ready.close(1, checksum="")
    assert inspect(put).name == "Completed"
    assert ready.findings(1) == {}
    flip(written.folder / written.files[0].filename)
    for _ in range(3):
        assert inspect(put).name == "Completed"
        assert ready.findings(1).get("checksum-registered") is True
    assert "no longer found" not in [row.reason for row in ready.history(1)]


def test_files_that_change_after_the_copy_are_a_mismatch_and_the_copy_stays(ready, put):
    written = ready.request(1)
    assert migrate(put).name == "Completed"
    good = contents(ready.copy(OFFLINE, 1))
    flip(written.folder / written.files[0].filename)
    done = inspect(put)
    assert (done.name, done.type) == ("Mismatch", "COMPLETED")
    assert "changed-after-copy" in ready.findings(1)
    assert ready.run_state(1) is RunState.MIGRATED
    assert contents(ready.copy(OFFLINE, 1)) == contents(ready.copy(DCACHE, 1)) == good
    assert migrate(put).name == "Completed"
    assert contents(ready.copy(OFFLINE, 1)) == good


def test_work_asked_for_while_the_same_is_at_work_is_done_afterwards(ready, put, monkeypatch):
    """The one at work may have looked before the reason for asking came up."""
    from flows import looking as module

    ready.record(1)
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    original, inner = module.inspect_run, []

    def meanwhile(folder):
        if not inner:
            with tags(f"outbox:{asked.id}"):
                inner.append(inspect(put))
        return original(folder)

    monkeypatch.setattr(module, "inspect_run", meanwhile)
    assert inspect(put).name == "Completed"
    assert inner[0].name == "AlreadyRunning"
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    assert asked.concluded_at is None
    with tags(f"outbox:{asked.id}"):
        assert inspect(put).name == "Completed"
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    assert asked.outcome.startswith("Completed")
