"""A real SLURM for tests, shared by those that leave it as they found it."""

from collections.abc import Iterator

import pytest

from deployments.components.slurm import Slurm, slurm
from tasks.batch import SlurmBatch


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """Two nodes and a controller; a test that stops something starts it again."""
    with slurm(node_timeout=12) as running:
        yield running


@pytest.fixture
def batch_system(cluster: Slurm) -> SlurmBatch:
    """The adapter, on that cluster."""
    return SlurmBatch(cluster.settings(timeout_seconds=20))
