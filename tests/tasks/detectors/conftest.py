"""Raw files and constants, made once."""

from dataclasses import replace

import pytest

from deployments.calibrate import main
from deployments.demo_files import write_run
from deployments.demo_images import Images
from tests.tasks.detectors.jobs import DARK, dark_job


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """Three dark runs in gain order and an illuminated one."""
    folder = tmp_path_factory.mktemp("raw")
    for stage in range(3):
        write_run(folder, replace(DARK, run=1 + stage, images=Images(stage)))
    write_run(folder, replace(DARK, run=4, sequences=2, images=Images(0, 300.0)))
    return folder


@pytest.fixture(scope="session")
def constants(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("constants")
    out, job = dark_job(raw, folder)
    assert main(["characterise", "--job", str(job)]) == 0
    return out, job
