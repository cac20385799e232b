"""`beamkeeper db`, as a person and as a program calls it."""

import json
from typing import Any

import pytest
import yaml
from sqlmodel import select
from typer.testing import CliRunner, Result

from catalog import schema
from catalog.engine import Database
from catalog.tables import Change, Instrument
from deployments.cli_db import app
from settings.facility import FOLDER


@pytest.fixture
def url(databases, dialect) -> str:
    return databases.url(dialect)


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def answer(*words: str) -> Any:
    done = call(*words, "--json")
    return done.exit_code, json.loads(done.stdout)


def test_a_new_database_is_upgraded_checked_and_loaded(url):
    head = schema.head()
    assert answer("upgrade", "--database", url) == (
        0,
        {"before": None, "after": head, "changed": True},
    )
    assert answer("upgrade", "--database", url)[1]["changed"] is False
    assert answer("check", "--database", url) == (0, {"ok": True, "head": head, "faults": []})
    code, summary = answer("load-facility", "xfel", "--database", url, "--operator", "root")
    assert (code, summary["added"]["instruments"]) == (0, 11)
    again = call("load-facility", "xfel", "--database", url)
    assert "instruments: 0 added, 0 changed, 11 as they were" in again.stdout
    database = Database(url)
    with database.read() as session:
        assert len(session.exec(select(Instrument.id)).all()) == 11
        assert set(session.exec(select(Change.actor))) == {"root"}
    database.dispose()


def test_a_site_brings_its_own_file(url, tmp_path):
    call("upgrade", "--database", url)
    file = tmp_path / "mine.yaml"
    text = (FOLDER / "example.yaml").read_text()
    file.write_text(text.replace("LLS", "MINE"))
    assert answer("load-facility", str(file), "--database", url)[0] == 0
    broken = yaml.safe_load(text) | {"timezone": "Moon/Base"}
    file.write_text(yaml.safe_dump(broken))
    code, said = answer("load-facility", str(file), "--database", url)
    assert (code, said["code"]) == (4, "misconfigured")
    assert "Moon/Base" in said["message"]


def test_a_stale_database_is_not_loaded(url):
    code, said = answer("load-facility", "xfel", "--database", url)
    assert (code, said["code"]) == (4, "misconfigured")
    assert "beamkeeper db upgrade" in said["message"]
    code, said = answer("check", "--database", url)
    assert code == 1
    assert "beamkeeper db upgrade" in said["faults"][0]


def test_folders_of_a_new_file_are_made(tmp_path):
    place = f"sqlite:///{tmp_path}/a/b/catalog.db"
    assert call("upgrade", "--database", place).exit_code == 0
    assert call("check", "--database", place).exit_code == 0


def test_a_database_that_does_not_answer_is_said_in_one_sentence():
    nowhere = "postgresql+psycopg2://beamkeeper:hunter2@127.0.0.1:1/none"
    done = call("check", "--database", nowhere)
    assert done.exit_code == 4
    assert "unavailable" in done.stderr
    assert "hunter2" not in done.output


def test_there_is_no_way_back():
    assert "downgrade" not in call("--help").stdout
    assert call("downgrade").exit_code == 2
