"""Which constants a detector's data are corrected with."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.detectors import DetectorSeen
from tasks.records import calibration, configured
from tasks.records.calibration import CalibrationView, Known


@dataclass(frozen=True)
class Chosen:
    """Constants for a detector.

    Attributes:
        by_place: Constants that held when the run began and fit its settings, by the module's
            place.
        aside: Newer ones that were made under other settings, in words.
    """

    by_place: dict[str, list[Known]]
    aside: tuple[str, ...] = ()


def constants_root() -> str:
    """Folder below which constants files are named; empty where none is configured."""
    return configured.constants_root()


def constants_for(
    view: CalibrationView, seen: DetectorSeen, condition: Mapping[str, float]
) -> Chosen:
    """Constants for a run's data of a detector.

    Args:
        view: The request.
        seen: The detector's data.
        condition: Its operating condition; empty: the files do not say it.
    """
    found: dict[str, list[Known]] = {m.karabo_da: [] for m in seen.modules}
    held = calibration.constants_at(view, seen.karabo_id, condition)
    for known in held.known:
        if known.karabo_da in found:
            found[known.karabo_da].append(known)
    return Chosen(found, held.aside)
