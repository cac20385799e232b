"""The facility's own analysis package finds the constants through our metadata file."""

import json

import h5py
import pytest

from deployments.calibrate import main
from policies.detectors import BAD_PIXELS
from tasks.detectors import metadata_yaml
from tests.tasks.detectors.jobs import correct_job
from tests.tasks.detectors.published_reader import read


def test_constants_are_found_and_read_through_the_metadata_file(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    assert main(["correct", "--job", str(job)]) == 0
    told = json.loads(job.read_text())
    result = json.loads((out / "result-0.json").read_text())
    path = tmp_path / "calibration_metadata_MID_IRDA_JF4M.yml"
    path.write_text(metadata_yaml(told, [result], []))
    found = read(path, constants[0])
    assert found["detector"] == "MID_IRDA_JF4M"
    assert found["constants"].keys() == told["constants"]["JNGFR01"]["constants"].keys()
    with h5py.File(constants[0] / "constants-JNGFR01.h5") as file:
        for seen in found["constants"].values():
            assert (seen["modules"], seen["ccv_id"]) == (["JNGFR01"], 7)
            data = file[f"{seen['dataset']}/data"][()]
            assert seen["shape"] == [1, *data.shape]
            assert seen["mean"] == pytest.approx(float(data.mean()), rel=1e-5)
    ours = {name: bit for name, bit in found["bits"].items() if name in BAD_PIXELS}
    assert ours == BAD_PIXELS
