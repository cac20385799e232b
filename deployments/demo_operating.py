"""The control device of the demo's JUNGFRAU: under which settings its images were taken."""

from dataclasses import dataclass

import h5py
import numpy as np
from extra_data.tests.mockdata.base import DeviceBase

MODES = ("dynamic", "forceswitchg1", "forceswitchg2")
"""Gain mode of a dark run by its stage; illuminated runs are dynamic."""


@dataclass(frozen=True)
class Operating:
    """Settings of a JUNGFRAU.

    Attributes:
        bias_v: Sensor bias voltage, V.
        exposure_s: Integration time, s.
        cells: Memory cells in use.
        fixed: Whether the gain is fixed instead of adaptive.
    """

    bias_v: int = 180
    exposure_s: float = 10e-6
    cells: int = 1
    fixed: bool = False

    def gain_mode(self, stage: int) -> str:
        """The detector's word for its gain mode in a run of a stage."""
        return ("dynamic", "fixg1", "fixg2")[stage] if self.fixed else MODES[stage]


USUAL = Operating()
"""What most runs are taken with."""


class JungfrauControl(DeviceBase):  # type: ignore[misc]  # untyped
    """The control device as the data acquisition writes it; what corrections read of it."""

    control_keys = (
        ("exposureTime", "f4", ()),
        ("exposureTimeout", "u4", ()),
        ("highVoltage", "u4", (8,)),
        ("storageCells", "i2", ()),
        ("storageCellStart", "i2", ()),
    )

    def __init__(self, device_id: str, operating: Operating, stage: int) -> None:
        super().__init__(device_id)
        self.operating = operating
        self.extra_run_values = [
            ("gainMode", None, operating.gain_mode(stage)),
            ("settings", None, "gain0"),
        ]


def fill_control(file: h5py.File, device_id: str, operating: Operating) -> None:
    """Put the settings into a file that has the device, at the run's begin and of every train."""
    values = {
        "exposureTime": operating.exposure_s,
        "exposureTimeout": 25,
        "highVoltage": operating.bias_v,
        "storageCells": operating.cells - 1,
        "storageCellStart": 15,
    }
    for part in ("RUN", "CONTROL"):
        for key, value in values.items():
            item = file[f"{part}/{device_id}/{key}/value"]
            item[...] = np.full(item.shape, value, item.dtype)
