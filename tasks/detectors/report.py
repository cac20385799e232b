"""Reports as PDF and one picture: what was corrected or characterised, and with what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from policies.detectors import constant_name
from tasks.detectors.constants_file import dataset_of
from tasks.detectors.correct import corrected_name, overview
from tasks.detectors.faults import writing
from tasks.detectors.figures import A4, STYLE, bad_pixels, histogram, image, page, table
from tasks.detectors.frames import chunks, group_of, layout_of
from tasks.detectors.model import InputFile, Job, read_all
from tasks.detectors.whole import whole

MOST_MODULES = 32
"""Modules that get a page of their own."""

ROWS_FIRST, ROWS_MORE, MOST_PAGES = 38, 58, 8
"""Rows of a table on the first page and on further ones, and how many further ones."""

Image = npt.NDArray[Any]
Pages = list[Callable[[], Figure]]


def correction_report(job: Job) -> None:
    """The report of a correction, and `overview.png` beside the result.

    Raises:
        Fault: It could not be written; exit 5.
    """
    first: dict[str, InputFile] = {}
    for file in job.files:
        first.setdefault(file.karabo_da, file)
    pages, titles = _titles(job, "Correction", _used(job))
    shown = list(first.items())[:MOST_MODULES]
    pages += [lambda p=place, f=file: _corrected(job, p, f) for place, file in shown]  # type: ignore[misc]
    _write(job, pages, min(titles, len(pages) - 1))


def dark_report(job: Job) -> None:
    """The report of a characterisation, and `overview.png` beside the result.

    Raises:
        Fault: It could not be written; exit 5.
    """
    numbers = {k: v for part in read_all(job) for k, v in part.get("numbers", {}).items()}
    pages, titles = _titles(job, "Dark characterisation", _summary(numbers))
    pages += [
        lambda m=module: _dark(job, m.karabo_da, m.physical_name)  # type: ignore[misc]
        for module in job.modules[:MOST_MODULES]
    ]
    _write(job, pages, min(titles, len(pages) - 1))


def _write(job: Job, pages: Pages, shown: int) -> None:
    """Write the pages, and the one that shows most as a picture."""
    path = Path(job.report_path)
    with writing(path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
    with (
        mpl.rc_context(STYLE),
        whole(path) as beside,
        PdfPages(beside, metadata=_about(job)) as pdf,
    ):
        for number, draw in enumerate(pages):
            figure = draw()
            pdf.savefig(figure)
            if number == shown:
                with whole(job.out_folder / "overview.png") as picture:
                    figure.savefig(picture, dpi=110, format="png")
            plt.close(figure)


def _about(job: Job) -> dict[str, Any]:
    return {
        "Title": f"{job.karabo_id} p{job.proposal:06d}",
        "Author": "beamkeeper",
        "CreationDate": job.request_time,
    }


def _titles(job: Job, what: str, rows: list[list[str]]) -> tuple[Pages, int]:
    """The first page and, where its table is long, further ones; and how many that are."""
    head, body = rows[0], rows[1:]
    starts = range(ROWS_FIRST, len(body), ROWS_MORE)[:MOST_PAGES]
    pages: Pages = [lambda: _title(job, what, [head, *body[:ROWS_FIRST]])]
    pages += [lambda s=start: _more([head, *body[s : s + ROWS_MORE]]) for start in starts]  # type: ignore[misc]
    return pages, len(pages)


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
        figure.text(0.08, 0.86 - 0.02 * line, name, color="0.35")
        figure.text(0.24, 0.86 - 0.02 * line, value)
    if len(rows) > 1:
        table(figure, rows, 0.74)
    return figure


def _more(rows: list[list[str]]) -> Figure:
    figure = plt.figure(figsize=A4)
    table(figure, rows, 0.95)
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
    after, mask = overview(job, path, file.source)
    figure, axes = page(3, 2, f"{job.karabo_id} {place} r{job.run:04d}", A4)
    image(figure, axes[0, 0], before, "raw, mean / ADU")
    image(figure, axes[0, 1], after, "corrected, mean / ADU of high gain")
    histogram(axes[1, 0], before, "raw, mean / ADU")
    histogram(axes[1, 1], after, "corrected, mean / ADU of high gain")
    bad_pixels(axes[2, 0], mask, "bad in the first frame: ")
    axes[2, 1].axis("off")
    told = f"Means of the first {len(sample)} frames.\nThe corrected one leaves bad pixels out."
    axes[2, 1].text(0.0, 0.9, told, va="top", color="0.35")
    return figure


def _dark(job: Job, place: str, name: str) -> Figure:
    stages = [f"{run.stage} (r{run.run:04d})" for run in job.runs]
    with h5py.File(job.out_folder / f"constants-{place}.h5", "r") as file:

        def read(constant: str) -> Image:
            spelled = constant_name(job.detector_type, constant)
            found: Image = file[f"{dataset_of(name, spelled)}/data"][:, :, 0, :]
            return found

        offset, noise, bad = read("Offset"), read("Noise"), read("BadPixelsDark")
    rows = max(len(stages), 2)
    figure, axes = page(rows, 5, f"{job.karabo_id} {place} ({name}), memory cell 0")
    for empty in axes[len(stages) :].flat:
        empty.axis("off")
    for row, stage in enumerate(stages):
        marked = bad[..., row] != 0
        image(figure, axes[row, 0], offset[..., row], f"{stage}: offset / ADU")
        image(figure, axes[row, 1], noise[..., row], "noise / ADU")
        bad_pixels(axes[row, 2], bad[..., row], "bad: ")
        good = np.where(marked, np.nan, offset[..., row]), np.where(marked, np.nan, noise[..., row])
        histogram(axes[row, 3], good[0], "offset of good pixels / ADU")
        histogram(axes[row, 4], good[1], "noise of good pixels / ADU")
    return figure
