"""A run moves to Maxwell, whatever storages do and whoever else is at work."""

import subprocess
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from catalog.commands import leases
from flows import run_migrate as module
from flows.operator_ask import operator_ask
from flows.run_assess import run_assess
from flows.run_closed import run_closed
from flows.run_migrate import run_migrate
from policies.asking import Ask
from policies.vocabulary import RunState, StepName, Work
from settings.clock import utc_now
from tests.flows.site import DCACHE, MARKER, NUMBER, OFFLINE, ONLINE, contents, leftovers


def migrate(put, run=1):
    return put(run_migrate, proposal=NUMBER, run=run)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_run_is_registered_assessed_migrated_and_left_alone_afterwards(make_site, put, dialect):
    site = make_site(dialect)
    site.add_proposal()
    site.make_ready()
    site.record(1, aggregators=("DA01", "JNGFR01"), sequences=2, trains=8)
    assert put(run_closed, proposal=NUMBER, run=1).name == "Completed"
    done = put(run_assess, proposal=NUMBER, run=1, assessment="Good", operator="alice")
    assert done.message == "p002012 r0001: closed ⇒ migration-requested (Good)"
    done = migrate(put)
    assert done.message == f"p002012 r0001: verified copies in {OFFLINE}, {DCACHE}"
    assert site.safe(1)
    assert [row.work for row in site.outbox(kind="flow")] == [Work.RUN_CLOSED, Work.RUN_MIGRATE]
    rows, past = site.count(), site.history()
    inodes = {p.stat().st_ino for p in site.copy(OFFLINE, 1).iterdir()}
    assert migrate(put).message == done.message
    assert (site.count(), site.history()) == (rows | {"leases": site.count()["leases"]}, past)
    assert {p.stat().st_ino for p in site.copy(OFFLINE, 1).iterdir()} == inodes
    assert site.sound()


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)


def cut(file):
    file.write_bytes(file.read_bytes()[:-4096])


def remove(file):
    file.unlink()


@pytest.mark.parametrize(
    ("damage", "said"), [(flip, "digest"), (cut, "size"), (remove, "is it mounted?")]
)
def test_a_source_that_is_not_what_was_registered_is_not_migrated(ready, put, damage, said):
    written = ready.request(1)
    damage(written.folder / written.files[0].filename)
    source = contents(written.folder)
    done = migrate(put)
    assert (done.name, done.type) == ("NotMigrated", "COMPLETED")
    assert said in done.message
    assert "the next attempt is due at" in done.message
    assert ready.run_state(1) is RunState.MIGRATION_FAILED
    assert ready.run(1).repositories == {ONLINE: "verified", OFFLINE: "suspect", DCACHE: "planned"}
    assert contents(written.folder) == source
    assert contents(ready.tree(DCACHE)) == {MARKER: f"{DCACHE}\n".encode()}
    assert [name for name in contents(ready.tree(OFFLINE)) if "r0001" in name] == []
    assert ready.outbox(work="migration_complete") == []


@contextmanager
def mounted(folder, options):
    """A file system of its own; what it shall hold is made afterwards."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield lambda how: subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_and_a_read_only_destination_cost_an_attempt_and_no_more(site, put):
    folder = site.tree(OFFLINE)
    with mounted(folder, "size=32m") as again:
        (folder / MARKER).write_text(OFFLINE)
        site.make_ready()
        site.request(1)
        again("ro")
        denied = migrate(put)
        assert denied.name == "NotMigrated"
        assert "read-only" in denied.message.lower()
        again("rw")
        filler = folder / "filler"
        filler.write_bytes(bytes(31 << 20))
        full = migrate(put)
        assert full.name == "NotMigrated"
        assert "bytes are needed" in full.message
        assert leftovers(site.folder) == []
        assert not site.copy(OFFLINE, 1).exists() or contents(site.copy(OFFLINE, 1)) == {}
        filler.unlink()
        assert migrate(put).name == "Completed"
        assert site.safe(1)
        assert site.run(1).migration_attempts == 3


def test_nothing_is_written_into_an_empty_mount_point(ready, put):
    ready.request(1)
    (ready.tree(OFFLINE) / MARKER).rename(ready.folder / "kept")
    done = migrate(put)
    assert done.name == "NotMigrated"
    assert "is it mounted?" in done.message
    assert not ready.copy(OFFLINE, 1).exists()
    (ready.folder / "kept").rename(ready.tree(OFFLINE) / MARKER)
    assert migrate(put).name == "Completed"
    assert ready.safe(1)


def test_a_missing_second_copy_is_made_later_and_announced_once(ready, put):
    ready.request(1)
    (ready.tree(DCACHE) / MARKER).rename(ready.folder / "kept")
    done = migrate(put)
    assert done.name == "CopyMissing"
    assert ready.run_state(1) is RunState.MIGRATED
    assert ready.run(1).repositories == {ONLINE: "verified", OFFLINE: "verified", DCACHE: "suspect"}
    (ready.folder / "kept").rename(ready.tree(DCACHE) / MARKER)
    assert migrate(put).name == "Completed"
    assert ready.safe(1)


def test_a_worker_that_was_overtaken_publishes_and_records_nothing(
    make_site, put, monkeypatch, engine
):
    site = make_site(work={"lease_seconds": 30, "renew_seconds": 0.05})
    site.add_proposal()
    site.make_ready()
    site.request(1)
    original = module.copy_run

    def overtake():
        later = utc_now() + timedelta(minutes=1)
        with site.database.write() as session:
            key = f"run-migrate:{NUMBER}:1"
            leases.acquire(session, key, "another", later, timedelta(hours=1))

    def before(*given, **options):
        overtake()
        time.sleep(0.4)
        return original(*given, **options)

    def after(*given, **options):
        proof = original(*given, **options)
        overtake()
        return proof

    def release():
        with site.database.write() as session:
            held = leases.Held(f"run-migrate:{NUMBER}:1", "another", 0, utc_now())
            lease = session.get(leases.Lease, held.key)
            lease.released_at = utc_now()

    for wrapper, published in ((before, False), (after, True)):
        monkeypatch.setattr(module, "copy_run", wrapper)
        done = migrate(put)
        assert done.name == "Overtaken", done.message
        assert site.run_state(1) is RunState.MIGRATING
        assert site.run(1).repositories[OFFLINE] == "planned"
        assert bool(contents(site.copy(OFFLINE, 1))) is published
        assert leftovers(site.folder) == []
        assert not [e for e in site.events(1) if e.startswith(("copy:", "complete", "fail"))]
        release()
    monkeypatch.setattr(module, "copy_run", original)
    assert migrate(put).name == "Completed"
    assert site.safe(1)


def test_what_blocks_a_migration_is_accepted_by_a_person_with_a_reason(ready, put):
    ready.write(1)
    ready.close(1, checksum="00000001")
    found = put(run_closed, proposal=NUMBER, run=1)
    assert found.name == "Completed"
    assert ready.findings(1) == {"checksum-claimed": True}
    put(run_assess, proposal=NUMBER, run=1, assessment="Unclear", operator="alice")
    refused = migrate(put)
    assert (refused.name, refused.type) == ("Refused", "COMPLETED")
    assert "checksum-claimed" in refused.message
    assert ready.run_state(1) is RunState.MIGRATION_REQUESTED
    assert contents(ready.tree(DCACHE)) == {MARKER: f"{DCACHE}\n".encode()}
    ask = {"proposal": NUMBER, "ask": Ask.RUN_ACCEPT_FINDINGS, "run": 1}
    assert put(operator_ask, **ask, operator="bob", reason="looks fine").name == "Refused"
    assert put(operator_ask, **ask, operator="alice").name == "Refused"
    asked = len(ready.outbox(work=Work.RUN_MIGRATE, run=1))
    done = put(operator_ask, **ask, operator="alice", reason="the DAQ summed another file")
    assert done.message == "p002012 r0001: 1 blocking findings accepted"
    assert len(ready.outbox(work=Work.RUN_MIGRATE, run=1)) == asked + 1
    assert migrate(put).name == "Completed"
    assert ready.safe(1)


def test_a_run_that_nobody_wants_is_never_migrated(ready, put):
    ready.request(1)
    put(
        run_assess,
        proposal=NUMBER,
        run=1,
        assessment="Not interesting",
        operator="alice",
        comment="dark",
    )
    assert migrate(put).name == "Refused"
    assert ready.run_state(1) is RunState.NOT_INTERESTING
    assert not ready.copy(OFFLINE, 1).exists()
    ready.record(2)
    assert migrate(put, 2).name == "Refused"
    assert put(run_migrate, proposal=NUMBER, run=77).name == "Refused"
    assert StepName.LDAP_GROUPS in ready.steps()
