"""Jobs on SLURM: exactly one per name, whatever gets lost on the way."""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from policies.batch import Judgement, exit_code, judge, together
from policies.errors import Invalid, Unavailable
from policies.vocabulary import JobState
from settings.batch import BatchSettings
from tasks.batch.accounting import Accounting
from tasks.batch.commands import Commands, listed, refusal
from tasks.batch.model import JobSeen, JobSpec, Reservation, ReservationSeen
from tasks.batch.reservations import Reservations
from tasks.batch.script import left_behind, write_script

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,139}", re.ASCII)
_FORMAT = (
    "ArrayJobID:|,Name:|,State:|,Reason:|,exit_code:|,StartTime:|,EndTime:|,ArrayTaskID:|,JobID:|"
)
_COLUMNS = 9


class SlurmBatch:
    """SLURM.

    A job is found by its name, among those of our account only. A name that SLURM has forgotten,
    because the job ended long ago, is found by what its script left in its folder. So a lost
    answer and a worker that died after submitting end with one job. When two submit at once, the
    later job waits for the first (`singleton`), is cancelled by whoever looks next, and would
    do nothing if it ever ran.

    Args:
        settings: How it is reached.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._commands = Commands(settings)
        self._reservations = Reservations(self._commands)
        self._mine = f"--user={settings.user}" if settings.user else "--me"
        self._accounting = Accounting(self._commands, settings)

    def submit(self, spec: JobSpec) -> str:
        """Submit a job, or find the one of that name.

        Returns:
            Its number.

        Raises:
            Unavailable: SLURM is silent: whether it has the job is not known.
            Denied: SLURM refused it.
            Invalid: The name is not plain.
        """
        if not _NAME.fullmatch(spec.key):
            rule = "must be plain letters, digits, dots, dashes, underscores"
            raise Invalid(f"job name {spec.key!r} {rule}", fields={"key": rule})
        known = self._numbers(spec.key) or left_behind(spec)
        if known:
            return self._only(known)
        answer = self._commands.run("sbatch", *self._options(spec), str(write_script(spec)))
        # What counts is what is there: sbatch may fail after SLURM has taken the job. An
        # impossible request leaves a failed row under the name, which is not the job.
        known = self._numbers(spec.key)
        if answer.code and not known:
            raise refusal("sbatch", answer)
        number = answer.text.strip().split(";")[0]
        if not known and not number.isdigit():
            raise Unavailable(f"sbatch said {answer.said!r}: whether it has the job is not known")
        return self._only(known or [number])

    def _options(self, spec: JobSpec) -> list[str]:
        inside = self._settings.reservation_partition if spec.reservation else ""
        before = [f"afterok:{':'.join(spec.after)}"] if spec.after else []
        options = [
            "--parsable",
            f"--job-name={spec.key}",
            f"--partition={inside or spec.partition}",
            f"--time={spec.minutes}",
            f"--nodes={spec.nodes}",
            f"--chdir={spec.folder}",
            f"--output={spec.folder}/{spec.key}-%a.out"
            if spec.tasks > 1
            else f"--output={spec.folder}/{spec.key}.out",
            "--open-mode=append",
            # A dead node costs time, not a person: the programs may run twice.
            "--requeue",
            "--kill-on-invalid-dep=yes",
        ]
        options += [f"--array=0-{spec.tasks - 1}"] if spec.tasks > 1 else []
        options += [f"--dependency={','.join([*before, 'singleton'])}"]
        options += [f"--mem={spec.memory_mb}M"] if spec.memory_mb else []
        options += [f"--reservation={spec.reservation}"] if spec.reservation else []
        options += [f"--account={self._settings.account}"] if self._settings.account else []
        options += [f"--uid={self._settings.user}"] if self._settings.user else []
        return options

    def _numbers(self, key: str) -> list[str]:
        """Numbers of the jobs of that name that were accepted, in order."""
        rows = self._rows([key])
        return sorted({row[0] for row in rows} - _refused(rows), key=int)

    def _only(self, numbers: list[str]) -> str:
        """Keep the first of several jobs of one name: two submitters were at it at once."""
        for number in numbers[1:]:
            self._commands.run("scancel", number)
        return numbers[0]

    def look(self, keys: Collection[str]) -> dict[str, JobSeen]:
        """What SLURM knows of jobs, in one question; a name that is missing is not known.

        Names that have left the queue are asked of the accounting, where there is one. While that
        is silent they are `planned`: nothing new is known of them.

        Raises:
            Unavailable: SLURM is silent: nothing is known.
        """
        wanted = set(keys)
        if not wanted:
            return {}
        found: dict[str, list[list[str]]] = {}
        for row in self._rows(sorted(wanted)):
            if row[1] in wanted:
                found.setdefault(row[1], []).append(row)
        seen = {key: _seen(key, rows) for key, rows in found.items()}
        return seen | self._recall(sorted(wanted - set(found)))

    def _recall(self, missing: list[str]) -> dict[str, JobSeen]:
        """What the accounting knows of names that have left the queue."""
        if not missing:
            return {}
        try:
            rows = self._accounting.rows(missing)
        except Unavailable as error:
            # Nothing is known of them, which is not that SLURM does not know them.
            words = f"not in the queue, and the accounting does not answer: {error.message}"
            return {key: JobSeen(key, "", JobState.PLANNED, words) for key in missing}
        return {key: _seen(key, found) for key, found in rows.items()}

    def _rows(self, keys: list[str]) -> list[list[str]]:
        names = listed(keys)
        answer = self._commands.run(
            "squeue",
            "-h",
            "-r",
            "-t",
            "all",
            self._mine,
            *([f"--name={names}"] if names else []),
            "-O",
            _FORMAT,
        )
        if answer.code:
            raise Unavailable(f"squeue: {answer.said}")
        rows = [[w.strip() for w in line.split("|")] for line in answer.text.splitlines()]
        return [row for row in rows if len(row) > _COLUMNS - 1]

    def cancel(self, key: str) -> None:
        """Cancel every job of that name; harmless when it is over or unknown.

        Raises:
            Unavailable: SLURM is silent: whether it was cancelled is not known.
            Denied: It may not be cancelled.
        """
        answer = self._commands.run("scancel", self._mine, f"--name={key}")
        if answer.code:
            raise refusal("scancel", answer)

    def ensure_reservation(self, wanted: Reservation) -> tuple[ReservationSeen, bool]:
        """Make or change a reservation, read back; see `Reservations.ensure`."""
        return self._reservations.ensure(wanted)

    def reservation(self, name: str) -> ReservationSeen | None:
        """A reservation by name, None when there is none."""
        return self._reservations.show(name)

    def remove_reservation(self, name: str) -> bool:
        """Remove a reservation; answers whether there was one."""
        return self._reservations.remove(name)


def _refused(rows: list[list[str]]) -> set[str]:
    """Numbers of requests that SLURM refused and kept as failed all the same."""
    return {row[0] for row in rows if row[2] == "FAILED" and row[3] == "BadConstraints"}


def _seen(key: str, rows: list[list[str]]) -> JobSeen:
    """The rows of one name as one job: the first number counts."""
    numbers = {row[0] for row in rows}
    number = min(numbers - _refused(rows) or numbers, key=int)
    mine = [row for row in rows if row[0] == number]
    judged = [judge(row[2], row[3], int(row[4] or 0)) for row in mine]
    whole = together(judged)
    worst = next(
        (row for row, part in zip(mine, judged, strict=True) if part.state is whole.state), mine[0]
    )
    begins = [at for row in mine if (at := _instant(row[5])) is not None]
    began = min(begins) if begins and _began(judged) else None
    over = whole.state in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ends = [at for row in mine if (at := _instant(row[6])) is not None]
    ended = max(ends) if over and ends else None
    return JobSeen(
        key,
        number,
        whole.state,
        whole.words,
        worst[3] if worst[3] != "None" else "",
        exit_code(int(worst[4] or 0)),
        began,
        ended,
        int((ended - began).total_seconds()) if ended and began else None,
    )


def _began(judged: list[Judgement]) -> bool:
    """Whether any task has begun: for a waiting job SLURM shows when it expects to begin."""
    return any(part.state is not JobState.QUEUED for part in judged)


def _instant(text: str) -> datetime | None:
    """Seconds since 1970 as SLURM writes them; None for `N/A` and its like."""
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() else None
