"""The cluster's batch system: SLURM, spoken to through its commands.

While its controller is silent nothing is known of any job: nothing is failed, nothing is
submitted twice, and what runs goes on. Steps of beamtimes that need a reservation wait.
"""

from tasks.batch.configured import batch
from tasks.batch.model import JobSeen, JobSpec, Reservation, ReservationSeen
from tasks.batch.port import Batch
from tasks.batch.script import ended, last_words
from tasks.batch.slurm_batch import SlurmBatch

__all__ = [
    "Batch",
    "JobSeen",
    "JobSpec",
    "Reservation",
    "ReservationSeen",
    "SlurmBatch",
    "batch",
    "ended",
    "last_words",
]
