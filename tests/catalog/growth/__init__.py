"""A catalog that has been in use for years, written set by set: for plans and measurements.

History is what is settled: runs that were migrated or put aside, with their files, copies,
journal, messages and work. The living part is what sweeps are after; it stays the same
however long the history is. Rows are shaped like those that the commands write; the journal
carries no real hashes, so nothing may verify it.
"""

from tests.catalog.growth.living import LIVING, add_living
from tests.catalog.growth.places import LONG, LONG_RUNS, RUNS_EACH, proposals
from tests.catalog.growth.settled import add_history
from tests.catalog.growth.writer import NOW

__all__ = [
    "LIVING",
    "LONG",
    "LONG_RUNS",
    "NOW",
    "RUNS_EACH",
    "add_history",
    "add_living",
    "proposals",
]
