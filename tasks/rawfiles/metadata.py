"""What a run file says about itself, in the layouts of formats 0.5 to 1.2.

Source: formats as the facility's reader knows them: 0.5 has the list of sources directly
under METADATA and no version; 1.0 moved it to METADATA/dataSources and added the rest.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import h5py
import numpy as np

from policies.audit_facts import Fault, FileMetadata, SourceFacts
from tasks.rawfiles.safe_hdf5 import HDF5_ERRORS, Faults, Numbers, Refusal, group, numbers, texts

FIRST_FORMAT = "0.5"
KNOWN_FORMATS = frozenset({FIRST_FORMAT, "1.0", "1.1", "1.2"})
_ROOTS = frozenset({"CONTROL", "INSTRUMENT"})
_VIRTUAL_ROOT = "Karabo_TimerServer"


class NotARunFile(Exception):
    """Opens as HDF5 but lacks what makes a run file; the message says what."""


def read_format(file: h5py.File) -> str:
    """Format version of a file.

    Raises:
        NotARunFile: No METADATA, or no version in a file that is not of format 0.5.
    """
    if group(file, "METADATA") is None:
        msg = "METADATA not found"
        raise NotARunFile(msg)
    version = texts(file, "METADATA/dataFormatVersion")
    if version:
        return version[0]
    if texts(file, "METADATA/dataSourceId") is None:
        msg = "METADATA/dataFormatVersion not found, and not the layout of format 0.5"
        raise NotARunFile(msg)
    return FIRST_FORMAT


def read_sources(file: h5py.File, version: str, faults: Faults) -> tuple[SourceFacts, ...]:
    """The file's list of sources, padding and virtual entries left out.

    Raises:
        NotARunFile: There is no such list.
    """
    path = f"METADATA/{'' if version == FIRST_FORMAT else 'dataSources/'}dataSourceId"
    listed = texts(file, path)
    if listed is None:
        msg = f"{path} not found"
        raise NotARunFile(msg)
    sources = []
    for entry in listed:
        root, _, device_id = entry.partition("/")
        if root in _ROOTS and device_id:
            sources.append(SourceFacts(root, device_id))
        elif entry and root != _VIRTUAL_ROOT:
            faults.add(Fault.METADATA_INCOMPLETE, path, f"unknown entry {entry}")
    return tuple(sources)


def read_metadata(file: h5py.File, version: str, faults: Faults) -> FileMetadata:
    """The entries about the file as a whole; None, and a fault, where one is missing."""
    if version not in KNOWN_FORMATS:
        faults.add(Fault.METADATA_INCOMPLETE, "METADATA/dataFormatVersion", f"unknown {version}")
    if version == FIRST_FORMAT:
        return FileMetadata(version)
    reader = _Reader(file, faults)
    return FileMetadata(
        version,
        reader.instant("creationDate"),
        reader.instant("updateDate"),
        reader.number("proposalNumber"),
        reader.number("runNumber"),
        reader.number("sequenceNumber"),
        reader.text("runType"),
        reader.text("sample"),
        reader.text("daqLibrary"),
        reader.text("karaboFramework"),
    )


class _Reader:
    """Reads entries of METADATA and notes those that are missing."""

    def __init__(self, file: h5py.File, faults: Faults) -> None:
        self._file = file
        self._faults = faults

    def text(self, name: str) -> str | None:
        found = self._first(name, texts)
        return None if found is None else str(found)

    def number(self, name: str) -> int | None:
        found = self._first(name, numbers)
        if found is not None and int(found) < 0:
            self._note(name, "no plausible number")
            return None
        return None if found is None else int(found)

    def instant(self, name: str) -> datetime | None:
        written = self.text(name)
        if written is None:
            return None
        try:
            return datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            self._note(name, f"no date: {written}")
            return None

    def _first(
        self, name: str, read: Callable[[h5py.File, str], list[str] | Numbers | None]
    ) -> str | np.int64 | None:
        """First entry of a dataset; None, and a fault, when there is none."""
        try:
            found = read(self._file, f"METADATA/{name}")
        except (Refusal, *HDF5_ERRORS) as error:
            self._note(name, str(error))
            return None
        if found is None or not len(found):
            self._note(name, "not found")
            return None
        return found[0]

    def _note(self, name: str, detail: str) -> None:
        self._faults.add(Fault.METADATA_INCOMPLETE, f"METADATA/{name}", detail)
