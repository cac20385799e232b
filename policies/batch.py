"""What the batch system says of a job, in our words and in a sentence for people.

Source: states and reasons as SLURM 22.05 shows them, observed; sentences are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.vocabulary import JobState

VERSION = "batch-1"
"""Version of these tables."""


@dataclass(frozen=True)
class Judgement:
    """A job in our words.

    Attributes:
        state: Where it stands.
        words: Why, for people; empty when all is well.
    """

    state: JobState
    words: str = ""


@dataclass(frozen=True)
class Row:
    """What one word of SLURM means.

    Attributes:
        word: State, as SLURM writes it.
        state: Ours.
        words: For people; empty: the reason decides.
    """

    word: str
    state: JobState
    words: str = ""


_MEMORY = "it needed more memory than it had: raise `memory_mb` of its step"

STATES: tuple[Row, ...] = (
    Row("PENDING", JobState.QUEUED),
    Row("CONFIGURING", JobState.QUEUED, "its nodes are being prepared"),
    Row("REQUEUED", JobState.QUEUED, "SLURM queued it again"),
    Row("REQUEUE_HOLD", JobState.QUEUED, "held after a requeue: a person must release it"),
    Row("SPECIAL_EXIT", JobState.QUEUED, "held after a special exit: a person must release it"),
    Row("RESIZING", JobState.RUNNING),
    Row("RUNNING", JobState.RUNNING),
    Row("SUSPENDED", JobState.RUNNING, "suspended"),
    Row("STOPPED", JobState.RUNNING, "stopped"),
    Row("SIGNALING", JobState.RUNNING),
    Row("STAGE_OUT", JobState.RUNNING),
    Row("COMPLETING", JobState.RUNNING, "ending"),
    Row("COMPLETED", JobState.SUCCEEDED),
    Row("CANCELLED", JobState.CANCELLED, "cancelled"),
    Row("FAILED", JobState.FAILED),
    Row("TIMEOUT", JobState.FAILED, "its time limit ran out: `minutes` of its step is the limit"),
    Row("OUT_OF_MEMORY", JobState.FAILED, _MEMORY),
    Row("NODE_FAIL", JobState.FAILED, "its node died and SLURM did not queue it again"),
    Row("BOOT_FAIL", JobState.FAILED, "its node did not start"),
    Row("DEADLINE", JobState.FAILED, "it could not end before its deadline"),
    Row("PREEMPTED", JobState.FAILED, "it had to make room for another job"),
    Row("REVOKED", JobState.CANCELLED, "another cluster took it"),
)
"""Words of SLURM; one that is not here means that the job is not over."""

HOPELESS: dict[str, str] = {
    "PartitionConfig": "the partition can never give what it asks for",
    "BadConstraints": "no node can give what it asks for",
    "DependencyNeverSatisfied": "the job that it depends on failed",
    "AssocGrpSubmitJobsLimit": "the account may not have more jobs",
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its quality of service is not valid",
    "ReservationDeleted": "its reservation is gone",
}
"""Reasons with which a waiting job would wait for ever: it fails now, with the reason."""

WAITING: dict[str, str] = {
    "Priority": "others go first",
    "Resources": "waits for free nodes",
    "Dependency": "waits for the job before it",
    "BeginTime": "its node died or its time has not come: SLURM starts it later by itself",
    "Reservation": "waits for its reservation to begin",
    "ReqNodeNotAvail": "its nodes are down or reserved for others",
    "Nodes": "its nodes are down or reserved for others",
    "JobHeldUser": "held by its user",
    "JobHeldAdmin": "held by an administrator",
    "launch failed requeued held": "its launch failed; a person must release it",
}
"""Reasons of a job that waits, in words."""

_LAUNCH = "JobLaunchFailure"
_NO_OUTPUT = 53
"""What SLURM puts in place of a signal when it could not open the job's output."""

FAILURES: dict[str, str] = {
    _LAUNCH: "it could not be launched: is its folder there and writable?",
    "BadConstraints": "no node can give what it asks for",
    "NodeDown": "its node died",
}
"""Reasons of a job that failed, in words."""

EXITS: dict[int, str] = {
    1: "the program failed",
    2: "the job file is wrong",
    3: "constants are missing or damaged",
    4: "the raw files are missing, truncated or not what was registered",
    5: "the result could not be written: no right, or the disk is full",
    6: "the dark runs are not what the request says",
    137: "a program of it was killed, often because the node had no memory left",
    126: "the program may not be executed",
    127: "the program is not there",
}
"""Exit codes of the programs that run on the nodes."""


def judge(word: str, reason: str = "", status: int = 0) -> Judgement:
    """A job in our words.

    Args:
        word: State as SLURM writes it, for example `CANCELLED by 0`.
        reason: Its reason, for example `NonZeroExitCode`.
        status: Wait status as SLURM keeps it: exit code times 256, plus the signal.
    """
    row = next((r for r in STATES if word == r.word or word.startswith(f"{r.word} ")), None)
    if row is None:
        return Judgement(JobState.QUEUED, f"SLURM says {word}")
    plain = reason.partition(",")[0].strip()
    if row.state is JobState.QUEUED:
        if plain in HOPELESS:
            return Judgement(JobState.FAILED, HOPELESS[plain])
        return Judgement(row.state, row.words or WAITING.get(plain, _said(plain)))
    if row.state is JobState.CANCELLED and plain in HOPELESS:
        return Judgement(row.state, HOPELESS[plain])
    if row.word == "FAILED":
        # SLURM says JobLaunchFailure too of a script that was killed by a signal.
        told = "" if plain == _LAUNCH and status & 0x7F != _NO_OUTPUT else FAILURES.get(plain, "")
        return Judgement(row.state, told or exit_words(status) or _said(plain))
    return Judgement(row.state, row.words)


def _said(reason: str) -> str:
    return "" if reason in {"", "None"} else f"SLURM says {reason}"


def exit_words(status: int) -> str:
    """A wait status in words, with the number; empty for 0."""
    code, signal = status >> 8, status & 0x7F
    if signal:
        return f"killed by signal {signal}"
    return f"{EXITS.get(code, 'the program failed')} (exit {code})" if code else ""


def exit_code(status: int) -> str:
    """A wait status as SLURM's accounting writes it, `3:0` or `0:9`."""
    return f"{status >> 8}:{status & 0x7F}"


_MEMORY_MARKS = ("exceeded memory limit", "Exceeded job memory limit", "oom_kill event")


def after_reading(told: Judgement, output: str) -> Judgement:
    """A job's end once more, by the last words of its output.

    Where no control group counts, SLURM kills a job that takes too much memory with a signal and
    says so in the job's output only.

    Args:
        told: What its state says.
        output: The end of its output.

    Source: messages of SLURM 22.05, observed.
    """
    if told.state is JobState.FAILED and any(mark in output for mark in _MEMORY_MARKS):
        return Judgement(JobState.FAILED, _MEMORY)
    return told


_ORDER = (JobState.RUNNING, JobState.QUEUED)


def together(parts: Sequence[Judgement]) -> Judgement:
    """The tasks of an array as one job.

    At work while any task is; over when all are, and then as bad as the worst. A task that
    waits for ever makes the whole fail.
    """
    for state in _ORDER:
        found = [p for p in parts if p.state is state]
        if found:
            return next((p for p in found if p.words), found[0])
    for state in (JobState.FAILED, JobState.CANCELLED, JobState.LOST):
        found = [p for p in parts if p.state is state]
        if found:
            more = f", {len(found)} of {len(parts)} tasks" if len(parts) > 1 else ""
            return Judgement(state, (found[0].words or str(state)) + more)
    return parts[0] if parts else Judgement(JobState.QUEUED)


def markdown() -> str:
    """The tables for the handbook."""
    lines = ["| SLURM says | we say | in words |", "|---|---|---|"]
    lines += [f"| `{r.word}` | {r.state} | {r.words} |" for r in STATES]
    lines += [f"| `PENDING` ({k}) | failed | {v} |" for k, v in HOPELESS.items()]
    lines += [f"| `PENDING` ({k}) | queued | {v} |" for k, v in WAITING.items()]
    lines += [f"| `FAILED` ({k}) | failed | {v} |" for k, v in FAILURES.items()]
    lines += [f"| `FAILED` (exit {k}) | failed | {v} |" for k, v in EXITS.items()]
    return "\n".join(lines)
