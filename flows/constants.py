"""Which constants a detector's data are corrected with."""

from policies.detectors import DetectorSeen
from tasks.records import calibration, configured
from tasks.records.calibration import CalibrationView, Known


def constants_root() -> str:
    """Folder below which constants files are named; empty where none is configured."""
    return configured.constants_root()


def constants_for(view: CalibrationView, seen: DetectorSeen) -> dict[str, list[Known]]:
    """Constants that held when the run began, by the module's place."""
    found: dict[str, list[Known]] = {m.karabo_da: [] for m in seen.modules}
    for known in calibration.constants_at(view, seen.karabo_id):
        if known.karabo_da in found:
            found[known.karabo_da].append(known)
    return found
