"""What flows may ask of a batch system."""

from collections.abc import Collection
from typing import Protocol

from tasks.batch.model import JobSeen, JobSpec, Reservation, ReservationSeen


class Batch(Protocol):
    """A batch system."""

    def submit(self, spec: JobSpec) -> str:
        """Submit a job, or find the one of that name; answers its number."""

    def look(self, keys: Collection[str]) -> dict[str, JobSeen]:
        """What it knows of jobs, in one question; a name that is missing is not known."""

    def cancel(self, key: str) -> None:
        """Cancel every job of that name; harmless when it is over or unknown."""

    def ensure_reservation(self, wanted: Reservation) -> tuple[ReservationSeen, bool]:
        """Make or change a reservation, read back; answers it and whether anything changed."""

    def reservation(self, name: str) -> ReservationSeen | None:
        """A reservation by name, None when there is none."""

    def remove_reservation(self, name: str) -> bool:
        """Remove a reservation; answers whether there was one."""
