"""What is asked again and again is found through an index, however long the history grows.

Not a clock: the plans themselves. A table that grows with every run may be read through an
index that a condition leads into, or through one that holds only rows that are still open.
"""

import pytest
from sqlmodel import func, select

from catalog.engine import Database
from catalog.queries.runs import PAGE
from catalog.tables import Change, Inbox, Outbox, Run, metadata
from tests.catalog import growth
from tests.catalog.growth.asked import Access, asked, postgresql_plan, sqlite_plan
from tests.catalog.growth.questions import QUESTIONS, SWEEPS, Question

GROWING = frozenset(
    {
        "runs",
        "data_groups",
        "runs_data_groups",
        "data_groups_repositories",
        "dataset_files",
        "findings",
        "changes",
        "inbox",
        "outbox",
        "obligations",
        "leases",
    }
)
"""Tables with at least a row per run."""

OPEN_ONLY = frozenset(
    str(index.name)
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["postgresql"].get("where") is not None
)
"""Indexes that hold only open rows: reading all of one is fine."""

FROM_THE_END = frozenset({"the end of the journal"})
"""Walk a primary key from its end and stop at the first row."""

RUNS, LIVING_RUNS = 4_000, 50


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def grown(request: pytest.FixtureRequest, _databases):
    """Thousands of settled runs and a few that live."""
    with _databases.stack:
        database = Database(_databases.url(request.param, "facility"))
        with database.write() as session:
            growth.add_living(session.connection(), LIVING_RUNS, 3)
            growth.add_history(session.connection(), 1, RUNS, 3)
            session.connection().exec_driver_sql("ANALYZE")
        yield database
        database.dispose()


def plan(database: Database, question: Question) -> list[Access]:
    """How every query of a question is answered."""
    found: list[Access] = []
    for statement, values in dict(asked(database, question)).items():
        with database.read() as session:
            if database.dialect == "sqlite":
                found += sqlite_plan(session, statement, values)
                continue
            connection = session.connection()
            # On a table of this size reading all of it may be cheaper: that is not the point.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
            found += postgresql_plan(session, statement, values)
    return found


def read_whole(accesses: list[Access]) -> list[Access]:
    """Growing tables that are read from end to end."""
    return [
        one
        for one in accesses
        if one.table in GROWING and not one.narrowed and one.index not in OPEN_ONLY
    ]


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in FROM_THE_END])
def test_no_question_reads_a_growing_table_from_end_to_end(grown, name):
    accesses = plan(grown, QUESTIONS[name])
    assert accesses
    assert read_whole(accesses) == []


@pytest.mark.parametrize("grown", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps_look_at_what_is_open_only(grown, name):
    """Only PostgreSQL counts the rows: none of the settled ones may be among them."""
    looked_at = [one for one in plan(grown, SWEEPS[name]) if one.table in GROWING]
    assert [one for one in looked_at if one.rows > 4 * LIVING_RUNS] == []


def number(found: object) -> int:
    return len(found) if isinstance(found, list) else 1


def test_the_questions_find_what_lives(grown):
    found = {}
    for name, question in QUESTIONS.items():
        with grown.read() as session:
            found[name] = number(question(session))
    assert found["first page of the long proposal"] == PAGE
    assert found["long proposal, a state no run is in"] == found["notices to send"] == 0
    assert found["files of a run"] == 3
    assert found["history of a run"] == 8
    assert found["obligations due"] == 15
    # waiting and not blocked; begun without a lease; lacking a copy: none is asked for
    assert found["runs that stand still"] == 2 + 5
    assert found["runs never inspected"] == 3
    assert found["messages held"] == 5
    assert found["outbox that waits"] == 20


@pytest.mark.parametrize(
    "careless",
    [
        lambda s: s.exec(select(Run).where(Run.description == "scan")).all(),
        lambda s: s.exec(select(Inbox.id).where(Inbox.body_sha256 == "0")).all(),
        lambda s: s.exec(select(Run).order_by(Run.proposal_id, Run.run_number)).all(),
        lambda s: s.exec(select(func.count()).select_from(Change)).one(),
        lambda s: s.exec(select(Outbox).where(Outbox.outcome == "done")).all(),
    ],
)
def test_careless_questions_are_caught(grown, careless):
    assert read_whole(plan(grown, careless)) != []


@pytest.mark.parametrize("grown", ["postgresql"], indirect=True)
def test_an_index_that_leads_to_all_that_is_settled_is_caught(grown):
    accesses = plan(grown, lambda s: s.exec(select(Run).where(Run.state == "migrated")).all())
    assert read_whole(accesses) == []
    assert max(one.rows for one in accesses) > 4 * LIVING_RUNS
