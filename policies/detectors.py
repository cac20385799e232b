"""From the names of files and data sources to detectors, their kinds and their modules.

Source: source names of the facility's detectors as its published reader knows them:
`…/DET/3CH0:xtdf` for AGIPD, LPD and DSSC, `…/DET/JNGFR01:daqOutput` and older spellings for
JUNGFRAU, `…/DET/RECEIVER:daqOutput` for ePix; the aggregator in the file name is the module's
`karabo_da`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.filenames import parse_run_file

_KARABO = r"(?P<karabo_id>[A-Za-z0-9_-]+)"
_FORMS = (
    re.compile(rf"{_KARABO}/DET/(?P<module>\d+)CH0:xtdf", re.ASCII),
    re.compile(rf"{_KARABO}/DET/(JNGFR|MODULE_)(?P<module>\d+):daqOutput", re.ASCII),
    re.compile(rf"{_KARABO}/DET/RECEIVER(-(?P<module>\d+))?:daqOutput", re.ASCII),
)
_KINDS = (
    ("AGIPD", "AGIPD"),
    ("LPD", "LPD"),
    ("DSSC", "DSSC"),
    ("EPX100", "EPIX100"),
    ("EPIX100", "EPIX100"),
    ("EPIX-1", "EPIX100"),
    ("EPIX10K", "EPIX10K"),
    ("JF", "JUNGFRAU"),
    ("JUNGF", "JUNGFRAU"),
    ("JNGFR", "JUNGFRAU"),
)
"""Part of a karabo id and the kind of detector that it means, the first that fits."""


@dataclass(frozen=True)
class FileSeen:
    """A sequence file of a module."""

    filename: str
    sequence: int


@dataclass(frozen=True)
class ModuleSeen:
    """A module's data in a run.

    Attributes:
        karabo_da: The module's place: the aggregator of its files.
        source: Its data source.
        files: Its sequence files, in order.
    """

    karabo_da: str
    source: str
    files: tuple[FileSeen, ...]


@dataclass(frozen=True)
class DetectorSeen:
    """A detector's data in a run.

    Attributes:
        karabo_id: The detector.
        detector_type: Its kind.
        modules: Its modules by place.
    """

    karabo_id: str
    detector_type: str
    modules: tuple[ModuleSeen, ...]

    @property
    def uneven(self) -> tuple[str, ...]:
        """Modules that miss a sequence which another module has."""
        every = {file.sequence for module in self.modules for file in module.files}
        return tuple(m.karabo_da for m in self.modules if {f.sequence for f in m.files} != every)


def kind_of(karabo_id: str) -> str:
    """Kind of a detector by its karabo id, empty when none is known."""
    name = karabo_id.upper()
    return next((kind for part, kind in _KINDS if part in name), "")


def _plain(source: str) -> str:
    """A source without the group after its channel."""
    return re.sub(r":(xtdf|daqOutput)/.*$", r":\1", source)


def module_of(source: str) -> tuple[str, str] | None:
    """Karabo id and kind behind an instrument source; None when it is no detector module.

    Args:
        source: As the file lists it, with or without the group after the channel.
    """
    for form in _FORMS:
        found = form.fullmatch(_plain(source))
        if found is not None and (kind := kind_of(found["karabo_id"])):
            return found["karabo_id"], kind
    return None


def detectors(sources: Mapping[str, Iterable[str]]) -> tuple[DetectorSeen, ...]:
    """The detectors of a run.

    Args:
        sources: Instrument sources by file name; other files than run files are passed over.
    """
    found: dict[str, dict[str, tuple[str, list[FileSeen]]]] = {}
    for filename in sorted(sources):
        name = parse_run_file(filename)
        for source in sorted(sources[filename]) if name is not None else ():
            module = module_of(source)
            if module is not None and name is not None:
                place = found.setdefault(module[0], {})
                _, files = place.setdefault(name.aggregator, (_plain(source), []))
                seen = FileSeen(filename, name.sequence or 0)
                files += [] if seen in files else [seen]
    return tuple(
        DetectorSeen(
            karabo_id,
            kind_of(karabo_id),
            tuple(
                ModuleSeen(place, source, tuple(sorted(files, key=lambda f: f.sequence)))
                for place, (source, files) in sorted(places.items())
            ),
        )
        for karabo_id, places in sorted(found.items())
    )


RELATIVE_GAIN: dict[str, tuple[float, ...]] = {
    "JUNGFRAU": (1.0, -28.7, -390.0),
    "AGIPD": (1.0, 45.0, 198.0),
    "LPD": (1.0, 10.0, 100.0),
}
"""Nominal factors that bring the gain stages of a detector to its high gain.

Darks say nothing about gain: the factors are the detectors' nominal ones, rounded, and stand
in each constants file with the word `nominal`. A measured version takes their place.

Source: published nominal gains: JUNGFRAU about 41, -1.43 and -0.105 ADU per keV; LPD 1:10:100;
AGIPD about 45 between high and medium and 4.4 between medium and low gain.
"""


@dataclass(frozen=True)
class Shape:
    """What is particular of a kind of detector.

    Attributes:
        suffix: What its constants' names end with.
        stages: Number of gain stages.
    """

    suffix: str = ""
    stages: int = 1


SHAPES: dict[str, Shape] = {
    "JUNGFRAU": Shape("10Hz", 3),
    "AGIPD": Shape("", 3),
    "LPD": Shape("", 3),
    "EPIX100": Shape("EPix100"),
}
"""Kinds with gain stages or names of their own; any other has one stage and plain names."""


def shape_of(detector_type: str) -> Shape:
    """What is particular of a kind of detector."""
    return SHAPES.get(detector_type, Shape())


def constant_name(detector_type: str, name: str) -> str:
    """Name of a constant as the facility spells it for this kind, `Offset10Hz` or `Offset`."""
    return f"{name}{shape_of(detector_type).suffix}"


BAD_PIXELS: dict[str, int] = {
    "OFFSET_OUT_OF_THRESHOLD": 1 << 0,
    "NOISE_OUT_OF_THRESHOLD": 1 << 1,
    "OFFSET_NOISE_EVAL_ERROR": 1 << 2,
    "NO_DARK_DATA": 1 << 3,
    "VALUE_IS_NAN": 1 << 11,
    "DATA_STD_IS_ZERO": 1 << 14,
    "WRONG_GAIN_VALUE": 1 << 21,
}
"""Bits of the bad pixel mask that we set: a subset of the facility's, under its numbers.

Source: `BadPixels` of the facility's published analysis package EXtra, by which readers tell the
bits apart.
"""
