"""What is checked on a run, how much it weighs and what it stops: the table.

Blocking is the exception. Not migrating leaves one copy on a store that will be needed
for the next beamtime, and data that are lost weigh more than a second copy of bad data.
So a row blocks only where copying would put two *verified* copies of a wrong identity or
of rotten bytes on record; everything else is visible, stays open, and is copied.

Source: the European XFEL's reader's own validator (index and timestamp checks) and
eleven kinds of damage that it accepts; thresholds are settings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from policies import audit_files as one
from policies import audit_run as run
from policies.audit_facts import Fault
from policies.audit_files import Case, Hit
from policies.vocabulary import Severity


class Need(StrEnum):
    """What a check cannot do without; it is reported as not made when it is absent."""

    CLAIMED_TRAINS = "claimed trains"
    CLAIMED_FILES = "claimed files"
    CLAIMED_CHECKSUMS = "claimed checksums"
    CLAIMED_TIMES = "begin or end of the run"
    END = "end of the run"
    DIGESTS = "computed digests"
    PROPOSAL = "proposal number on record"
    RUN = "run number on record"
    REGISTERED = "registered files"


@dataclass(frozen=True)
class Check:
    """One row.

    Attributes:
        name: Stable word; the key of a finding together with its file.
        severity: How much a finding weighs.
        blocks: Whether a finding forbids migration.
        needs: What must be known to make it.
        sentence: What it looks for.
        because: Why it weighs what it weighs.
        source: Where the rule comes from.
        find: The rule.
    """

    name: str
    severity: Severity
    blocks: bool
    needs: frozenset[Need]
    sentence: str
    because: str
    source: str
    find: Callable[[Case], Iterator[Hit]] = field(compare=False, repr=False)


_FORMAT = "format of run files 0.5 to 1.2"
_PEER = "check of the facility's own validator"
_BEYOND = "damage that the facility's own validator accepts"
_DAQ = "claims of the data acquisition"
_OURS = "ours"


def _row(
    head: tuple[str, Severity, bool],
    needs: set[Need],
    find: Callable[[Case], Iterator[Hit]],
    sentence: str,
    because: str,
    source: str,
) -> Check:
    name, severity, blocks = head
    return Check(name, severity, blocks, frozenset(needs), sentence, because, source, find)


def _inside(*kinds: Fault, expected: str) -> Callable[[Case], Iterator[Hit]]:
    return partial(one.faulty, kinds=kinds, expected=expected)


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_AS_WRITTEN = "The DAQ wrote it so; a faithful copy loses nothing and waiting repairs nothing."
_COPY_REST = "What is there should get its second copy all the sooner."

# fmt: off
CHECKS: tuple[Check, ...] = (
    _row(("empty", _E, True), set(), run.empty,
         "The folder holds at least one run file.",
         "Two verified copies of nothing would be on record as two copies of the run.", _PEER),
    _row(("unreadable", _E, True), set(), one.unreadable,
         "Every run file opens and carries METADATA and train ids.",
         "A torn file would be proved equal to itself and its good source retired later.", _PEER),
    _row(("link", _E, True), set(), one.links,
         "Every run file is a regular file.",
         "A copied link is a name without bytes: the record would promise data it lacks.", _PEER),
    _row(("folder", _E, True), {Need.RUN}, run.folder_name,
         "The folder is named for the run on record.",
         "The copy would stand under another run's name.", _BEYOND),
    _row(("foreign-run", _E, True), set(), one.foreign_run,
         "File names carry this run's number and class.",
         "Another run's file would be registered, released and retired as this run's.", _BEYOND),
    _row(("identity-run", _E, True), set(), one.identity_run,
         "METADATA/runNumber is this run.",
         "Content of another run would get this run's identity.", _BEYOND),
    _row(("identity-proposal", _E, True), {Need.PROPOSAL}, one.identity_proposal,
         "METADATA/proposalNumber is this proposal.",
         "Another team would be given the data.", _BEYOND),
    _row(("identity-sequence", _E, False), set(), one.identity_sequence,
         "METADATA/sequenceNumber is the one in the file name.",
         "Owner and run are right and no byte is lost; the order can be mended later.", _OURS),
    _row(("checksum-claimed", _E, True), {Need.CLAIMED_CHECKSUMS, Need.DIGESTS},
         one.checksum_claimed,
         "The Adler-32 is the one that the DAQ computed while writing.",
         "The bytes changed after they were written; copying would verify the rot.", _BEYOND),
    _row(("checksum-registered", _E, True), {Need.REGISTERED, Need.DIGESTS},
         one.checksum_registered,
         "Digests are those registered before.",
         "The bytes changed after they were registered; copying would verify the rot.", _BEYOND),
    _row(("size-registered", _E, True), {Need.REGISTERED}, one.size_registered,
         "Sizes are those registered before.",
         "The file was cut or grew after it was registered.", _OURS),
    _row(("size-claimed", _E, True), {Need.CLAIMED_FILES}, one.size_claimed,
         "Files have the size that the DAQ wrote.",
         "A shorter or longer file is not the file that was written.", _DAQ),
    _row(("files-claimed", _E, False), {Need.CLAIMED_FILES}, run.files_claimed,
         "Every file that the DAQ wrote is in the folder.", _COPY_REST, _DAQ),
    _row(("files-registered", _E, False), {Need.REGISTERED}, run.files_registered,
         "Every file on record is still in the folder.", _COPY_REST, _OURS),
    _row(("sequences", _E, False), set(), run.sequences,
         "Sequence files are numbered without holes and follow each other in time.",
         _COPY_REST, _BEYOND),
    _row(("modules", _W, False), set(), run.modules,
         "Every expected aggregator wrote; detector modules have no holes.",
         "A module may have been off; " + _COPY_REST[0].lower() + _COPY_REST[1:], _BEYOND),
    _row(("train-coverage", _W, False), set(), run.train_coverage,
         "No aggregator lacks more than the tolerated share of the run's trains.",
         _COPY_REST, _BEYOND),
    _row(("train-gaps", _I, False), set(), run.train_gaps,
         "No aggregator lacks a train.", _AS_WRITTEN, _OURS),
    _row(("trains-claimed", _W, False), {Need.CLAIMED_TRAINS}, run.trains_claimed,
         "First and last train are those that the DAQ says.", _COPY_REST, _DAQ),
    _row(("no-trains", _W, False), set(), run.no_trains,
         "The run holds at least one train.", _AS_WRITTEN, _OURS),
    _row(("train-ids", _E, False), set(),
         _inside(Fault.TRAIN_ZERO, Fault.TRAIN_ORDER, Fault.TRAIN_DUPLICATE,
                 Fault.TRAIN_IMPLAUSIBLE, expected="increasing train ids without zeros"),
         "Train ids increase; zeros only pad the end.", _AS_WRITTEN, _PEER),
    _row(("index", _E, False), set(),
         _inside(Fault.INDEX_MISSING, Fault.INDEX_LENGTHS, Fault.INDEX_ENTRIES,
                 Fault.INDEX_BEYOND, Fault.INDEX_START, Fault.INDEX_GAP, Fault.INDEX_OVERLAP,
                 Fault.INDEX_IMPLAUSIBLE, expected="one contiguous entry for each train"),
         "The index gives each train a contiguous part of the data that exists.",
         _AS_WRITTEN, _PEER),
    _row(("sources", _E, False), set(),
         _inside(Fault.SOURCE_MISSING, expected="a group for each listed source"),
         "Every source that METADATA lists is in the file.", _AS_WRITTEN, _PEER),
    _row(("timestamps", _W, False), set(),
         _inside(Fault.TIMESTAMP_ZERO, Fault.TIMESTAMP_ORDER,
                 expected="timestamps that do not decrease, without zeros"),
         "Timestamps of CONTROL values do not decrease; zeros only pad the end.",
         _AS_WRITTEN, _PEER),
    _row(("metadata", _W, False), set(),
         _inside(Fault.METADATA_INCOMPLETE, expected="complete METADATA"),
         "METADATA holds every entry that the format version demands.", _AS_WRITTEN, _FORMAT),
    _row(("structure", _W, False), set(),
         _inside(Fault.WRONG_TYPE, Fault.TOO_LARGE, Fault.LEADS_OUTSIDE,
                 expected="datasets as the format defines them, inside the file"),
         "Datasets have the types, shapes and place that the format defines.",
         _AS_WRITTEN, _FORMAT),
    _row(("still-changing", _W, False), set(),
         _inside(Fault.CHANGED, expected="no change while reading"),
         "Nobody writes to the file any more.",
         "The copy is compared with what is registered; a later change shows there.", _OURS),
    _row(("foreign", _W, False), set(), one.foreign,
         "The folder holds run files and known leftovers only.",
         "A stranger beside the data harms no file of the run.", _BEYOND),
    _row(("unclaimed", _W, False), {Need.CLAIMED_FILES}, run.unclaimed,
         "Every run file is on the DAQ's list.",
         "Lists are incomplete at times; leaving the file out could lose it.", _BEYOND),
    _row(("modified", _W, False), {Need.END}, one.modified,
         "No file changed long after the run ended.",
         "A touched date is not changed content; the checksum tells.", _OURS),
    _row(("created", _W, False), {Need.CLAIMED_TIMES}, one.created,
         "Creation dates lie within the run.",
         "Clocks differ; proposal and run are compared by number.", _OURS),
    _row(("run-type", _W, False), set(), run.run_type,
         "The files' run type is the DAQ's.", "A label; mended in the catalog.", _DAQ),
    _row(("sample", _W, False), set(), run.sample,
         "The files' sample is the DAQ's.", "A label; mended in the catalog.", _DAQ),
)
# fmt: on
