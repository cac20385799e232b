"""The program that runs on the cluster's nodes: corrects, characterises, writes reports.

    python -m deployments.calibrate correct --job JOB.json --task 0 --of 4

It loads neither the catalog nor the flow engine. Its exit code says what went wrong, and the
last line on standard error says it to people.
"""

import argparse
import sys
import traceback
from pathlib import Path
from types import TracebackType

from tasks.detectors.faults import Fault
from tasks.detectors.model import Job, read_job


def _correct(job: Job, task: int, of: int) -> None:
    from tasks.detectors.correct import correct

    correct(job, task, of)


def _characterise(job: Job, task: int, of: int) -> None:
    from tasks.detectors.characterise import characterise

    characterise(job, task, of)


def _report(job: Job, _task: int, _of: int) -> None:
    from tasks.detectors.report import correction_report

    correction_report(job)


def _dark_report(job: Job, _task: int, _of: int) -> None:
    from tasks.detectors.report import dark_report

    dark_report(job)


ACTIONS = {
    "correct": _correct,
    "characterise": _characterise,
    "report": _report,
    "dark-report": _dark_report,
}


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says.

    Returns:
        Exit code; see `policies.batch.EXITS`.
    """
    parser = argparse.ArgumentParser(prog="calibrate", description=__doc__)
    parser.add_argument("action", choices=sorted(ACTIONS))
    parser.add_argument("--job", type=Path, required=True, help="the job file")
    parser.add_argument("--task", type=int, default=0, help="which share, from 0")
    parser.add_argument("--of", type=int, default=1, help="how many shares")
    asked = parser.parse_args(argv)
    try:
        ACTIONS[asked.action](read_job(asked.job), asked.task, asked.of)
    except Fault as fault:
        sys.stderr.write(f"{fault.message}\n")
        return fault.code
    return 0


def last_words(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What nobody foresaw ends with a sentence too, below the traceback."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.write(f"the program failed: {kind.__name__}: {' '.join(str(error).split())}\n")


if __name__ == "__main__":
    sys.excepthook = last_words
    sys.exit(main())
