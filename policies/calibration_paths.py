"""Where calibration reads and writes, and what its files and jobs are called.

Source: report names `{karabo_id}_{action}_{number}_r{run}_{YYMMDD}_{HHMMSS}_{usec}.pdf` with the
request's time in UTC, dark reports `dark_900204_r145_r146_r147_…`, report folders
`usr/Reports/rNNNN` and corrected data in `proc/rNNNN` as published; staging folders are ours.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from policies.layout import Home, real_folder, run_folder


def raw_run(home: Home, run: int) -> str:
    """Where a run's raw data lie on the offline storage."""
    return f"{real_folder('raw', *home)}/{run_folder(run)}"


def proc_run(home: Home, run: int) -> str:
    """Where a run's corrected data belong."""
    return f"{real_folder('proc', *home)}/{run_folder(run)}"


def staging(home: Home, run: int, key: str) -> str:
    """Where an execution writes first: on the same file system as its place."""
    return f"{proc_run(home, run)}/_{key}"


def report_folder(home: Home, run: int) -> str:
    """Where reports about a run lie."""
    return f"{real_folder('usr', *home)}/Reports/{run_folder(run)}"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%y%m%d_%H%M%S_%f")


def correction_report(karabo_id: str, number: int, run: int, at: datetime) -> str:
    """File name of a correction's report."""
    return f"{karabo_id}_correct_{number}_{run_folder(run)}_{_stamp(at)}.pdf"


def dark_report(karabo_id: str, number: int, runs: Sequence[int], at: datetime) -> str:
    """File name of a dark request's report; at most 128 characters."""
    names = "_".join(f"r{run}" for run in runs)
    return f"{karabo_id}_dark_{number}_{names}_{_stamp(at)}.pdf"


def metadata_file(karabo_id: str) -> str:
    """File name of what a correction says of itself."""
    return f"calibration_metadata_{karabo_id}.yml"


def correction_key(request: int, karabo_id: str, at: datetime) -> str:
    """Name of a correction's first job: the same for the same request, so it is found again.

    The moment of the request is part of it: row numbers come again when a catalog is restored
    from a backup, and a job of the lost time must not be taken for a new one.
    """
    return f"cal-{request}-{karabo_id}-{_stamp(at)}"


def dark_key(dark_run: int, karabo_id: str, at: datetime) -> str:
    """Name of a characterisation's first job; see `correction_key`."""
    return f"dark-{dark_run}-{karabo_id}-{_stamp(at)}"


def step_key(key: str, step: str) -> str:
    """Name of a further job of the same execution."""
    return f"{key}-{step}"


def lacking(
    places: Collection[str], needed: Collection[str], known: Mapping[str, Collection[str]]
) -> str:
    """Which modules cannot be corrected, in a sentence; empty when all can.

    Args:
        places: Modules that the run holds, by place.
        needed: Constants without which a module is not corrected.
        known: Names of the constants that hold, by place.
    """
    short = {place: sorted(set(needed) - set(known.get(place, ()))) for place in sorted(places)}
    missing = {place: names for place, names in short.items() if names}
    if not missing:
        return ""
    names = sorted({name for absent in missing.values() for name in absent})
    return (
        f"no {', '.join(names)} valid at the run's begin for {', '.join(missing)}:"
        " ask for darks and deploy their constants"
    )
