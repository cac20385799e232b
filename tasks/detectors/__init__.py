"""The detectors' files: which detectors a run holds, dark characterisation, correction.

Numbers and files only: where they go and what becomes of them is decided elsewhere. The
programs run on the cluster's nodes and load neither the catalog nor the flow engine.
"""

from tasks.detectors.find import find_detectors
from tasks.detectors.metadata import metadata_yaml
from tasks.detectors.operating import operating_condition

__all__ = ["find_detectors", "metadata_yaml", "operating_condition"]
