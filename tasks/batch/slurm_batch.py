"""Jobs on SLURM: exactly one per name, whatever gets lost on the way."""

import re
import shlex
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from policies.batch import Judgement, exit_code, judge, together
from policies.errors import Invalid, Unavailable
from policies.vocabulary import JobState
from settings.batch import BatchSettings
from tasks.batch.commands import Commands, listed, refusal
from tasks.batch.model import JobSeen, JobSpec, Reservation, ReservationSeen
from tasks.batch.reservations import Reservations

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,139}", re.ASCII)
_FORMAT = (
    "ArrayJobID:|,Name:|,State:|,Reason:|,exit_code:|,StartTime:|,EndTime:|,ArrayTaskID:|,JobID:|"
)
_COLUMNS = 9

_SCRIPT = """\
#!/bin/sh
# Written by beamkeeper for one job; says its number and its end beside its output.
umask 007
task=${{SLURM_ARRAY_TASK_ID:-0}}
mark={mark}
number=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}
echo "$number" >"$mark.job.$task.new" && mv "$mark.job.$task.new" "$mark.job"
{command}
code=$?
echo "$code" >"$mark.$task.new" && mv "$mark.$task.new" "$mark.$task.exit"
exit $code
"""


class SlurmBatch:
    """SLURM.

    A job is found by its name. A name that SLURM has forgotten, because the job ended long ago,
    is found by what its script left in its folder. So a lost answer, a worker that died after
    submitting and two workers at once all end with one job.

    Args:
        settings: How it is reached.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._commands = Commands(settings)
        self._reservations = Reservations(self._commands)

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
        known = self._numbers(spec.key) or _left_behind(spec)
        if known:
            return self._only(known)
        script = _write_script(spec)
        answer = self._commands.run("sbatch", *self._options(spec), str(script))
        if answer.code:
            # An impossible request leaves a failed row under the name: it is not the job.
            raise refusal("sbatch", answer)
        return self._only(self._numbers(spec.key) or [answer.text.strip().split(";")[0]])

    def _options(self, spec: JobSpec) -> list[str]:
        options = [
            "--parsable",
            f"--job-name={spec.key}",
            f"--partition={spec.partition}",
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
        options += [f"--dependency=afterok:{':'.join(spec.after)}"] if spec.after else []
        options += [f"--reservation={spec.reservation}"] if spec.reservation else []
        options += [f"--account={self._settings.account}"] if self._settings.account else []
        options += [f"--uid={self._settings.user}"] if self._settings.user else []
        return options

    def _numbers(self, key: str) -> list[str]:
        """Numbers of the jobs of that name that were accepted, in order."""
        rows = self._rows([key])
        refused = {r[0] for r in rows if r[2] == "FAILED" and r[3] == "BadConstraints"}
        return sorted({r[0] for r in rows} - refused, key=int)

    def _only(self, numbers: list[str]) -> str:
        """Keep the first of several jobs of one name: two submitters were at it at once."""
        for number in numbers[1:]:
            self._commands.run("scancel", number)
        return numbers[0]

    def look(self, keys: Collection[str]) -> dict[str, JobSeen]:
        """What SLURM knows of jobs, in one question; a name that is missing is not known.

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
        return {key: _seen(key, rows) for key, rows in found.items()}

    def _rows(self, keys: list[str]) -> list[list[str]]:
        names = listed(keys)
        answer = self._commands.run(
            "squeue",
            "-h",
            "-r",
            "-t",
            "all",
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
        """
        self._commands.run("scancel", f"--name={key}")

    def ensure_reservation(self, wanted: Reservation) -> tuple[ReservationSeen, bool]:
        """Make or change a reservation, read back; see `Reservations.ensure`."""
        return self._reservations.ensure(wanted)

    def reservation(self, name: str) -> ReservationSeen | None:
        """A reservation by name, None when there is none."""
        return self._reservations.show(name)

    def remove_reservation(self, name: str) -> bool:
        """Remove a reservation; answers whether there was one."""
        return self._reservations.remove(name)


def _write_script(spec: JobSpec) -> Path:
    folder = Path(spec.folder)
    mark = shlex.quote(str(folder / spec.key))
    # A word with braces is quoted with '…'; the index goes between two such pieces.
    words = (
        shlex.quote(word.replace("{tasks}", str(spec.tasks))).replace("{task}", "'\"$task\"'")
        for word in spec.command
    )
    exports = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in spec.environment.items())
    path = folder / f"{spec.key}.sh"
    path.write_text(_SCRIPT.format(mark=mark, command=exports + " ".join(words)), encoding="utf-8")
    return path


def _left_behind(spec: JobSpec) -> list[str]:
    """Number of a job that ran and that SLURM has forgotten, by what its script left."""
    try:
        text = (Path(spec.folder) / f"{spec.key}.job").read_text(encoding="utf-8").strip()
    except OSError:
        return []
    return [text] if text.isdigit() else []


def _seen(key: str, rows: list[list[str]]) -> JobSeen:
    """The rows of one name as one job: the first number counts."""
    number = min((row[0] for row in rows), key=int)
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
