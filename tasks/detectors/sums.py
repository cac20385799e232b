"""Mean and deviation of dark frames, frame by frame in bounded memory."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tasks.detectors.frames import Chunk

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dark:
    """What the dark frames of one memory cell say.

    Attributes:
        mean: Mean, ADU; NaN where no frame counts.
        deviation: Standard deviation, ADU; NaN where no frame counts.
        wrong: Share of frames in which the pixel was in another gain stage.
    """

    mean: Floats
    deviation: Floats
    wrong: Floats


class Sums:
    """Sums of one memory cell, shifted by its first frame against rounding.

    Args:
        shift: The first frame.
    """

    def __init__(self, shift: Floats) -> None:
        self._shift = shift.astype(np.float64)
        self._seen = 0
        self._count = np.zeros(shift.shape, np.int32)
        self._total = np.zeros_like(self._shift)
        self._square = np.zeros_like(self._shift)

    def add(self, frames: Floats, good: Flags | None) -> None:
        """Take further frames in.

        Args:
            frames: Frames × slow × fast.
            good: Which values count, the same shape; None: all.
        """
        moved = frames - self._shift
        self._seen += len(frames)
        if good is None or good.all():
            self._count += len(frames)
        else:
            moved[~good] = 0
            self._count += good.sum(axis=0, dtype=np.int32)
        self._total += moved.sum(axis=0)
        self._square += np.einsum("fsx,fsx->sx", moved, moved)

    def dark(self) -> Dark:
        """What the frames say."""
        with np.errstate(invalid="ignore"):
            moved = self._total / self._count
            spread = np.sqrt(np.maximum(self._square / self._count - moved**2, 0))
        return Dark(
            (self._shift + moved).astype(np.float32),
            spread.astype(np.float32),
            (1 - self._count / self._seen).astype(np.float32),
        )


@dataclass
class Stage:
    """What one run says of a module.

    Attributes:
        index: The gain stage that it was named for; None: any counts.
        cells: By memory cell, once finished.
        signal: AGIPD's gain signal, by memory cell, once finished.
        trains: Trains with data.
        seen: Pixels counted in each gain stage, as the data say; zeros where they do not.
    """

    index: int | None = None
    cells: dict[int, Dark] = field(default_factory=dict)
    signal: dict[int, Dark] = field(default_factory=dict)
    trains: int = 0
    seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    _values: dict[int, Sums] = field(default_factory=dict)
    _signals: dict[int, Sums] = field(default_factory=dict)

    def take(self, chunk: Chunk) -> None:
        """Take further frames in; those that hold no data are left out."""
        for cell in np.unique(chunk.cell[chunk.cell >= 0]):
            mine = chunk.cell == cell
            good = None
            if chunk.stage is not None:
                stage = chunk.stage[mine]
                self.seen += [np.count_nonzero(stage == number) for number in range(3)]
                good = None if self.index is None else stage == self.index
            _sums(self._values, int(cell), chunk.raw[mine], good)
            if chunk.analog_gain is not None:
                _sums(self._signals, int(cell), chunk.analog_gain[mine], None)

    def finish(self) -> None:
        """All frames were taken: the sums give way to what they say."""
        self.cells = {cell: sums.dark() for cell, sums in sorted(self._values.items())}
        self.signal = {cell: sums.dark() for cell, sums in sorted(self._signals.items())}
        self._values, self._signals = {}, {}


def _sums(known: dict[int, Sums], cell: int, frames: Floats, good: Flags | None) -> None:
    if cell not in known:
        known[cell] = Sums(frames[0])
    known[cell].add(frames, good)
