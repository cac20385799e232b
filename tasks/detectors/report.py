"""Reports as PDF and one picture: what was corrected or characterised, and with what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from policies.detectors import constant_name
from tasks.detectors.constants_file import dataset_of
from tasks.detectors.correct import corrected_name, overview
from tasks.detectors.faults import writing
from tasks.detectors.frames import chunks, group_of, layout_of
from tasks.detectors.model import InputFile, Job, read_all
from tasks.detectors.whole import whole

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

A4 = (8.27, 11.69)
WIDE = (11.69, 8.27)
MOST_MODULES = 32
"""Modules that get a page of their own."""

_STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "axes.grid": False,
}

Image = npt.NDArray[Any]


def correction_report(job: Job) -> None:
    """The report of a correction, and `overview.png` beside the result.

    Raises:
        Fault: It could not be written; exit 5.
    """
    first: dict[str, InputFile] = {}
    for file in job.files:
        first.setdefault(file.karabo_da, file)
    pages: list[Callable[[], Figure]] = [lambda: _title(job, "Correction", _used(job))]
    shown = list(first.items())[:MOST_MODULES]
    pages += [lambda p=place, f=file: _corrected(job, p, f) for place, file in shown]  # type: ignore[misc]
    _write(job, pages)


def dark_report(job: Job) -> None:
    """The report of a characterisation, and `overview.png` beside the result.

    Raises:
        Fault: It could not be written; exit 5.
    """
    numbers = {k: v for part in read_all(job) for k, v in part.get("numbers", {}).items()}
    pages: list[Callable[[], Figure]] = [
        lambda: _title(job, "Dark characterisation", _summary(numbers))
    ]
    pages += [
        lambda m=module: _dark(job, m.karabo_da, m.physical_name)  # type: ignore[misc]
        for module in job.modules[:MOST_MODULES]
    ]
    _write(job, pages)


def _write(job: Job, pages: list[Callable[[], Figure]]) -> None:
    path = Path(job.report_path)
    with writing(path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
    with (
        mpl.rc_context(_STYLE),
        whole(path) as beside,
        PdfPages(beside, metadata=_about(job)) as pdf,
    ):
        for number, page in enumerate(pages):
            figure = page()
            pdf.savefig(figure)
            if number == min(1, len(pages) - 1):
                with whole(job.out_folder / "overview.png") as picture:
                    figure.savefig(picture, dpi=110, format="png")
            plt.close(figure)


def _about(job: Job) -> dict[str, Any]:
    return {
        "Title": f"{job.karabo_id} p{job.proposal:06d}",
        "Author": "beamkeeper",
        "CreationDate": job.request_time,
    }


def _title(job: Job, what: str, rows: list[list[str]]) -> Figure:
    figure = plt.figure(figsize=A4)
    figure.text(0.08, 0.93, job.karabo_id, fontsize=22, weight="bold")
    figure.text(0.08, 0.90, f"{what} ({job.detector_type})", fontsize=13)
    runs = ", ".join(f"r{r.run:04d} ({r.stage})" for r in job.runs) or f"r{job.run:04d}"
    facts = [
        ("Proposal", f"p{job.proposal:06d}"),
        ("Runs" if job.runs else "Run", runs),
        ("Requested", f"{job.request_time:%Y-%m-%d %H:%M:%S} UTC"),
        ("Data sample", str(job.in_folder)),
        ("Constants from", job.constants_root or "this characterisation"),
    ]
    for line, (name, value) in enumerate(facts):
        figure.text(0.08, 0.86 - 0.022 * line, name, color="0.35")
        figure.text(0.26, 0.86 - 0.022 * line, value, wrap=True)
    if len(rows) > 1:
        axes = figure.add_axes((0.08, 0.06, 0.86, 0.66))
        axes.axis("off")
        shown = [*rows[:36], *([["…"] + [""] * (len(rows[0]) - 1)] if len(rows) > 36 else [])]  # noqa: PLR2004
        table = axes.table(cellText=shown[1:], colLabels=shown[0], loc="upper left", cellLoc="left")
        table.auto_set_font_size(False)
        table.set_fontsize(7.5)
        table.auto_set_column_width(list(range(len(shown[0]))))
        for (row, _), cell in table.get_celld().items():
            cell.set_edgecolor("0.85")
            cell.set_facecolor("0.93" if row == 0 else "white")
    return figure


def _used(job: Job) -> list[list[str]]:
    head = ["module", "unit", "constant", "id", "taken at (UTC)"]
    return [
        head,
        *(
            [
                place,
                module.physical_name,
                name,
                str(constant.ccv_id or "-"),
                f"{constant.creation_time:%Y-%m-%d %H:%M}",
            ]
            for place, module in sorted(job.constants.items())
            for name, constant in sorted(module.constants.items())
        ),
    ]


def _summary(numbers: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    head = ["module", "stage", "run", "trains", "offset / ADU", "noise / ADU", "bad pixels"]
    return [
        head,
        *(
            [
                place,
                row["stage"],
                f"r{row['run']:04d}",
                str(row["trains"]),
                f"{row['offset']:.1f}",
                f"{row['noise']:.2f}",
                f"{100 * row['bad_share']:.3f} %",
            ]
            for place, rows in sorted(numbers.items())
            for row in rows
        ),
    ]


def _corrected(job: Job, place: str, file: InputFile) -> Figure:
    layout = layout_of(job.detector_type)
    with h5py.File(job.in_folder / file.filename, "r") as raw:
        group = group_of(raw, file.source, layout)
        sample = next(chunks(group, job.detector_type, min(32, len(group[layout.data])))).raw
    before = sample.mean(axis=0)
    path = job.out_folder / corrected_name(file.filename)
    after = overview(job, path, file.source)
    figure, axes = plt.subplots(2, 2, figsize=WIDE, layout="constrained")
    figure.suptitle(f"{job.karabo_id} {place} r{job.run:04d}: mean of the first frames")
    _image(figure, axes[0, 0], before, "raw / ADU")
    _image(figure, axes[0, 1], after, "corrected / ADU of high gain; bad pixels blank")
    _histogram(axes[1, 0], [("raw", before)], "raw / ADU")
    _histogram(axes[1, 1], [("corrected", after)], "corrected / ADU of high gain")
    return figure


def _dark(job: Job, place: str, name: str) -> Figure:
    stages = [f"{run.stage} (r{run.run:04d})" for run in job.runs]
    with h5py.File(job.out_folder / f"constants-{place}.h5", "r") as file:

        def read(constant: str) -> Image:
            spelled = constant_name(job.detector_type, constant)
            found: Image = file[f"{dataset_of(name, spelled)}/data"][()][:, :, 0, :]
            return found

        offset, noise, bad = read("Offset"), read("Noise"), read("BadPixelsDark")
    rows = max(len(stages), 2)
    figure, axes = plt.subplots(rows, 4, figsize=WIDE, layout="constrained", squeeze=False)
    figure.suptitle(f"{job.karabo_id} {place} ({name}), memory cell 0")
    for row in range(rows):
        if row >= len(stages):
            for empty in axes[row]:
                empty.axis("off")
            continue
        marked = bad[..., row] != 0
        _image(figure, axes[row, 0], offset[..., row], f"{stages[row]}: offset / ADU")
        _image(figure, axes[row, 1], noise[..., row], "noise / ADU")
        _marks(axes[row, 2], marked, f"bad pixels: {marked.sum():,} ({100 * marked.mean():.2f} %)")
        _histogram(
            axes[row, 3],
            [("noise", np.where(marked, np.nan, noise[..., row]))],
            "noise of good pixels / ADU",
        )
    return figure


def _marks(axes: Any, marked: Image, title: str) -> None:  # noqa: ANN401
    """Bad pixels, none lost to the picture's resolution: a dot stands for a block with one."""
    step = max(1, max(marked.shape) // 256)
    height, width = (side // step * step for side in marked.shape)
    blocks = marked[:height, :width].reshape(height // step, step, width // step, step)
    axes.imshow(blocks.any(axis=(1, 3)), cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])


def _image(figure: Figure, axes: Any, image: Image, title: str) -> None:  # noqa: ANN401
    good = image[np.isfinite(image)]
    low, high = np.percentile(good, [1, 99]) if good.size else (0, 1)
    step = max(1, max(image.shape) // 512)
    shown = axes.imshow(image[::step, ::step], vmin=low, vmax=max(high, low + 1e-6))
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    figure.colorbar(shown, ax=axes, location="bottom", shrink=0.9, pad=0.02, aspect=30)


def _histogram(axes: Any, series: list[tuple[str, Image]], label: str) -> None:  # noqa: ANN401
    for name, values in series:
        good = values[np.isfinite(values)]
        if good.size:
            low, high = np.percentile(good, [0.5, 99.5])
            edges = np.linspace(low, max(high, low + 1e-6), 80)
            axes.hist(good, bins=edges, histtype="stepfilled", alpha=0.8, label=name)
    axes.set_xlabel(label)
    axes.set_ylabel("pixels")
