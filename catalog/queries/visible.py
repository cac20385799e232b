"""What the public may see, as conditions of SQL; the same rules as `policies.openness`.

Every door to the public (pages, search, harvesting, files) asks through these conditions, with
the instant of asking as an argument, so no schedule can open anything early.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import col

from catalog.tables.dois import DoiRecord
from catalog.tables.files import DataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.release import PartRelease
from catalog.tables.runs import Run
from policies.vocabulary import DoiState, ReleaseState

_NEVER = (ReleaseState.RESTRICTED, ReleaseState.WITHDRAWN)


def due_proposal(now: datetime) -> ColumnElement[bool]:
    """Proposals whose embargo is over, whatever was done about it."""
    return sa.and_(
        col(Proposal.release_state).not_in(_NEVER),
        sa.or_(col(Proposal.release_at) <= now, col(Proposal.opens_early_at) <= now),
    )


def open_proposal(now: datetime) -> ColumnElement[bool]:
    """Proposals that everybody may read: recorded as open, verified, and due."""
    return sa.and_(
        col(Proposal.release_state) == ReleaseState.OPEN,
        col(Proposal.openly_released_at) <= now,
        sa.or_(col(Proposal.release_at) <= now, col(Proposal.opens_early_at) <= now),
    )


def _open_part(now: datetime) -> ColumnElement[bool]:
    return sa.and_(
        col(PartRelease.state) == ReleaseState.OPEN,
        col(PartRelease.openly_released_at) <= now,
        col(PartRelease.opens_at) <= now,
        col(Proposal.release_state).not_in((*_NEVER, ReleaseState.RECLOSED)),
    )


def open_run(now: datetime) -> ColumnElement[bool]:
    """Runs that everybody may read as a whole; for a query that joins their `Proposal`."""
    part = sa.exists().where(
        col(PartRelease.run_id) == Run.id,
        col(PartRelease.data_group_id).is_(None),
        _open_part(now),
    )
    return sa.or_(open_proposal(now), part)


def open_data_group(now: datetime) -> ColumnElement[bool]:
    """Data groups that everybody may read; for a query that joins `Proposal`, `Run`, `DataGroup`.

    Whether a policy covers this kind of data group is asked by the caller.
    """
    part = sa.exists().where(
        col(PartRelease.run_id) == Run.id,
        sa.or_(
            col(PartRelease.data_group_id).is_(None),
            col(PartRelease.data_group_id) == DataGroup.id,
        ),
        _open_part(now),
    )
    return sa.or_(open_proposal(now), part)


def public_metadata() -> ColumnElement[bool]:
    """DOIs whose metadata everybody may read: published once, not hidden, not withdrawn."""
    return sa.and_(
        col(DoiRecord.published_at).is_not(None),
        col(DoiRecord.wanted) == DoiState.FINDABLE,
        col(DoiRecord.hidden_reason) == "",
        col(DoiRecord.withdrawn_at).is_(None),
    )


def resolves() -> ColumnElement[bool]:
    """DOIs whose page answers: registered or findable, or a tombstone of a published one.

    A draft is not among them, so nobody can tell one from a DOI that does not exist.
    """
    return sa.or_(
        col(DoiRecord.remote_state).in_((DoiState.REGISTERED, DoiState.FINDABLE)),
        sa.and_(col(DoiRecord.published_at).is_not(None), col(DoiRecord.withdrawn_at).is_not(None)),
    )
