"""What the forms of calibration offer."""

from enum import StrEnum


class CalibrationAsk(StrEnum):
    """Choices of the form `calibration-ask`."""

    CALIBRATE = "calibrate"
    """Correct the data of the runs; what waits for its migration waits."""
    REPEAT = "repeat"
    """Once more: the detectors that failed, or all when none did."""
    CANCEL = "cancel"
    """Withdraw the open request and cancel its jobs; needs a reason."""
    DEPLOY_CONSTANTS = "dark: deploy constants"
    """Use the constants of the dark requests that `runs` names from now on."""
    CANCEL_DARK = "dark: cancel"
    """Withdraw the dark requests that `runs` names; needs a reason."""


class OperationMode(StrEnum):
    """Operation modes of the form `dark-request`."""

    ADAPTIVE_GAIN = "Adaptive Gain"
    """AGIPD, LPD, JUNGFRAU: three runs, high, medium, low gain, in this order."""
    FIXED_GAIN = "Fixed Gain"
    """JUNGFRAU: three runs, in dynamic, fixg1, fixg2."""
    DARK = "Dark"
    """ePix, FastCCD and others: one run."""
