"""The Prefect tasks: they do the work, and repeat only what may pass by itself."""

import pytest
from prefect.states import Completed, Failed

from policies.errors import Conflict, Denied, Invalid, Mismatch, Unavailable
from tasks.directory import GroupSpec, steps
from tests.tasks.directory.conftest import GID, NAME, TEXT

SPEC = GroupSpec(NAME, GID, ("alice",), TEXT)


def test_tasks_do_the_work(world):
    assert steps.check_group.fn(world.settings, SPEC) == [f"group {NAME} is missing"]
    assert steps.ensure_group.fn(world.settings, SPEC).created
    assert steps.check_group.fn(world.settings, SPEC) == []


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Unavailable("down"), True),
        (Conflict("busy"), True),
        (Denied("no"), False),
        (Mismatch("gid"), False),
        (Invalid("name"), False),
        (ZeroDivisionError("a bug"), False),
    ],
)
def test_retry_follows_the_error(error, again):
    for step in (steps.ensure_group, steps.check_group):
        assert step.retries == 4
        assert step.retry_condition_fn(step, None, Failed(data=error)) is again


def test_success_is_not_repeated():
    assert steps.worth_a_retry(None, None, Completed(data=1)) is False
