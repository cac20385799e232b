"""What the tests of the import share."""

from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from catalog.commands import portal
from catalog.queries.proposals import proposal_view
from catalog.tables import Change, Proposal
from deployments.standins.portal import load
from policies.actor import PORTAL, Actor
from policies.portal_reader import parse_export
from policies.vocabulary import Role

NOW = datetime(2018, 9, 25, 10, 47, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
OPERATOR = Actor("keeper", frozenset({Role.ADMIN}))


def put(catalog, document, now=NOW):
    with catalog.write() as session:
        return portal.apply(session, parse_export(document), PORTAL, now)


def changed(**values):
    document = load()
    document["proposals"][0] |= values
    return document


def one(report, number=900054):
    return next(r for r in report.proposals if r.key == str(number))


def read(catalog, number=900054):
    with catalog.read() as session:
        return proposal_view(session, number)


def listed(catalog, query):
    with catalog.read() as session:
        found = list(session.exec(query))
        session.expunge_all()
        return found


def history(catalog, event=None):
    query = select(Change).order_by(col(Change.seq))
    return listed(catalog, query.where(Change.event == event) if event else query)


def rows(catalog, table):
    return listed(catalog, select(table).order_by(table.id))


def set_state(catalog, state, number=900054):
    with catalog.write() as session:
        row = session.exec(select(Proposal).where(Proposal.number == number)).one()
        row.flg_beamtime_status = state


def said(report):
    return [str(change) for change in report.changes]
