"""SLURM's commands: run without a shell, judged by what they say."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from policies.errors import BeamkeeperError, Denied, Misconfigured, Unavailable
from settings.batch import BatchSettings

_SILENT = (
    "Unable to contact slurm controller",
    "Connection refused",
    "Socket timed out",
    "Slurm backup controller in standby mode",
    "Zero Bytes were transmitted",
    "Unable to establish controller machine",
    "Transport endpoint is not connected",
)
"""What a controller that is away looks like: unknown, never failed."""

_PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "LD_LIBRARY_PATH"),
    *("SLURM_CONF", "SSH_AUTH_SOCK", "KRB5CCNAME"),
)
"""What commands get of our environment. `sbatch` hands everything on to the job and SLURM keeps
it on disk, so a worker's passwords must never be in it."""

_SSH_FAILED = 255
_NOT_THERE = 127

NO_ACCOUNTING = "accounting storage is disabled"


@dataclass(frozen=True)
class Answer:
    """What a command said.

    Attributes:
        code: Exit code.
        text: Standard output.
        error: Standard error, one line.
    """

    code: int
    text: str
    error: str

    @property
    def said(self) -> str:
        """What it said, wherever it did."""
        return f"{self.text.strip()} {self.error}".strip()


class Commands:
    """Runs commands.

    Args:
        settings: The batch system.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._remote = PurePath((*settings.prefix, "")[0]).name == "ssh"
        # Times as seconds since 1970, whatever the time zones here and there.
        told = {**settings.environment, "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}
        self._told = tuple(f"{name}={value}" for name, value in told.items())
        kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
        self._environment = kept if settings.prefix else {**kept, **told}

    def _words(self, argv: Sequence[str]) -> list[str]:
        """The words to start: behind a prefix, which may drop variables, with `env`.

        The shell at the other end of `ssh` takes them apart again, so they go there as one.
        """
        if not self._settings.prefix:
            return list(argv)
        words = ["env", *self._told, *argv]
        return [*self._settings.prefix, *([shlex.join(words)] if self._remote else words)]

    def run(self, *argv: str) -> Answer:
        """Run a command.

        Args:
            *argv: Program and arguments.

        Raises:
            Unavailable: The controller is silent, the way to it is shut, or the command took too
                long: what it did is not known.
            Misconfigured: The program is not there.
        """
        words = self._words(argv)
        try:
            done = subprocess.run(  # noqa: S603 - an argument list, no shell
                words,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                text=True,
                capture_output=True,
                check=False,
                timeout=self._settings.timeout_seconds,
            )
        except FileNotFoundError:
            raise Misconfigured(f"{words[0]} is not installed here: set batch.prefix") from None
        except subprocess.TimeoutExpired:
            patience = f"{argv[0]} gave no answer in {self._settings.timeout_seconds:g} s"
            raise Unavailable(f"{patience}: what it did is not known") from None
        answer = Answer(done.returncode, done.stdout, " ".join(done.stderr.split()))
        self._answered(argv[0], answer)
        return answer

    def _answered(self, program: str, answer: Answer) -> None:
        """Tell no answer from a refusal."""
        if answer.code and any(word in answer.said for word in _SILENT):
            raise Unavailable(f"SLURM does not answer: {answer.said}")
        if answer.code < 0:
            raise Unavailable(f"{program} was killed by signal {-answer.code}: not known")
        if self._remote and answer.code == _SSH_FAILED and f"{program}: error" not in answer.said:
            raise Unavailable(f"the way to the cluster is shut: {answer.said or 'ssh failed'}")
        if self._settings.prefix and answer.code == _NOT_THERE:
            raise Misconfigured(f"{program} is not there behind batch.prefix: {answer.said}")


def refusal(program: str, answer: Answer) -> BeamkeeperError:
    """What a command refused, as an error: SLURM said no and will say so again."""
    return Denied(f"{program}: {answer.said or f'exit {answer.code}'}")


def fields(line: str) -> dict[str, str]:
    """`key=value` words of scontrol's one-line form."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def listed(keys: Sequence[str], longest: int = 100_000) -> str:
    """Names for `--name`, empty when they would not fit on a command line."""
    text = ",".join(keys)
    return text if len(text) <= longest else ""
