"""Detectors behind the names of files and sources."""

import pytest

from policies.detectors import (
    RELATIVE_GAIN,
    SHAPES,
    FileSeen,
    constant_name,
    detectors,
    kind_of,
    module_of,
)


@pytest.mark.parametrize(
    ("source", "karabo_id", "kind"),
    [
        ("SPB_DET_AGIPD1M-1/DET/3CH0:xtdf", "SPB_DET_AGIPD1M-1", "AGIPD"),
        ("SPB_DET_AGIPD1M-1/DET/3CH0:xtdf/image", "SPB_DET_AGIPD1M-1", "AGIPD"),
        ("FXE_DET_LPD1M-1/DET/15CH0:xtdf", "FXE_DET_LPD1M-1", "LPD"),
        ("SCS_DET_DSSC1M-1/DET/0CH0:xtdf", "SCS_DET_DSSC1M-1", "DSSC"),
        ("SPB_IRDA_JF4M/DET/JNGFR03:daqOutput/data", "SPB_IRDA_JF4M", "JUNGFRAU"),
        ("SPB_IRDA_JNGFR/DET/MODULE_1:daqOutput", "SPB_IRDA_JNGFR", "JUNGFRAU"),
        ("FXE_XAD_JF1M/DET/RECEIVER-1:daqOutput", "FXE_XAD_JF1M", "JUNGFRAU"),
        ("HED_IA1_EPX100-1/DET/RECEIVER:daqOutput", "HED_IA1_EPX100-1", "EPIX100"),
    ],
)
def test_modules_by_source(source, karabo_id, kind):
    assert module_of(source) == (karabo_id, kind)


@pytest.mark.parametrize(
    "source",
    [
        "SPB_XTD9_XGM/DOOCS/MAIN:output",
        "SPB_IRDA_JF4M/DET/CONTROL",
        "SPB_DET_AGIPD1M-1/CORR/3CH0:xtdf",
        "SPB_EXP_CAM/DET/RECEIVER:daqOutput",
        "../etc/DET/3CH0:xtdf",
        "",
    ],
)
def test_what_is_no_module(source):
    assert module_of(source) is None


def test_kinds():
    assert kind_of("HED_IA1_JF500K1") == "JUNGFRAU"
    assert kind_of("SPB_XTD9_XGM") == ""


def sources(**more):
    jf, other = (
        "MID_IRDA_JF4M/DET/JNGFR{:02d}:daqOutput/data",
        "MID_XTD9_XGM/DOOCS/MAIN:output/data",
    )
    return {
        "RAW-R0002-JNGFR02-S00000.h5": [jf.format(2)],
        "RAW-R0002-JNGFR01-S00001.h5": [jf.format(1)],
        "RAW-R0002-JNGFR01-S00000.h5": [jf.format(1)],
        "RAW-R0002-DA01-S00000.h5": [other],
        "overview.h5": [jf.format(9)],
        **more,
    }


def test_modules_are_grouped_by_place_in_order():
    (found,) = detectors(sources())
    assert (found.karabo_id, found.detector_type) == ("MID_IRDA_JF4M", "JUNGFRAU")
    assert [m.karabo_da for m in found.modules] == ["JNGFR01", "JNGFR02"]
    assert found.modules[0].files == (
        FileSeen("RAW-R0002-JNGFR01-S00000.h5", 0),
        FileSeen("RAW-R0002-JNGFR01-S00001.h5", 1),
    )
    assert found.modules[0].source == "MID_IRDA_JF4M/DET/JNGFR01:daqOutput"
    assert found.uneven == ("JNGFR02",)


def test_modules_with_as_many_but_other_sequences_are_named():
    found = sources()
    found["RAW-R0002-JNGFR02-S00002.h5"] = found["RAW-R0002-JNGFR02-S00000.h5"]
    (seen,) = detectors(found)
    assert seen.uneven == ("JNGFR01", "JNGFR02")


def test_two_detectors_in_one_run():
    more = {"RAW-R0002-AGIPD03-S00000.h5": ["MID_DET_AGIPD1M-1/DET/3CH0:xtdf/image"]}
    assert [d.karabo_id for d in detectors(sources(**more))] == [
        "MID_DET_AGIPD1M-1",
        "MID_IRDA_JF4M",
    ]
    assert detectors({}) == ()


def test_constants_are_spelled_as_the_facility_does():
    assert constant_name("JUNGFRAU", "Offset") == "Offset10Hz"
    assert constant_name("AGIPD", "Offset") == "Offset"
    assert constant_name("EPIX100", "Noise") == "NoiseEPix100"
    assert constant_name("DSSC", "Noise") == "Noise"


def test_every_kind_with_stages_has_factors():
    assert {kind: len(factors) for kind, factors in RELATIVE_GAIN.items()} == {
        kind: shape.stages for kind, shape in SHAPES.items() if shape.stages > 1
    }
    assert all(factors[0] == 1 for factors in RELATIVE_GAIN.values())
