"""Which detectors a run holds: read from its files."""

from pathlib import Path

import h5py

from policies.detectors import DetectorSeen, detectors
from policies.errors import Mismatch, Missing, Unavailable


def find_detectors(folder: Path) -> tuple[DetectorSeen, ...]:
    """The detectors whose modules wrote files into a run's folder.

    Args:
        folder: The run's folder.

    Raises:
        Missing: There is no such folder.
        Mismatch: A file is no HDF5 file of a run.
        Unavailable: The storage does not answer.
    """
    if not folder.is_dir():
        raise Missing(f"there is no folder {folder}")
    return detectors({path.name: _sources(path) for path in sorted(folder.glob("*.h5"))})


def _sources(path: Path) -> list[str]:
    try:
        with h5py.File(path, "r") as file:
            root = "METADATA/dataSources" if "METADATA/dataSources" in file else "METADATA"
            listed = file[f"{root}/dataSourceId"].asstr()[:]
    except KeyError:
        raise Mismatch(f"{path.name} lists no data sources: it is no run file") from None
    except OSError as error:
        if error.errno:
            raise Unavailable(f"{path}: {error.strerror}") from error
        raise Mismatch(f"{path.name} is no HDF5 file: {error}") from error
    return [text.removeprefix("INSTRUMENT/") for text in listed if text.startswith("INSTRUMENT/")]
