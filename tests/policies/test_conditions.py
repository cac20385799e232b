"""What control devices tell becomes a condition, and what does not fit it is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.conditions import DEVICES, condition_of_run, contradictions, device_name
from policies.constants import begin_of
from tests.catalog.story import T0

JF = {
    "highVoltage": 180.0,
    "storageCells": 0.0,
    "exposureTime": 9.999999747378752e-06,
    "exposureTimeout": 25.0,
    "settings": "gain0",
    "gainMode": "dynamic",
}
TOLD = {
    "Sensor Bias Voltage": 180.0,
    "Memory cells": 1.0,
    "Integration Time": 10.0,
    "Gain Setting": 0.0,
}


def test_a_jungfrau_in_adaptive_gain():
    assert condition_of_run("JUNGFRAU", JF) == TOLD


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"gainMode": "forceswitchg1"}, {}),
        ({"gainMode": "fixg1"}, {"Gain mode": 1.0}),
        ({"settings": "highgain0"}, {"Gain Setting": 1.0}),
        ({"exposureTimeout": 40.0}, {"Exposure timeout": 40.0}),
        ({"storageCells": 15.0}, {"Memory cells": 16.0}),
    ],
)
def test_what_differs_is_told(change, more):
    assert condition_of_run("JUNGFRAU", JF | change) == TOLD | more


def test_older_files_say_the_gain_mode_in_their_settings():
    old = {"vHighVoltage": 90.0, "storageCells": 0.0, "settings": "fixgain2"}
    assert condition_of_run("JUNGFRAU", old) == {
        "Sensor Bias Voltage": 90.0,
        "Memory cells": 1.0,
        "Gain Setting": 0.0,
        "Gain mode": 1.0,
    }


def test_an_agipd():
    raw = {
        "bunchStructure.nPulses": 352.0,
        "bunchStructure.repetitionRate": 4.514,
        "gain": 1.0,
        "gainModeIndex": 0.0,
        "integrationTime": 12.0,
        "channels.U0.voltage": 0.0,
        "channels.U1.voltage": 300.4,
    }
    assert condition_of_run("AGIPD", raw) == {
        "Memory cells": 352.0,
        "Acquisition rate": 4.5,
        "Gain Setting": 1.0,
        "Sensor Bias Voltage": 300.0,
    }
    comp, high_voltage = DEVICES["AGIPD"]
    assert device_name(comp, "SPB_IRU_AGIPD1M1") == "SPB_IRU_AGIPD1M1/MDL/FPGA_COMP"
    assert device_name(high_voltage, "SPB_IRU_AGIPD1M1") == "SPB_IRU_AGIPD1M/PSC/HV"


def test_nothing_told_is_nothing_known():
    assert condition_of_run("JUNGFRAU", {}) == {}
    assert condition_of_run("EPIX100", {"highVoltage": 100.0}) == {}


def test_what_contradicts_is_said_with_both_values():
    assert contradictions(TOLD, TOLD | {"Sensor Bias Voltage": 90.0}) == [
        "Sensor Bias Voltage is 90 V in the data, 180 V in them"
    ]
    assert contradictions(TOLD, TOLD | {"Gain mode": 1.0}) == [
        "Gain mode is 1 in the data, 0 in them"
    ]
    assert contradictions(TOLD, TOLD | {"Sensor Bias Voltage": 184.9}) == []
    assert contradictions(TOLD, {}) == contradictions({}, TOLD) == []
    assert contradictions({"Memory cells": 1.0}, TOLD) == []


@given(st.dictionaries(st.sampled_from(sorted(TOLD)), st.floats(-1e6, 1e6), min_size=1))
def test_nothing_contradicts_itself(condition):
    assert contradictions(condition, condition) == []


def test_a_repetition_begins_after_the_first():
    begins = [begin_of(T0, n) for n in range(3)]
    assert begins[0] == T0
    assert begins == sorted(set(begins))
