"""What is asked of the batch system, and what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policies.vocabulary import JobState


@dataclass(frozen=True)
class JobSpec:
    """A job to submit.

    Attributes:
        key: Its name; the same name is the same job.
        command: Program and arguments; `{task}` and `{tasks}` become the array's index and size.
        folder: Where its script and its output go; the same on the node and here.
        partition: Partition; in a reservation it is the reservation's.
        minutes: Time limit.
        memory_mb: Memory per node, MiB; 0: what the partition gives by itself.
        tasks: Size of the array; 1 for none.
        nodes: Nodes per task.
        reservation: Name of a reservation, empty: none.
        after: Numbers of jobs that must end well before.
        environment: Further variables; no secrets.
    """

    key: str
    command: tuple[str, ...]
    folder: str
    partition: str
    minutes: int
    tasks: int = 1
    nodes: int = 1
    memory_mb: int = 0
    reservation: str = ""
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobSeen:
    """A job as the batch system shows it; an array is one job.

    Attributes:
        key: Its name.
        job_id: Its number.
        state: Where it stands.
        words: Why, for people.
        reason: SLURM's own word.
        exit_code: As its accounting writes it, `3:0`.
        begin_at: When the first task began, aware.
        end_at: When the last task ended, aware; None while one is at work.
        elapsed_seconds: From begin to end.
    """

    key: str
    job_id: str
    state: JobState
    words: str = ""
    reason: str = ""
    exit_code: str = ""
    begin_at: datetime | None = None
    end_at: datetime | None = None
    elapsed_seconds: int | None = None


@dataclass(frozen=True)
class Reservation:
    """Nodes that are kept for a group.

    Attributes:
        name: Its name.
        begin_at: Begin, aware.
        end_at: End, aware.
        partition: Partition of the nodes.
        nodes: How many.
        group: Who may use it.
    """

    name: str
    begin_at: datetime
    end_at: datetime
    partition: str
    nodes: int
    group: str


@dataclass(frozen=True)
class ReservationSeen:
    """A reservation as SLURM shows it.

    Attributes:
        nodes: Names of its nodes.
        node_count: How many.
        groups: Who may use it.
    """

    name: str
    begin_at: datetime
    end_at: datetime
    partition: str
    node_count: int
    nodes: str = ""
    groups: tuple[str, ...] = ()
    state: str = ""
