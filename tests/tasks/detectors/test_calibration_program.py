"""The program on the nodes: from dark runs to constants, from raw data to corrected ones."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import JUNGFRAU

from deployments.calibrate import main
from deployments.demo_images import dead, offsets, rings
from tasks.detectors import find_detectors, metadata_yaml
from tasks.detectors.digests import digest
from tests.tasks.detectors.jobs import TRAINS, correct_job, dark_job


def test_the_detector_is_found_by_its_files(raw):
    (seen,) = find_detectors(raw / "r0004")
    assert (seen.karabo_id, seen.detector_type) == ("MID_IRDA_JF4M", "JUNGFRAU")
    (module,) = seen.modules
    assert (module.karabo_da, [f.sequence for f in module.files]) == ("JNGFR01", [0, 1])


def test_darks_give_the_offsets_noise_and_dead_pixels_that_were_put_in(constants):
    out, _ = constants
    with h5py.File(out / "constants-JNGFR01.h5") as file:
        group = file["Jungfrau_M530"]
        offset = group["Offset10Hz/0/data"][:, :, 0]
        noise = group["Noise10Hz/0/data"][:, :, 0]
        bad = group["BadPixelsDark10Hz/0/data"][:, :, 0]
        assert group["Offset10Hz/0"].attrs["runs"] == "1 2 3"
        assert group["RelativeGain10Hz/0/data"].shape == (3,)
    good = ~dead(1)
    for stage in range(3):
        assert abs((offset[..., stage] - offsets(1)[stage])[good]).mean() < 4
        assert (bad[..., stage][good] != 0).mean() < 0.002
    assert np.median(noise[..., 0]) == pytest.approx(9, rel=0.15)
    assert (bad[..., 0][dead(1)] != 0).mean() > 0.9


def test_the_correction_gives_back_the_rings(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    for task in (0, 1):
        assert main(["correct", "--job", str(job), "--task", str(task), "--of", "2"]) == 0
    told = [json.loads((out / f"result-{n}.json").read_text()) for n in (0, 1)]
    names = [f["filename"] for part in told for f in part["files"]]
    assert names == ["CORR-R0004-JNGFR01-S00000.h5", "CORR-R0004-JNGFR01-S00001.h5"]
    for part in told:
        for file in part["files"]:
            assert digest(out / file["filename"]).xxh3_128 == file["xxh3_128"]
    with h5py.File(out / names[0]) as file:
        group = file["INSTRUMENT/MID_IRDA_JF4M/CORR/JNGFR01:daqOutput/data"]
        adc, mask = group["adc"][:, 0], group["mask"][0, 0]
    good = (mask == 0) & ~dead(1)
    residue = (adc.mean(axis=0) - rings(300.0))[good]
    assert abs(residue.mean()) < 0.5
    assert residue.std() < 9
    assert (mask[dead(1)] != 0).mean() > 0.9


def test_the_facility_s_reader_opens_the_result(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    assert main(["correct", "--job", str(job)]) == 0
    run = open_run_folder(out)
    assert len(run.train_ids) == TRAINS
    assert run.train_ids == open_run_folder(raw / "r0004").train_ids
    detector = JUNGFRAU(run, first_modno=1)
    image = detector.get_array("data.adc")
    assert image.shape[1:] == (TRAINS, 1, 512, 1024)
    assert float(np.isfinite(image).mean()) == 1


def open_run_folder(folder):
    return RunDirectory(str(folder), include="*.h5")


def test_the_validator_accepts_the_result(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    assert main(["correct", "--job", str(job)]) == 0
    for path in out.glob("CORR-*.h5"):
        done = subprocess.run(
            [sys.executable, "-m", "extra_data.validation", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_repeated_task_gives_the_same_numbers(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    assert main(["correct", "--job", str(job)]) == 0
    first = (out / "CORR-R0004-JNGFR01-S00000.h5").read_bytes()
    assert main(["correct", "--job", str(job)]) == 0
    assert (out / "CORR-R0004-JNGFR01-S00000.h5").read_bytes() == first


def test_reports_are_written(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    assert main(["correct", "--job", str(job)]) == 0
    assert main(["report", "--job", str(job)]) == 0
    assert (tmp_path / "correct.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "overview.png").read_bytes().startswith(b"\x89PNG")
    store, dark = constants
    assert main(["dark-report", "--job", str(dark)]) == 0
    assert (store / "overview.png").stat().st_size > 10_000


def code(capsys, *argv):
    ended = main([str(a) for a in argv])
    return ended, capsys.readouterr().err.strip().splitlines()[-1]


def test_wrong_order_is_found_in_the_data(raw, tmp_path, capsys):
    _, job = dark_job(raw, tmp_path, order=(1, 3, 2))
    ended, words = code(capsys, "characterise", "--job", job)
    assert ended == 6
    assert words == "r0003 was named as G1 and its data are in G2: name the runs in gain order"


def test_too_few_trains(raw, tmp_path, capsys):
    _, job = dark_job(raw, tmp_path, min_trains=500)
    ended, words = code(capsys, "characterise", "--job", job)
    assert (ended, words) == (6, f"r0001 has {TRAINS} trains of JNGFR01, 500 are needed")


def test_damaged_constants(raw, constants, tmp_path, capsys):
    out, job = correct_job(raw, constants, tmp_path)
    copy = tmp_path / "store"
    copy.mkdir()
    content = bytearray((constants[0] / "constants-JNGFR01.h5").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "constants-JNGFR01.h5").write_bytes(content)
    told = json.loads(job.read_text())
    job.write_text(json.dumps(told | {"constants_root": str(copy)}))
    ended, words = code(capsys, "correct", "--job", job)
    assert ended == 3
    assert "constants of JNGFR01 constants-JNGFR01.h5 is damaged" in words
    assert not list(out.glob("*.h5"))


def test_a_module_without_constants(raw, constants, tmp_path, capsys):
    _, job = correct_job(raw, constants, tmp_path)
    job.write_text(json.dumps(json.loads(job.read_text()) | {"constants": {}}))
    assert code(capsys, "correct", "--job", job) == (3, "there are no constants of JNGFR01")


def test_a_raw_file_that_changed(raw, constants, tmp_path, capsys):
    copy = tmp_path / "r0004"
    copy.mkdir()
    for path in (raw / "r0004").glob("*.h5"):
        (copy / path.name).write_bytes(path.read_bytes()[:-100])
    _, job = correct_job(raw, constants, tmp_path, in_folder=str(copy))
    ended, words = code(capsys, "correct", "--job", job)
    assert ended == 4
    assert "is damaged" in words


def test_a_missing_raw_file(raw, constants, tmp_path, capsys):
    _, job = correct_job(raw, constants, tmp_path, in_folder=str(tmp_path / "nowhere"))
    assert code(capsys, "correct", "--job", job)[0] == 4


def test_a_full_disk(raw, constants, tmp_path):
    out, _ = correct_job(raw, constants, tmp_path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(out)], check=True)
    try:
        _, job = correct_job(raw, constants, tmp_path)
        argv = [sys.executable, "-m", "deployments.calibrate", "correct", "--job", str(job)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert done.returncode == 5
    assert "No space left on device" in done.stderr.splitlines()[-1]


def test_a_job_file_that_is_none(tmp_path, capsys):
    assert code(capsys, "correct", "--job", tmp_path / "none.json")[0] == 2


def test_what_it_says_of_itself_reads_as_the_facility_s_reader_wants(raw, constants, tmp_path):
    import yaml

    _, job = correct_job(raw, constants, tmp_path)
    told = json.loads(job.read_text())
    content = yaml.safe_load(metadata_yaml(told, [{"files": []}], []))
    assert content["calibration-configurations"]["karabo-id"] == "MID_IRDA_JF4M"
    module = content["retrieved-constants"]["JNGFR01"]
    assert module["physical-name"] == "Jungfrau_M530"
    assert module["constants"]["Offset10Hz"].keys() == {
        "ccv_id",
        "creation-time",
        "dataset",
        "path",
    }


def test_the_program_starts_without_the_engine_and_the_catalog():
    script = (
        "import sys, deployments.calibrate, tasks.detectors.correct;"
        "print([m for m in ('prefect', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
