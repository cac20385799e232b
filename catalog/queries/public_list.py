"""Every DOI whose page everybody may find: for the map of the site."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func

from catalog.queries.visible import public_metadata, resolves
from catalog.tables.dois import DoiRecord
from catalog.tables.proposals import Proposal
from policies.vocabulary import ReleaseState


@dataclass(frozen=True)
class Listed:
    """A DOI with a page.

    Attributes:
        doi: As minted.
        changed_on: Day of the last public change, in UTC.
    """

    doi: str
    changed_on: date


def blocks(session: Session, size: int) -> list[int]:
    """Numbers of the blocks of row ids in which there are pages.

    Args:
        session: Any session.
        size: Ids of a block.
    """
    block = col(DoiRecord.id) // sa.literal(size, sa.Integer)
    query = _pages(sa.select(block)).distinct().order_by(block)
    return [int(found) for (found,) in session.execute(query)]


def block_of(session: Session, number: int, size: int) -> list[Listed]:
    """The pages of a block.

    Args:
        session: Any session.
        number: Number of the block.
        size: Ids of a block.
    """
    query = _pages(sa.select(col(DoiRecord.doi), col(DoiRecord.datestamp))).where(
        col(DoiRecord.id) >= number * size, col(DoiRecord.id) < (number + 1) * size
    )
    rows = session.execute(query.order_by(col(DoiRecord.id)))
    return [Listed(doi, _day(changed)) for doi, changed in rows]


def _pages(query: sa.Select[Any]) -> sa.Select[Any]:
    return (
        query.select_from(DoiRecord)
        .outerjoin(Proposal, col(Proposal.id) == DoiRecord.proposal_id)
        .where(
            public_metadata(),
            resolves(),
            func.coalesce(col(Proposal.release_state) != ReleaseState.RECLOSED, sa.true()),
        )
    )


def _day(moment: datetime) -> date:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).date()
