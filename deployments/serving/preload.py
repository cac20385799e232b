"""Imported once by the fork server: brings in what all its children need.

Importing this module is its whole effect. Nothing here may start a thread or open a
connection: the children are forks.
"""

import importlib
import os
import traceback

from deployments.serving import manifest, nursery
from settings import engine

__all__ = ["engine", "manifest", "nursery"]

for _name in os.environ.get(nursery.PRELOAD_VARIABLE, "").split():
    try:
        importlib.import_module(_name)
    except Exception:  # noqa: BLE001  # the run that needs it fails with the same reason, visibly
        traceback.print_exc()
