"""What becomes of an execution and of its batch jobs, as tables.

Source: ours; one chain of jobs per detector is public of the facility's calibration service.
"""

from dataclasses import dataclass

from policies.machine import Edge, Guard, Machine
from policies.vocabulary import ExecutionEvent as Step
from policies.vocabulary import ExecutionState as X
from policies.vocabulary import JobEvent as Seen
from policies.vocabulary import JobState as J
from policies.vocabulary import Role

ENDED_JOBS = frozenset({J.SUCCEEDED, J.FAILED, J.CANCELLED, J.LOST})
"""States of a job about which SLURM need not be asked any more."""

ENDED_EXECUTIONS = frozenset(X) - {X.PLANNED, X.AT_WORK}
"""States of an execution whose jobs are over."""

_ASKERS = frozenset(
    {Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.PI, Role.MP, Role.T_DM, Role.SYSTEM}
)
_SYSTEM = frozenset({Role.SYSTEM, Role.ADMIN})


@dataclass(frozen=True)
class ExecutionFacts:
    """What an execution's guards look at.

    Attributes:
        jobs: States of its jobs.
    """

    jobs: tuple[J, ...] = ()


SUBMITTED = Guard[ExecutionFacts](
    "every job is submitted",
    lambda f: "a job has no number yet",
    lambda f: bool(f.jobs) and J.PLANNED not in f.jobs,
    overridable=False,
)
ENDED_WELL = Guard[ExecutionFacts](
    "every job ended well",
    lambda f: "jobs: " + ", ".join(f.jobs),
    lambda f: bool(f.jobs) and set(f.jobs) == {J.SUCCEEDED},
    overridable=False,
)

_Run = Edge[X, Step, ExecutionFacts]
_BADLY = "A job ended badly, or could not be submitted: the words say how."
_WITHDRAWN = "Withdrawn with its request."

EXECUTION: Machine[X, Step, ExecutionFacts] = Machine(
    name="execution",
    states=X,
    events=Step,
    start=X.PLANNED,
    ends=frozenset({X.FAILED, X.CANCELLED, X.PUBLISHED, X.SUPERSEDED}),
    edges=(
        _Run(X.PLANNED, Step.SUBMIT, X.AT_WORK, _SYSTEM, (SUBMITTED,), (), "SLURM has every job."),
        _Run(X.PLANNED, Step.FAIL, X.FAILED, _SYSTEM, because=_BADLY, reason=True),
        _Run(X.AT_WORK, Step.SUCCEED, X.SUCCEEDED, _SYSTEM, (ENDED_WELL,), (), "All ended with 0."),
        _Run(X.AT_WORK, Step.FAIL, X.FAILED, _SYSTEM, because=_BADLY, reason=True),
        _Run(
            X.SUCCEEDED,
            Step.PUBLISH,
            X.PUBLISHED,
            _SYSTEM,
            because="The files are in place, read back and registered.",
        ),
        _Run(
            X.SUCCEEDED,
            Step.FAIL,
            X.FAILED,
            _SYSTEM,
            because="The result is not what the job said it wrote.",
            reason=True,
        ),
        _Run(
            X.PUBLISHED,
            Step.SUPERSEDE,
            X.SUPERSEDED,
            _SYSTEM,
            because="A later result of the same detector took its place.",
        ),
        _Run(X.PLANNED, Step.CANCEL, X.CANCELLED, _ASKERS, because=_WITHDRAWN),
        _Run(X.AT_WORK, Step.CANCEL, X.CANCELLED, _ASKERS, because=_WITHDRAWN),
        _Run(X.SUCCEEDED, Step.CANCEL, X.CANCELLED, _ASKERS, because=_WITHDRAWN),
    ),
)

_Job = Edge[J, Seen, None]
_NEXT = {
    Seen.QUEUE: J.QUEUED,
    Seen.RUN: J.RUNNING,
    Seen.SUCCEED: J.SUCCEEDED,
    Seen.FAIL: J.FAILED,
    Seen.CANCEL: J.CANCELLED,
    Seen.LOSE: J.LOST,
}
_SAYS = {
    Seen.QUEUE: "SLURM has it; a node that died gives it back to the queue.",
    Seen.RUN: "It runs.",
    Seen.SUCCEED: "It ended with 0.",
    Seen.FAIL: "It ended badly, or can never run.",
    Seen.CANCEL: "Somebody cancelled it, or what it depended on failed.",
    Seen.LOSE: "SLURM answers and has not known it for longer than the grace time.",
}

JOB: Machine[J, Seen, None] = Machine(
    name="batch job",
    states=J,
    events=Seen,
    start=J.PLANNED,
    ends=ENDED_JOBS,
    edges=tuple(
        _Job(source, event, target, _SYSTEM, because=_SAYS[event])
        for source in (J.PLANNED, J.QUEUED, J.RUNNING)
        for event, target in _NEXT.items()
        if source is not target
    ),
)
"""Whatever is seen of a job that is not over is taken over; what is over stays so."""

EVENT_OF: dict[J, Seen] = {state: event for event, state in _NEXT.items()}
"""The event that a sighting of this state is."""
