"""Pictures of a module for the reports: images, bad pixels, histograms, tables."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from policies.detectors import BAD_PIXELS

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

A4 = (8.27, 11.69)
WIDE = (11.69, 8.27)

STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""One look; viridis reads the same for colour-blind people and in print."""

REASONS: dict[str, str] = {
    "OFFSET_OUT_OF_THRESHOLD": "offset",
    "NOISE_OUT_OF_THRESHOLD": "noise",
    "OFFSET_NOISE_EVAL_ERROR": "not a number",
    "NO_DARK_DATA": "no dark data",
    "VALUE_IS_NAN": "lost frame",
    "DATA_STD_IS_ZERO": "constant",
    "WRONG_GAIN_VALUE": "wrong gain",
}
"""Bits of the mask in a word or two."""

Image = npt.NDArray[Any]
_DOTS, _PIXELS = 256, 512


def page(
    rows: int, columns: int, title: str, size: tuple[float, float] = WIDE
) -> tuple[Figure, Any]:
    """A page with room for pictures."""
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.12, h_pad=0.12, rect=(0.02, 0.02, 0.96, 0.96))
    figure.suptitle(title, fontsize=12)
    return figure, axes


def image(figure: Figure, axes: Any, values: Image, title: str) -> None:  # noqa: ANN401
    """A module's values, the middle 98 percent in colour."""
    good = values[np.isfinite(values)]
    low, high = np.percentile(good, [1, 99]) if good.size else (0, 1)
    step = max(1, max(values.shape) // _PIXELS)
    shown = axes.imshow(values[::step, ::step], vmin=low, vmax=max(high, low + 1e-6))
    _bare(axes, title)
    axes.set_anchor("S")
    bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.9, pad=0.02, aspect=30)
    bar.locator = MaxNLocator(3)
    bar.update_ticks()


def bad_pixels(axes: Any, mask: Image, title: str) -> None:  # noqa: ANN401
    """Bad pixels, none lost to the picture's resolution: a dot stands for a block with one."""
    marked = mask != 0
    step = max(1, max(marked.shape) // _DOTS)
    height, width = (side // step * step for side in marked.shape)
    blocks = marked[:height, :width].reshape(height // step, step, width // step, step)
    axes.imshow(blocks.any(axis=(1, 3)), cmap="gray_r", vmin=0, vmax=1)
    _bare(axes, f"{title}{marked.sum():,} ({100 * marked.mean():.2f} %)")
    counts = {REASONS[name]: int(((mask & bit) != 0).sum()) for name, bit in BAD_PIXELS.items()}
    axes.set_xlabel("\n".join(_lines([f"{name} {n:,}" for name, n in counts.items() if n])))


def histogram(axes: Any, values: Image, label: str) -> None:  # noqa: ANN401
    """Distribution of the middle 99 percent."""
    good = values[np.isfinite(values)]
    if good.size:
        low, high = np.percentile(good, [0.5, 99.5])
        edges = np.linspace(low, max(high, low + 1e-6), 80)
        axes.hist(good, bins=edges, histtype="stepfilled", color="#3b528b")
    axes.set_xlabel(label)
    axes.set_ylabel("pixels")
    axes.xaxis.set_major_locator(MaxNLocator(3))


def table(figure: Figure, rows: Sequence[Sequence[str]], top: float) -> None:
    """A table whose first row is its head.

    Args:
        figure: The page.
        rows: Head and rows.
        top: Where it begins, as a share of the page's height.
    """
    axes = figure.add_axes((0.08, 0.05, 0.86, top - 0.05))
    axes.axis("off")
    drawn = axes.table(
        cellText=[list(row) for row in rows[1:]],
        colLabels=list(rows[0]),
        loc="upper left",
        cellLoc="left",
        colLoc="left",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.auto_set_column_width(list(range(len(rows[0]))))
    for (row, _), cell in drawn.get_celld().items():
        cell.set_edgecolor("0.85")
        cell.set_facecolor("0.93" if row == 0 else "white")


def _bare(axes: Any, title: str) -> None:  # noqa: ANN401
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)


def _lines(parts: list[str]) -> list[str]:
    """Two of them on a line."""
    return [", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
