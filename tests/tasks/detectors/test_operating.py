"""Settings as files hold them: ours, and those that the published reader is tested with."""

from extra_data.tests.make_examples import make_agipd1m_run

from deployments.demo_files import RunRecipe, write_run
from deployments.demo_images import Images
from deployments.demo_operating import Operating
from tasks.detectors import operating_condition

JF = "SPB_IRDA_JF4M"


def written(folder, **more):
    recipe = RunRecipe(2012, 1, aggregators=("DA01", "JNGFR01"), trains=2, **more)
    return write_run(folder, recipe).folder


def test_a_run_tells_its_settings(tmp_path):
    operating = Operating(bias_v=90, cells=16, fixed=True)
    folder = written(tmp_path, images=Images(1), operating=operating)
    assert operating_condition(folder, "JUNGFRAU", JF) == {
        "Sensor Bias Voltage": 90.0,
        "Memory cells": 16.0,
        "Integration Time": 10.0,
        "Gain Setting": 0.0,
        "Gain mode": 1.0,
    }
    assert operating_condition(folder, "JUNGFRAU", "MID_IRDA_JF4M") == {}
    assert operating_condition(folder, "LPD", "FXE_DET_LPD1M1") == {}


def test_a_run_without_the_control_device(tmp_path):
    folder = written(tmp_path, images=Images(0), operating=None)
    assert operating_condition(folder, "JUNGFRAU", JF) == {}


def test_an_agipd_as_others_write_it(tmp_path):
    make_agipd1m_run(str(tmp_path))
    found = operating_condition(tmp_path, "AGIPD", "SPB_IRU_AGIPD1M1")
    assert found.keys() >= {"Sensor Bias Voltage", "Memory cells", "Acquisition rate"}
