"""Runs with the facility's package: reads the constants that a metadata file names."""

import json
import sys
from pathlib import Path

from extra.calibration import BadPixels, CalibrationData

given = CalibrationData.from_correction(sys.argv[1], use_calcat=False)
constants = {}
for name, modules in given.items():
    single = modules[modules.aggregator_names[0]]
    array = modules.ndarray(caldb_root=Path(sys.argv[2]))
    constants[name] = {
        "modules": list(modules.aggregator_names),
        "ccv_id": single.ccv_id,
        "dataset": single.dataset,
        "shape": list(array.shape),
        "mean": float(array.mean()),
    }
bits = {bit.name: int(bit) for bit in BadPixels}
sys.stdout.write(
    json.dumps({"detector": given.detector_name, "constants": constants, "bits": bits})
)
