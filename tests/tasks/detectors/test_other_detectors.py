"""AGIPD, LPD and ePix100: darks with memory cells, then the pattern that was put in."""

import functools
import json

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import AGIPD1M, LPD1M

from deployments.calibrate import main
from policies.detectors import BAD_PIXELS, RELATIVE_GAIN, constant_name
from tests.tasks.detectors.jobs import correction_of, files
from tests.tasks.detectors.other_detectors import (
    AGIPD,
    DEAD,
    EPIX,
    LPD,
    NOISE,
    TRAINS,
    offset,
    pattern,
    write,
)

KINDS = pytest.mark.parametrize("kind", [AGIPD, LPD, EPIX], ids=lambda kind: kind.detector_type)


def dark_job(folder, kind, order):
    out = folder / f"darks-{'-'.join(map(str, order))}"
    out.mkdir()
    job = {
        "schema": 1,
        "action": "characterise",
        "key": "dark",
        "proposal": 900054,
        "run": order[0],
        "karabo_id": kind.karabo_id,
        "detector_type": kind.detector_type,
        "in_folder": str(folder),
        "out_folder": str(out),
        "report_path": str(out / "dark.pdf"),
        "request_time": "2026-11-26T01:00:00+00:00",
        "modules": [{"karabo_da": kind.place, "physical_name": "M1"}],
        "min_trains": TRAINS,
        "runs": [
            {
                "run": run,
                "stage": stage,
                "begin_at": "2026-11-25T10:00:00+00:00",
                "in_folder": str(folder / f"r{run:04d}"),
                "files": files(folder / f"r{run:04d}"),
            }
            for run, stage in zip(order, kind.stages, strict=True)
        ],
    }
    (out / "job.json").write_text(json.dumps(job))
    return out


@pytest.fixture(scope="module")
def characterised(tmp_path_factory):
    """Darks of a kind and their constants, made once for each."""

    @functools.cache
    def of(kind):
        folder = tmp_path_factory.mktemp(kind.detector_type)
        for stage in range(len(kind.stages)):
            write(folder, kind, 1 + stage, stage)
        out = dark_job(folder, kind, tuple(range(1, 1 + len(kind.stages))))
        assert main(["characterise", "--job", str(out / "job.json")]) == 0
        return out

    return of


@KINDS
def test_darks_and_correction(tmp_path, characterised, kind):
    store = characterised(kind)
    assert main(["dark-report", "--job", str(store / "job.json")]) == 0
    with h5py.File(store / f"constants-{kind.place}.h5") as file:

        def read(name):
            return file[f"M1/{constant_name(kind.detector_type, name)}/0/data"][()]

        found, noise, bad = read("Offset"), read("Noise"), read("BadPixelsDark")
    assert found.shape == (*kind.size, kind.cells, len(kind.stages))
    for stage in range(len(kind.stages)):
        wanted = offset(kind, stage)
        wanted[:, DEAD[0], DEAD[1]] = 4000
        mean = np.moveaxis(found[..., stage], -1, 0)
        assert np.abs(mean - wanted).mean() < NOISE / TRAINS**0.5
        assert np.median(noise[..., stage]) == pytest.approx(NOISE, rel=0.2)
    assert (bad[DEAD] & BAD_PIXELS["OFFSET_OUT_OF_THRESHOLD"]).all()
    assert (bad[DEAD] & BAD_PIXELS["DATA_STD_IS_ZERO"]).all()
    for stage in range(len(kind.stages)):
        given_back(tmp_path, kind, stage, store)


def given_back(folder, kind, stage, store):
    """An illuminated run in one stage shows its pattern again, in the units of high gain."""
    run = 10 + stage
    raw = write(folder, kind, run, stage, light=True, seed=1)
    out = correction_of(folder / f"r{run:04d}", kind, run, store)
    assert main(["correct", "--job", str(out / "job.json")]) == 0
    if stage == 0:
        assert main(["report", "--job", str(out / "job.json")]) == 0
    name = kind.source.replace("/DET/", "/CORR/")
    with h5py.File(out / raw.name.replace("RAW", "CORR")) as file:
        group = file[f"INSTRUMENT/{name}"]
        group = group["data/image"] if kind is EPIX else group["image"]
        data = group["pixels" if kind is EPIX else "data"][()]
        mask, gain = group["mask"][()], group["gain"][()]
        assert data.dtype == np.float32
    factor = RELATIVE_GAIN[kind.detector_type][stage] if len(kind.stages) > 1 else 1
    good = mask == 0
    assert good.mean() > 0.99
    assert (gain[good] == stage).mean() > 0.999
    residue = (data / factor - pattern(kind, stage))[good]
    assert abs(residue.mean()) < 0.2
    assert residue.std() < 1.3 * NOISE
    assert (mask[:, DEAD[0], DEAD[1]] != 0).all()


@pytest.mark.parametrize(
    ("kind", "component"), [(AGIPD, AGIPD1M), (LPD, LPD1M)], ids=["AGIPD", "LPD"]
)
def test_the_reader_s_detector_components_open_the_result(tmp_path, characterised, kind, component):
    store = characterised(kind)
    write(tmp_path, kind, 10, 0, light=True)
    out = correction_of(tmp_path / "r0010", kind, 10, store)
    assert main(["correct", "--job", str(out / "job.json")]) == 0
    run = RunDirectory(str(out))
    detector = component(run, min_modules=1)
    image = detector.get_array("image.data", unstack_pulses=True)
    assert image.shape == (1, TRAINS, kind.cells, *kind.size)
    assert image.dtype == np.float32
    assert detector.get_array("image.mask").shape == image.shape
    assert list(image.coords["train"].values) == list(
        RunDirectory(str(tmp_path / "r0010")).train_ids
    )


def test_the_reader_opens_epix(tmp_path, characterised):
    store = characterised(EPIX)
    write(tmp_path, EPIX, 10, 0, light=True)
    out = correction_of(tmp_path / "r0010", EPIX, 10, store)
    assert main(["correct", "--job", str(out / "job.json")]) == 0
    source = EPIX.source.replace("/DET/", "/CORR/")
    pixels = RunDirectory(str(out))[source, "data.image.pixels"]
    assert pixels.shape == (TRAINS, *EPIX.size)
    assert list(pixels.train_id_coordinates()) == list(pixels.train_ids)


@pytest.mark.parametrize("kind", [AGIPD, LPD], ids=["AGIPD", "LPD"])
def test_runs_in_the_wrong_order_are_found(characterised, kind, capsys):
    out = dark_job(characterised(kind).parent, kind, (1, 3, 2))
    assert main(["characterise", "--job", str(out / "job.json")]) == 6
    words = capsys.readouterr().err
    assert "name the runs in gain order" in words
    assert "r0003" in words
    assert not list(out.glob("*.h5"))


def test_agipd_without_thresholds_says_so(tmp_path, characterised, capsys):
    store = characterised(AGIPD)
    write(tmp_path, AGIPD, 10, 0)
    out = correction_of(tmp_path / "r0010", AGIPD, 10, store, without=("ThresholdsDark",))
    assert main(["correct", "--job", str(out / "job.json")]) == 3
    assert "ThresholdsDark" in capsys.readouterr().err
