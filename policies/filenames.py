"""Names of run folders and run files: `r0003`, `RAW-R0003-DA04-S00000.h5`.

Source: names on the facility's storage and in its published metadata; the form
`CLASS-R<4>-<AGGREGATOR>[-S<5>].h5` is the one that the facility's own reader accepts.
Numbers have at least four (run) and five (sequence) digits and grow beyond them.
"""

import re
from dataclasses import dataclass

from policies.errors import Invalid
from policies.manifest import NAME_BYTES_MAX

_NUMBER_4 = r"\d{4}|[1-9]\d{4,8}"
_NUMBER_5 = r"\d{5}|[1-9]\d{5,8}"
_FILE = re.compile(
    rf"(?P<cls>[A-Z][A-Z0-9]*)-R(?P<run>{_NUMBER_4})-(?P<aggregator>[A-Za-z0-9_]+)"
    rf"(?:-S(?P<sequence>{_NUMBER_5}))?\.h5",
    re.ASCII,
)
_FOLDER = re.compile(rf"r(?P<run>{_NUMBER_4})", re.ASCII)
_CLASS = re.compile(r"[A-Z][A-Z0-9]*", re.ASCII)
_AGGREGATOR = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_MODULE = re.compile(r"(?P<detector>AGIPD|LPD|DSSC|JNGFR)(?P<module>\d{2})", re.ASCII)
_LARGEST = 999_999_999


@dataclass(frozen=True, order=True)
class RunFileName:
    """What a run file's name says.

    Attributes:
        run_class: `RAW`, `CORR`, …
        run: Run number, 0 to 999,999,999.
        aggregator: Which part of the data acquisition wrote it: `DA04`, `AGIPD15`.
        sequence: Number of the file among those that continue each other; None when the
            name carries none.

    Raises:
        Invalid: A part that no file name can carry.
    """

    run_class: str
    run: int
    aggregator: str
    sequence: int | None = 0

    def __post_init__(self) -> None:
        """Refuse parts that would make another name, or a path."""
        faults = [
            field
            for field, good in (
                ("run_class", _CLASS.fullmatch(self.run_class)),
                ("run", 0 <= self.run <= _LARGEST),
                ("aggregator", _AGGREGATOR.fullmatch(self.aggregator)),
                ("sequence", self.sequence is None or 0 <= self.sequence <= _LARGEST),
            )
            if not good
        ]
        if faults:
            raise Invalid(f"not parts of a run file name: {', '.join(faults)}", fields=faults)

    @property
    def filename(self) -> str:
        """The name itself."""
        tail = "" if self.sequence is None else f"-S{self.sequence:05d}"
        return f"{self.run_class}-R{self.run:04d}-{self.aggregator}{tail}.h5"


def parse_run_file(name: str) -> RunFileName | None:
    """Read a file name.

    Args:
        name: A file name without folder.

    Returns:
        Its parts, or None when it is not the name of a run file; nor is one that is too long
        to be copied.
    """
    found = _FILE.fullmatch(name) if len(name) <= NAME_BYTES_MAX else None
    if found is None:
        return None
    sequence = found["sequence"]
    return RunFileName(
        found["cls"],
        int(found["run"]),
        found["aggregator"],
        None if sequence is None else int(sequence),
    )


def run_folder(run: int) -> str:
    """Name of a run's folder.

    Args:
        run: Run number, 0 to 999,999,999.

    Raises:
        Invalid: A number that no folder can carry.
    """
    if not 0 <= run <= _LARGEST:
        raise Invalid(f"{run} is not a run number", fields=["run"])
    return f"r{run:04d}"


def parse_run_folder(name: str) -> int | None:
    """Run number that a folder's name says; None when it is not a run folder's name."""
    found = _FOLDER.fullmatch(name)
    return None if found is None else int(found["run"])


def detector_module(aggregator: str) -> tuple[str, int] | None:
    """Detector family and module number behind an aggregator's name.

    Args:
        aggregator: `AGIPD03`; control aggregators such as `AGIPD1MCTRL00` are no modules.

    Returns:
        `("AGIPD", 3)`, or None when the aggregator writes no detector module.

    Source: aggregators AGIPD00–15, LPD00–15, DSSC00–15 and JNGFR01–08 on the facility's
    storage.
    """
    found = _MODULE.fullmatch(aggregator)
    return None if found is None else (found["detector"], int(found["module"]))
