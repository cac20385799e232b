"""The schema over its life, on SQLite and on PostgreSQL."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlmodel import select

from catalog import inspection, migrations, schema
from catalog.engine import Database
from catalog.migrations import render
from catalog.tables import Change, Instrument, Proposal, metadata
from policies.errors import Misconfigured, Unavailable
from tests.catalog.rows import proposal

ROOT = Path(__file__).parents[2]


def texts(found: list[dict[str, object]]) -> list[str]:
    """Parts of a table in comparable form; conditions are SQL clauses on SQLite."""
    return sorted(
        repr(
            {
                k: {o: str(v) for o, v in x.items()} if isinstance(x, dict) else x
                for k, x in i.items()
            }
        )
        for i in found
    )


def described(database: Database) -> dict[str, object]:
    """Everything the database says of its tables, comparable."""
    with database.read() as session:
        inspector = sa.inspect(session.connection())
        return {
            name: {
                "columns": {
                    c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)
                },
                "key": inspector.get_pk_constraint(name)["constrained_columns"],
                "links": texts(inspector.get_foreign_keys(name)),
                "unique": texts(inspector.get_unique_constraints(name)),
                "checks": texts(inspector.get_check_constraints(name)),
                "indexes": texts(inspector.get_indexes(name)),
            }
            for name in inspector.get_table_names()
            if name != "alembic_version"
        }


def run(database: Database, *statements: str) -> None:
    """Change a database behind the catalog's back."""
    with database.write() as session:
        for statement in statements:
            session.connection().exec_driver_sql(statement)


def test_the_train_makes_exactly_the_tables(database, databases, dialect):
    declared = Database(databases.url(dialect))
    with declared.write() as session:
        metadata.create_all(session.connection())
    assert described(database) == described(declared)
    declared.dispose()


def test_a_fresh_database_has_no_faults(database):
    assert schema.check(database) == []
    schema.demand_current(database)


def test_the_train_is_one_line_and_only_goes_forward():
    scripts = ScriptDirectory.from_config(schema.config())
    revisions = list(scripts.walk_revisions())
    assert len(scripts.get_heads()) == len(scripts.get_bases()) == 1
    assert not any(r.is_merge_point or r.is_branch_point for r in revisions)
    for revision in revisions:
        with pytest.raises(NotImplementedError, match="forward"):
            revision.module.downgrade()


def test_the_first_revision_can_be_written_anew():
    text = render.render_initial()
    compile(text, "0001_initial.py", "exec")
    assert all(f"create_table('{name}'" in text for name in metadata.tables)


def test_upgrading_again_changes_nothing(database):
    assert schema.upgrade(database) == (schema.head(), schema.head())


def test_an_empty_database_is_refused_and_then_upgraded(databases, dialect):
    empty = Database(databases.url(dialect))
    with pytest.raises(Misconfigured, match=r"empty.*beamkeeper db upgrade"):
        schema.demand_current(empty)
    assert len(schema.check(empty)) == 1
    assert schema.upgrade(empty) == (None, schema.head())
    schema.demand_current(empty)
    empty.dispose()


def test_a_database_of_another_version_is_left_alone(database):
    run(database, "UPDATE alembic_version SET version_num = '9999_future'")
    before = described(database)
    for refused in (schema.demand_current, schema.upgrade):
        with pytest.raises(Misconfigured, match="9999_future"):
            refused(database)
    assert described(database) == before
    assert any("9999_future" in fault for fault in schema.check(database))


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["DROP INDEX uq_proposals_active_per_instrument"], "uq_proposals_active_per_instrument"),
        (
            [
                "DROP INDEX uq_proposals_active_per_instrument",
                "CREATE UNIQUE INDEX uq_proposals_active_per_instrument ON proposals "
                "(instrument_id) WHERE flg_beamtime_status = 'R'",
            ],
            "covers flg_beamtime_status",
        ),
        (
            [
                "DROP INDEX ix_outbox_unsent",
                "CREATE INDEX ix_outbox_unsent ON outbox (kind, id)",
            ],
            "ix_outbox_unsent covers all",
        ),
        (["ALTER TABLE runs ADD COLUMN colour TEXT"], "left over: column runs.colour"),
        (["ALTER TABLE runs DROP COLUMN run_alias"], "missing: column runs.run_alias"),
        (["CREATE TABLE notes (id INTEGER PRIMARY KEY)"], "left over: table notes"),
        (["DROP TABLE leases"], "missing: table leases"),
    ],
)
def test_check_names_what_differs(database, statements, fault):
    run(database, *statements)
    faults = schema.check(database)
    assert fault in faults[0].replace("(", "")
    assert len(faults) == 1 or all("leases" in said for said in faults)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_check_names_constraints_that_are_gone(database):
    run(
        database,
        "ALTER TABLE runs DROP CONSTRAINT ck_runs_runstate",
        "ALTER TABLE runs ADD CONSTRAINT ck_runs_runstate CHECK (state IN ('open', 'lost'))",
        "ALTER TABLE inbox DROP CONSTRAINT ck_inbox_inboxstate",
        "ALTER TABLE samples DROP CONSTRAINT fk_samples_proposal_id_proposals",
        "ALTER TABLE samples ADD CONSTRAINT fk_samples_proposal_id_proposals "
        "FOREIGN KEY (proposal_id) REFERENCES proposals (id) NOT VALID",
    )
    said = "\n".join(schema.check(database))
    assert "runs.state: the check differs in: aborted, closed, lost" in said
    assert "inbox.state: no check of its words" in said
    assert "fk_samples_proposal_id_proposals was never validated" in said


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_check_finds_rows_that_refer_to_nothing(database):
    raw = database.engine.raw_connection()
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute(
        "INSERT INTO beamtimes (id, proposal_id, begin_at, end_at, flg_available, description) "
        "VALUES (7, 4711, '2024-01-01', '2024-01-02', 1, '')"
    )
    raw.execute("PRAGMA foreign_keys=ON")
    raw.close()
    assert schema.check(database) == ["beamtimes row 7 refers to no row of proposals"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_check_finds_a_damaged_file(facility_database):
    with facility_database.read() as session:
        page = session.connection().exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'uq_techniques_identifier'"
            " OR (tbl_name = 'techniques' AND type = 'index') ORDER BY name LIMIT 1"
        )
        root, size = page.scalar_one(), 4096
    facility_database.dispose()
    file = Path(facility_database.engine.url.database)
    content = bytearray(file.read_bytes())
    content[root * size - 40 : root * size] = bytes(40)
    file.write_bytes(content)
    assert any("damaged" in fault for fault in schema.check(facility_database))


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        ("((flg_beamtime_status)::text = 'A'::text)", "flg_beamtime_status = 'A'"),
        (
            "((sent_at IS NULL) AND (given_up_at IS NULL))",
            "sent_at is null and given_up_at is null",
        ),
        ("((state)::character varying(40) = 'held'::text)", "state = 'held'"),
    ],
)
def test_conditions_are_compared_without_what_postgresql_adds(stored, declared):
    assert inspection.plain(stored) == inspection.plain(declared)


def test_upgrades_at_once_take_turns(databases, dialect):
    url = databases.url(dialect)
    code = (
        "import sys; from catalog import schema; from catalog.engine import Database\n"
        "sys.stdin.read(1); print(schema.upgrade(Database(sys.argv[1]))[0])"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, url],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    answers = [process.communicate("x", timeout=60) for process in running]
    assert [p.returncode for p in running] == [0, 0], answers
    before = sorted(out.strip() for out, _ in answers)
    assert before == sorted(["None", schema.head()])
    upgraded = Database(url)
    assert schema.check(upgraded) == []
    upgraded.dispose()


def test_threads_of_one_process_take_turns_too(databases, dialect):
    """Also on different databases: alembic's context belongs to the process."""
    empty = [Database(databases.url(dialect)) for _ in range(3)]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda d=one: found.append(str(schema.upgrade(d)[0])))
        for one in empty * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == sorted(["None", schema.head()] * 3)
    for one in empty:
        assert schema.check(one) == []
        one.dispose()


def test_an_upgrade_waits_for_the_writer(database):
    """The upgrade takes the catalog's own write lock: no deadlock, no half-seen state."""
    done = threading.Event()

    def upgrade() -> None:
        schema.upgrade(database)
        done.set()

    with database.write() as session:
        session.connection()
        waiting = threading.Thread(target=upgrade)
        waiting.start()
        assert not done.wait(0.3)
    waiting.join(30)
    assert done.is_set()


def test_an_upgrade_that_fails_leaves_nothing_behind(databases, dialect, monkeypatch):
    empty = Database(databases.url(dialect))
    monkeypatch.setattr(inspection, "orphans", lambda _: ["runs row 1 refers to no row"])
    with pytest.raises(Misconfigured, match="undone"):
        schema.upgrade(empty)
    monkeypatch.undo()
    assert described(empty) == {}
    assert schema.upgrade(empty) == (None, schema.head())
    empty.dispose()


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None


def upgrade():
    with op.batch_alter_table("instruments") as table:
        table.add_column(sa.Column("nick", sa.String(), server_default="x", nullable=False))
        table.alter_column("name", type_=sa.String(200))
"""


def test_a_later_revision_rebuilds_a_table_and_keeps_its_rows(
    facility_database, monkeypatch, tmp_path
):
    """SQLite rebuilds the table; its rows and the rows that refer to them must stay."""
    with facility_database.write() as session:
        proposal(session, 900054)
        wanted = session.exec(select(Instrument.id, Instrument.name).order_by("id")).all()
    folder = tmp_path / "migrations%20"
    shutil.copytree(Path(migrations.__file__).parent, folder)
    (folder / "versions" / "0002_next.py").write_text(NEXT.format(head=schema.head()))
    monkeypatch.setattr(migrations, "__file__", str(folder / "__init__.py"))
    with pytest.raises(Misconfigured, match="this program needs next"):
        schema.demand_current(facility_database)
    assert schema.upgrade(facility_database)[1] == "next"
    with facility_database.read() as session:
        found = session.exec(select(Instrument.id, Instrument.name).order_by("id")).all()
        assert found == wanted
        assert session.exec(select(Proposal.number)).all() == [900054]
        assert session.exec(select(Change.seq)).all()
    with pytest.raises(sa.exc.IntegrityError), facility_database.write() as session:
        session.connection().exec_driver_sql("UPDATE proposals SET instrument_id = 4711")
    said = schema.check(facility_database)
    assert any("instruments.nick" in fault for fault in said), said


def test_a_database_that_is_not_there_is_unavailable():
    gone = Database("postgresql+psycopg2://beamkeeper@127.0.0.1:1/none")
    for call in (schema.upgrade, schema.check, schema.revision):
        with pytest.raises(Unavailable, match="does not answer"):
            call(gone)


def test_the_train_is_found_from_any_folder(databases, tmp_path):
    code = (
        "import sys; from catalog import schema; from catalog.engine import Database\n"
        "print(schema.upgrade(Database(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, databases.url("sqlite")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert schema.head() in done.stdout, done.stderr
