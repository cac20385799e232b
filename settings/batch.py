"""How the cluster's batch system (SLURM) is reached."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class BatchSettings(BaseModel):
    """One SLURM, spoken to through its commands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: tuple[str, ...] = ()
    """Words before every command, for example `ssh`, `maxwell`; empty: the commands are here."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the commands and so for the jobs, for example `SLURM_CONF`; no secrets. Of
    ours they get nothing but what finding and reaching the cluster takes (`PATH`, `HOME`, …)."""
    timeout_seconds: Annotated[float, Field(gt=10)] = 30
    """Patience for one command; a controller that is down is noticed after 9 s only."""
    account: str = ""
    """Account that jobs are charged to, empty: the default."""
    user: str = ""
    """Service account that jobs run as, for example `xcal`; needs privilege. Empty: ours."""
    accounting_days: Annotated[int, Field(ge=1)] = 30
    """How far back SLURM's accounting, where there is one, is asked for jobs that have left the
    queue."""
    reservations: bool = False
    """Whether beamtimes get a reservation."""
    reservation_partition: str = "upex-beamtime"
    """Partition of the reservations."""
    reservation_nodes: Annotated[int, Field(ge=1)] = 1
    """Nodes of a reservation."""
    hours_before: Annotated[float, Field(ge=0)] = 12
    """The reservation begins so long before the first beamtime."""
    hours_after: Annotated[float, Field(ge=0)] = 24
    """It ends so long after the last one."""
