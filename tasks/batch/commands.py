"""SLURM's commands: run without a shell, judged by what they say."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

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
        self._environment = {
            **os.environ,
            **settings.environment,
            "LC_ALL": "C",
            "SLURM_TIME_FORMAT": "%s",
        }

    def run(self, *argv: str, stdin: str | None = None) -> Answer:
        """Run a command.

        Args:
            *argv: Program and arguments.
            stdin: What it reads.

        Raises:
            Unavailable: The controller is silent, or the command took too long: unknown.
            Misconfigured: The program is not there.
        """
        try:
            done = subprocess.run(  # noqa: S603 - an argument list, no shell
                [*self._settings.prefix, *argv],
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                env=self._environment,
                text=True,
                capture_output=True,
                check=False,
                timeout=self._settings.timeout_seconds,
            )
        except FileNotFoundError:
            raise Misconfigured(f"{argv[0]} is not installed here: set batch.prefix") from None
        except subprocess.TimeoutExpired:
            words = f"{argv[0]} gave no answer in {self._settings.timeout_seconds:g} s"
            raise Unavailable(f"{words}: what it did is not known") from None
        answer = Answer(done.returncode, done.stdout, " ".join(done.stderr.split()))
        if answer.code and any(word in answer.said for word in _SILENT):
            raise Unavailable(f"SLURM does not answer: {answer.said}")
        return answer


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
