"""The batch system that the site has configured."""

from functools import cache

from settings.batch import BatchSettings
from settings.model import load
from tasks.batch.port import Batch
from tasks.batch.slurm_batch import SlurmBatch


def batch() -> Batch | None:
    """The site's batch system, None when none is configured."""
    here = load().batch
    return _made(here.model_dump_json()) if here is not None else None


@cache
def _made(settings: str) -> SlurmBatch:
    return SlurmBatch(BatchSettings.model_validate_json(settings))
