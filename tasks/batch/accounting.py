"""What SLURM's accounting remembers of jobs that have left the queue."""

from policies.errors import Misconfigured, Unavailable
from settings.batch import BatchSettings
from tasks.batch.commands import NO_ACCOUNTING, Answer, Commands

_FORMAT = "JobID,JobName,State,ExitCode,Start,End"
_COLUMNS = 6
_AT_ONCE = 500
"""Names of one question; more would not fit on a command line."""


class Accounting:
    """SLURM's accounting, where there is one; never needed, only asked.

    Args:
        commands: Runs commands.
        settings: The batch system.
    """

    def __init__(self, commands: Commands, settings: BatchSettings) -> None:
        self._commands, self._settings = commands, settings
        self._there = True

    def rows(self, keys: list[str]) -> dict[str, list[list[str]]]:
        """Rows of jobs by name, in the columns of the queue; empty where nothing is kept.

        Raises:
            Unavailable: It does not answer.
        """
        found: dict[str, list[list[str]]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            found |= self._ask(keys[start : start + _AT_ONCE]) if self._there else {}
        return {key: found[key] for key in keys if key in found}

    def _ask(self, keys: list[str]) -> dict[str, list[list[str]]]:
        try:
            answer = self._commands.run("sacct", *self._options(keys))
        except Misconfigured:
            answer = Answer(1, "", NO_ACCOUNTING)
        if answer.code and NO_ACCOUNTING in answer.said:
            self._there = False
            return {}
        if answer.code:
            raise Unavailable(f"sacct: {answer.said}")
        return parse(answer.text)

    def _options(self, keys: list[str]) -> list[str]:
        user = [f"--user={self._settings.user}"] if self._settings.user else []
        return [
            *("-X", "-P", "-n", f"--name={','.join(keys)}"),
            f"--starttime=now-{self._settings.accounting_days}days",
            f"--format={_FORMAT}",
            *user,
        ]


def parse(text: str) -> dict[str, list[list[str]]]:
    """Lines of `sacct -P` by job name, in the columns of the queue.

    A waiting array is one line, `16_[0-3]`; `None` and `Unknown` stand for no time.
    """
    found: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        words = line.split("|")
        if len(words) != _COLUMNS:
            continue
        job_id, name, state, exit_code, start, end = words
        number, _, task = job_id.partition("_")
        if not number.isdigit():
            continue
        row = [number, name, state, "", str(_status(exit_code)), start, end, task, job_id]
        found.setdefault(name, []).append(row)
    return found


def _status(exit_code: str) -> int:
    """`3:0` as a wait status."""
    code, _, signal = exit_code.partition(":")
    return (int(code) << 8) + int(signal) if code.isdigit() and signal.isdigit() else 0
