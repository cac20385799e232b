"""The demo's cluster: the detector that is calibrated, its jobs, the constants catalogue."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from deployments.components.slurm import Slurm
from deployments.standins.calcat import CalcatStandin
from settings.calibration import FOLDER as CALIBRATIONS

DETECTOR = {
    "name": "JUNGFRAU 1M of the demo",
    "identifier": "MID_EXP_JF1M",
    "detector_type": "JUNGFRAU",
    "instrument": "MID",
    "number_of_modules": 2,
    "first_module_index": 1,
    "units": [
        {"physical_name": "Jungfrau_M701", "karabo_da": "JNGFR01", "module_number": 1},
        {"physical_name": "Jungfrau_M702", "karabo_da": "JNGFR02", "module_number": 2},
    ],
}
"""The detector that is calibrated."""

UNITS = {"Jungfrau_M701": "JNGFR01", "Jungfrau_M702": "JNGFR02"}
"""Its modules by physical name."""

DARK_TRAINS = 8
"""Trains that a dark run needs here; 500 in real life."""


def cluster_sections(folder: Path, cluster: Slurm, calcat: CalcatStandin) -> dict[str, Any]:
    """The cluster, the constants store, and jobs that suit two cores."""
    instruments = folder / "calibrations"
    instruments.mkdir()
    content = yaml.safe_load((CALIBRATIONS / "default.yaml").read_text(encoding="utf-8"))
    jobs = content["detectors"]["JUNGFRAU"]
    jobs["min_trains"] = DARK_TRAINS
    for step in ("correct", "characterise"):
        jobs[step] = {**jobs[step], "files_per_task": 2, "max_tasks": 2, "minutes": 10}
    text = yaml.safe_dump(content, sort_keys=False)
    (instruments / "default.yaml").write_text(text, encoding="utf-8")
    (folder / "caldb_store").mkdir()
    return {
        "batch": cluster.settings(reservations=True, hours_after=_hours()).model_dump(mode="json"),
        "constants": {
            "store": str(folder / "caldb_store"),
            "calcat": {
                "url": calcat.url,
                "client_id": calcat.tokens.client_id,
                "client_secret": calcat.tokens.client_secret,
                "user_email": min(calcat.emails),
            },
        },
        "calibration": {"folder": str(instruments), "watch_seconds": 1},
    }


def _hours() -> float:
    """The beamtimes of the export are those of 2018: their reservations last until next week."""
    return (datetime.now(UTC) - datetime(2018, 4, 2, tzinfo=UTC)).total_seconds() / 3600 + 168
