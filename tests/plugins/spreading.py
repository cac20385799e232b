"""How tests are spread over workers: a file stays together, long ones begin first.

Fixtures of a module or a group (a cluster, a facility, a told story) are then made once. A group
that began last would keep one worker busy while the others have nothing left.
"""

from pathlib import Path

import pytest

LONG_FIRST = (
    "tests/deployments/serving",
    "tests/flows/test_calibrate",
    "tests/deployments/units",
    "tests/flows/test_engine_faults",
    "tests/flows/test_archive",
    "tests/flows",
    "tests/deployments",
    "tests/tasks",
)
"""Beginnings of paths; whatever is not named comes after."""

ROOT = Path(__file__).parents[2]


def rank(path: str) -> int:
    """How early a file's tests begin; 0 first."""
    return next((i for i, long in enumerate(LONG_FIRST) if path.startswith(long)), len(LONG_FIRST))


# Before xdist writes the groups into the names of the tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group by file what has no group of its own; sort, keeping the order within."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: rank(item.path.relative_to(ROOT).as_posix()))
