"""What was said about a run and what is on record of it, as its inspection compares them."""

from dataclasses import dataclass

from catalog.queries.closing import Closing, closing
from policies.audit_claims import (
    CatalogFacts,
    ClaimedFile,
    Claims,
    RegisteredFile,
    aggregators_claimed,
)
from tasks.records.base import database


@dataclass(frozen=True)
class Said:
    """What a closed run's files are compared with.

    Attributes:
        path: The proposal's raw folder.
        repository: Online storage on which it lies.
        claims: What the data acquisition said.
        record: What the catalog has on record.
    """

    path: str
    repository: str
    claims: Claims
    record: CatalogFacts


def said_of(number: int, run_number: int) -> Said:
    """Everything that a look at a run is compared with, as of one moment.

    Raises:
        Missing: No such proposal or run.
    """
    with database().read() as session:
        known = closing(session, number, run_number)
        return Said(
            known.path,
            known.repository,
            _claims(known, run_number),
            _record(known, number, run_number),
        )


def _claims(known: Closing, run_number: int) -> Claims:
    files = tuple(
        ClaimedFile(
            c["filename"], c.get("relative_path", ""), c.get("size"), c.get("checksum") or ""
        )
        for c in known.claims
    )
    return Claims(
        first_train=known.first_train,
        last_train=known.last_train,
        files=files,
        run_type=known.run_type,
        sample=known.sample,
        begin_at=known.begin_at,
        end_at=known.end_at,
        aggregators=aggregators_claimed(known.aggregators, files, run_number),
    )


def _record(known: Closing, number: int, run_number: int) -> CatalogFacts:
    files = {
        f.relative_path: RegisteredFile(f.byte_size, f.checksum, f.xxh3_128) for f in known.files
    }
    return CatalogFacts(number, run_number, known.instrument, "RAW", files)
