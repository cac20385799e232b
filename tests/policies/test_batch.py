"""SLURM's words in ours: every pair that was seen on a real cluster."""

import pytest

from policies.batch import (
    EXITS,
    HOPELESS,
    STATES,
    Judgement,
    exit_code,
    exit_words,
    judge,
    markdown,
    together,
)
from policies.vocabulary import JobState as J


@pytest.mark.parametrize(
    ("word", "reason", "status", "state", "words"),
    [
        ("PENDING", "Priority", 0, J.QUEUED, "others go first"),
        ("PENDING", "None", 0, J.QUEUED, ""),
        ("PENDING", "Dependency", 0, J.QUEUED, "waits for the job before it"),
        ("PENDING", "BeginTime", 0, J.QUEUED, "starts it later by itself"),
        ("PENDING", "ReqNodeNotAvail, May be reserved for other job", 0, J.QUEUED, "reserved"),
        ("PENDING", "PartitionConfig", 0, J.FAILED, "can never give"),
        ("PENDING", "DependencyNeverSatisfied", 0, J.FAILED, "depends on failed"),
        ("PENDING", "SomethingNew", 0, J.QUEUED, "SLURM says SomethingNew"),
        ("RUNNING", "None", 0, J.RUNNING, ""),
        ("COMPLETING", "None", 0, J.RUNNING, "ending"),
        ("COMPLETED", "None", 0, J.SUCCEEDED, ""),
        ("FAILED", "NonZeroExitCode", 3 << 8, J.FAILED, "missing or damaged (exit 3)"),
        ("FAILED", "NonZeroExitCode", 77 << 8, J.FAILED, "the program failed (exit 77)"),
        ("FAILED", "JobLaunchFailure", 9, J.FAILED, "killed by signal 9"),
        ("FAILED", "JobLaunchFailure", 4021, J.FAILED, "could not be launched"),
        ("FAILED", "BadConstraints", 0, J.FAILED, "no node can give"),
        ("TIMEOUT", "TimeLimit", 0, J.FAILED, "its time limit ran out"),
        ("OUT_OF_MEMORY", "OutOfMemory", 0, J.FAILED, "more memory"),
        ("NODE_FAIL", "NodeDown", 0, J.FAILED, "its node died"),
        ("CANCELLED", "None", 0, J.CANCELLED, "cancelled"),
        ("CANCELLED by 0", "None", 0, J.CANCELLED, "cancelled"),
        ("CANCELLED", "DependencyNeverSatisfied", 0, J.CANCELLED, "depends on failed"),
        ("FANCY_NEW_STATE", "None", 0, J.QUEUED, "SLURM says FANCY_NEW_STATE"),
    ],
)
def test_words(word, reason, status, state, words):
    told = judge(word, reason, status)
    assert told.state is state
    assert words in told.words
    assert bool(words) or not told.words


def test_a_word_begins_another_and_is_not_taken_for_it():
    assert judge("RUNNINGX").state is J.QUEUED


@pytest.mark.parametrize(
    ("status", "text"), [(0, "0:0"), (3 << 8, "3:0"), (9, "0:9"), (4021, "15:53")]
)
def test_exit_codes_as_accounting_writes_them(status, text):
    assert exit_code(status) == text


def test_exit_0_needs_no_words():
    assert exit_words(0) == ""
    assert all(exit_words(code << 8).startswith(words) for code, words in EXITS.items())


def ended(state, words=""):
    return Judgement(state, words)


@pytest.mark.parametrize(
    ("parts", "state", "words"),
    [
        ((J.SUCCEEDED, J.SUCCEEDED), J.SUCCEEDED, ""),
        ((J.SUCCEEDED, J.RUNNING, J.QUEUED), J.RUNNING, ""),
        ((J.FAILED, J.RUNNING), J.RUNNING, ""),
        ((J.FAILED, J.QUEUED), J.QUEUED, ""),
        ((J.SUCCEEDED, J.FAILED), J.FAILED, "failed, 1 of 2 tasks"),
        ((J.CANCELLED, J.FAILED, J.FAILED), J.FAILED, "failed, 2 of 3 tasks"),
        ((J.CANCELLED, J.SUCCEEDED), J.CANCELLED, "cancelled, 1 of 2 tasks"),
        ((J.FAILED,), J.FAILED, "failed"),
        ((), J.QUEUED, ""),
    ],
)
def test_an_array_is_as_bad_as_its_worst_task_once_all_are_over(parts, state, words):
    whole = together(
        [ended(part, str(part) if part in {J.FAILED, J.CANCELLED} else "") for part in parts]
    )
    assert (whole.state, whole.words) == (state, words)


def test_every_word_is_there_once_and_in_the_handbook():
    names = [row.word for row in STATES]
    assert len(names) == len(set(names))
    page = markdown()
    assert all(f"`{name}`" in page for name in names)
    assert all(f"({name})" in page for name in HOPELESS)
