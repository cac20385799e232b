"""Jobs that have left the queue: what SLURM's accounting remembers, where there is one."""

from datetime import UTC, datetime

import pytest

from policies.vocabulary import JobState
from tasks.batch import SlurmBatch
from tasks.batch.accounting import parse
from tasks.batch.slurm_batch import _seen

pytestmark = pytest.mark.xdist_group("slurm")

ANSWER = """\
1|acc-ok|COMPLETED|0:0|1795661414|1795661414
2|acc-3|FAILED|3:0|1795661414|1795661414
4|acc-sleep|CANCELLED by 0|0:0|1795661415|1795661418
5|acc-k|FAILED|0:9|1795661415|1795661415
3_0|acc-arr|COMPLETED|0:0|1795661414|1795661414
3_1|acc-arr|FAILED|1:0|1795661414|1795661414
6|acc-dep|CANCELLED by 0|0:0|None|1795661420
7_[0-3]|acc-wait|PENDING|0:0|Unknown|Unknown
a line that is none
"""
"""Said by `sacct` of SLURM 22.05 with slurmdbd; the last three lines are ours."""


@pytest.mark.parametrize(
    ("key", "state", "words", "code"),
    [
        ("acc-ok", JobState.SUCCEEDED, "", "0:0"),
        ("acc-3", JobState.FAILED, "constants are missing or damaged (exit 3)", "3:0"),
        ("acc-sleep", JobState.CANCELLED, "cancelled", "0:0"),
        ("acc-k", JobState.FAILED, "killed by signal 9", "0:9"),
        ("acc-arr", JobState.FAILED, "the program failed (exit 1), 1 of 2 tasks", "1:0"),
        ("acc-dep", JobState.CANCELLED, "cancelled", "0:0"),
        ("acc-wait", JobState.QUEUED, "", "0:0"),
    ],
)
def test_an_answer_of_a_real_accounting_is_understood(key, state, words, code):
    seen = _seen(key, parse(ANSWER)[key])
    assert (seen.state, seen.words, seen.exit_code) == (state, words, code)


def test_times_of_the_accounting():
    rows = parse(ANSWER)
    seen = _seen("acc-sleep", rows["acc-sleep"])
    assert seen.begin_at == datetime(2026, 11, 26, 2, 50, 15, tzinfo=UTC)
    assert (seen.job_id, seen.elapsed_seconds) == ("4", 3)
    assert _seen("acc-dep", rows["acc-dep"]).elapsed_seconds is None
    assert len(rows) == 7


def test_without_accounting_a_forgotten_job_is_not_known(cluster, batch_system):
    assert "accounting storage is disabled" in cluster.run("sacct", check=False).stderr
    assert batch_system.look(["cal-0-forgotten-1"]) == {}
    assert not batch_system._accounting._there, "it is not asked again"
    assert batch_system.look(["cal-0-forgotten-1"]) == {}


def test_a_silent_accounting_says_nothing_new_and_does_not_make_a_job_lost(cluster, tmp_path):
    """The queue answers; the database of the accounting is away."""
    conf = tmp_path / "slurm.conf"
    text = cluster.conf.read_text().replace(
        "accounting_storage/none",
        "accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort=1",
    )
    conf.write_text(text)
    batch = SlurmBatch(cluster.settings(environment={"SLURM_CONF": str(conf)}))
    seen = batch.look(["cal-0-forgotten-1"])["cal-0-forgotten-1"]
    assert seen.state is JobState.PLANNED
    assert seen.words.startswith("not in the queue, and the accounting does not answer")
    assert "Connection refused" in seen.words
