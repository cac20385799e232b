"""Calibration constants: the store of their files, and the catalogue (CalCat) that names them.

If the catalogue is down, corrections go on with the constants that our own catalog knows; only
new constants wait.
"""

from settings.constants import ConstantsSettings
from tasks.constants.calcat import Calcat
from tasks.constants.port import ConstantsCatalog, Found, Injection, Unit
from tasks.constants.store import ConstantsStore

__all__ = [
    "Calcat",
    "ConstantsCatalog",
    "ConstantsStore",
    "Found",
    "Injection",
    "Unit",
    "constants_catalog",
]


def constants_catalog(settings: ConstantsSettings | None) -> Calcat | None:
    """The constants catalogue; None where none is configured, which is a visible skip."""
    if settings is None or settings.calcat is None:
        return None
    return Calcat(settings.calcat)
