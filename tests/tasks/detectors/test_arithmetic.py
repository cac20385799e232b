"""The formulas, frame by frame against a naive reading of them."""

import numpy as np
import pytest

from policies.detectors import BAD_PIXELS
from tasks.detectors.correct import apply
from tasks.detectors.faults import Fault
from tasks.detectors.frames import EMPTY, Chunk
from tasks.detectors.sums import Stage, Sums

CELLS, STAGES, SLOW, FAST = 3, 3, 5, 7


class Known:
    """Constants as `ModuleSet` holds them."""

    def __init__(self, rng, thresholds=None):
        self.offset = rng.normal(1000, 50, (CELLS, STAGES, SLOW, FAST)).astype(np.float32)
        self.bad = rng.integers(0, 4, self.offset.shape, dtype=np.uint32)
        self.gain = np.array([1, -28.7, -390], np.float32)
        self.thresholds = thresholds


def chunk_of(rng, cell, stage=None):
    raw = rng.integers(0, 16384, (len(cell), SLOW, FAST)).astype(np.float32)
    return Chunk(slice(0, len(cell)), raw, stage, np.array(cell, np.intp))


@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 0, 1), (0.9, 0.05, 0.05), (0.3, 0.3, 0.4)])
def test_every_pixel_is_corrected_in_its_own_stage_and_cell(weights):
    rng = np.random.default_rng(5)
    known, cell = Known(rng), [0, 1, 2, 1, 0]
    stage = rng.choice(3, (len(cell), SLOW, FAST), p=weights).astype(np.uint8)
    chunk = chunk_of(rng, cell, stage)
    done = apply(chunk, known)
    for frame, s, f in np.ndindex(done.values.shape):
        c, g = cell[frame], stage[frame, s, f]
        wanted = (chunk.raw[frame, s, f] - known.offset[c, g, s, f]) * known.gain[g]
        assert done.values[frame, s, f] == pytest.approx(wanted, rel=1e-6)
        assert done.mask[frame, s, f] == known.bad[c, g, s, f]


def test_a_lost_frame_has_no_values():
    rng = np.random.default_rng(6)
    stage = np.zeros((2, SLOW, FAST), np.uint8)
    done = apply(chunk_of(rng, [0, EMPTY], stage), Known(rng))
    assert np.isfinite(done.values[0]).all()
    assert np.isnan(done.values[1]).all()
    assert (done.mask[1] & BAD_PIXELS["VALUE_IS_NAN"]).all()


def test_the_gain_signal_decides_between_the_thresholds():
    rng = np.random.default_rng(7)
    limits = np.stack(
        [np.full((CELLS, SLOW, FAST), 7000.0), np.full((CELLS, SLOW, FAST), 9000.0)], axis=1
    )
    chunk = chunk_of(rng, [0, 2])
    chunk.analog_gain = rng.choice([6000, 8000, 9900], chunk.raw.shape).astype(np.float32)
    done = apply(chunk, Known(rng, limits))
    assert (done.stage == np.searchsorted([7000, 9000], chunk.analog_gain)).all()


def test_constants_of_fewer_cells_or_another_size_are_refused():
    rng = np.random.default_rng(8)
    with pytest.raises(Fault, match="memory cell 3 has no constants, there are 3") as refused:
        apply(chunk_of(rng, [0, 3], np.zeros((2, SLOW, FAST), np.uint8)), Known(rng))
    assert refused.value.code == 3
    other = Chunk(slice(0, 1), np.zeros((1, 4, 4), np.float32), None, np.zeros(1, np.intp))
    with pytest.raises(Fault, match="do not fit: 4 x 4 and 5 x 7 pixels"):
        apply(other, Known(rng))


def test_sums_are_mean_and_deviation_whatever_the_pieces():
    rng = np.random.default_rng(9)
    frames = (rng.normal(14000, 3, (60, SLOW, FAST))).astype(np.float32)
    sums = Sums(frames[0])
    for piece in (frames[:1], frames[1:30], frames[30:]):
        sums.add(piece, None)
    dark = sums.dark()
    assert np.allclose(dark.mean, frames.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert np.allclose(dark.deviation, frames.std(axis=0, dtype=np.float64), rtol=1e-3)
    assert not dark.wrong.any()


def test_pixels_in_another_stage_do_not_count():
    rng = np.random.default_rng(10)
    stage = np.zeros((10, SLOW, FAST), np.uint8)
    stage[3:5, 1, 1], stage[:, 2, 2] = 1, 2
    chunk = chunk_of(rng, [0] * 10, stage)
    chunk.raw[3:5, 1, 1] = 1e6
    run = Stage(0)
    run.take(chunk)
    run.finish()
    dark = run.cells[0]
    kept = np.delete(chunk.raw[:, 1, 1], [3, 4])
    assert dark.mean[1, 1] == pytest.approx(kept.mean(), rel=1e-6)
    assert dark.wrong[1, 1] == pytest.approx(0.2)
    assert np.isnan(dark.mean[2, 2])
    assert list(run.seen) == [10 * SLOW * FAST - 12, 2, 10]


def test_lost_frames_do_not_count():
    rng = np.random.default_rng(11)
    run = Stage(0)
    run.take(chunk_of(rng, [0, EMPTY, 1], np.zeros((3, SLOW, FAST), np.uint8)))
    run.finish()
    assert sorted(run.cells) == [0, 1]
