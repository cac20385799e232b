"""Reservations on a real SLURM: made, changed, read back, removed."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies.errors import Denied, Unavailable
from tasks.batch import Reservation

pytestmark = pytest.mark.xdist_group("slurm")

SOON = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=3)


@pytest.fixture
def wanted(cluster, request):
    number = 700000 + abs(hash(request.node.name)) % 90000
    group = f"{number}-part"
    cluster.know_group(group, number, ["alice", "bob"])
    return Reservation(f"upex_{number}", SOON, SOON + timedelta(days=2), "upex-beamtime", 1, group)


def test_made_once_and_read_back(batch_system, wanted):
    shown, changed = batch_system.ensure_reservation(wanted)
    assert changed
    assert (shown.begin_at, shown.end_at) == (wanted.begin_at, wanted.end_at)
    assert (shown.partition, shown.node_count) == ("upex-beamtime", 1)
    assert shown.groups == (wanted.group,)
    again, changed = batch_system.ensure_reservation(wanted)
    assert (again, changed) == (shown, False)
    assert batch_system.remove_reservation(wanted.name)
    assert batch_system.reservation(wanted.name) is None
    assert not batch_system.remove_reservation(wanted.name)


def test_follows_changed_dates(batch_system, wanted):
    batch_system.ensure_reservation(wanted)
    later = replace(wanted, end_at=wanted.end_at + timedelta(hours=6))
    shown, changed = batch_system.ensure_reservation(later)
    assert changed
    assert shown.end_at == later.end_at
    batch_system.remove_reservation(wanted.name)


def test_a_group_that_the_cluster_does_not_know_yet(batch_system, wanted):
    with pytest.raises(Unavailable, match="does not know group 999-part"):
        batch_system.ensure_reservation(replace(wanted, group="999-part"))


def test_nodes_that_another_beamtime_has_are_refused(batch_system, wanted):
    batch_system.ensure_reservation(replace(wanted, nodes=2))
    other = replace(wanted, name="upex_799999")
    with pytest.raises(Denied, match=r"overlaps with another reservation|nodes are busy"):
        batch_system.ensure_reservation(other)
    batch_system.remove_reservation(wanted.name)


def test_members_follow_the_group_without_a_change_of_the_reservation(
    cluster, batch_system, wanted, tmp_path
):
    """SLURM resolves the group itself, again and again: who joins may, who left may not."""
    batch_system.ensure_reservation(wanted)
    number = int(wanted.group.partition("-")[0])

    def may(name):
        done = cluster.run(
            *("sbatch", "--parsable", f"--uid={cluster.know_user(name)}", "-p", "upex-beamtime"),
            *(f"--reservation={wanted.name}", "-o", "/dev/null", "--wrap=true"),
            check=False,
            accounts=True,
        )
        if done.returncode:
            assert "Access denied to requested reservation" in done.stderr
            return False
        cluster.run("scancel", done.stdout.strip())
        return True

    try:
        assert (may("alice"), may("carol")) == (True, False)
        cluster.know_group(wanted.group, number, ["bob", "carol"])
        end = time.monotonic() + 15
        while (may("alice"), may("carol")) != (False, True):
            assert time.monotonic() < end
            time.sleep(0.3)
        assert not batch_system.ensure_reservation(wanted)[1]
    finally:
        batch_system.remove_reservation(wanted.name)
