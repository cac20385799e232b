"""Verbs on the database itself: bring it up to date, check it, load the facility."""

from pathlib import Path
from typing import Annotated

import typer

from catalog import schema
from catalog.commands.rehearsal import declare_rehearsal
from catalog.engine import Database
from catalog.reference import Summary, load_facility
from deployments import cli_common
from deployments.cli_common import JsonFlag, say, told
from policies.actor import Actor
from policies.vocabulary import Role
from settings.clock import utc_now
from settings.facility import read_facility
from settings.model import load

app = typer.Typer(help="The catalog database: upgrade, check, load.", no_args_is_help=True)

UrlOption = Annotated[
    str,
    typer.Option("--database", help="Address of the catalog; by default the one in the settings."),
]
FileArgument = Annotated[
    str,
    typer.Argument(help="A facility file, or the name of one that comes along (xfel, example)."),
]


def _database(url: str) -> Database:
    return Database(url, pool_size=2) if url else cli_common.database()


@app.command()
@told
def upgrade(url: UrlOption = "", as_json: JsonFlag = False) -> None:
    """Bring the database to this program's revision; does nothing when it is there."""
    database = _database(url)
    if database.dialect == "sqlite" and database.engine.url.database:
        Path(database.engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    before, after = schema.upgrade(database)
    same = before == after
    text = f"at revision {after}" if same else f"{before or 'empty'} => {after}"
    say({"before": before, "after": after, "changed": not same}, as_json=as_json, text=text)


@app.command()
@told
def check(url: UrlOption = "", as_json: JsonFlag = False) -> None:
    """Compare the database with what this program expects; exit code 1 if they differ."""
    faults = schema.check(_database(url))
    text = "\n".join(faults) or f"all well, revision {schema.head()}"
    say({"ok": not faults, "head": schema.head(), "faults": faults}, as_json=as_json, text=text)
    if faults:
        raise typer.Exit(1)


@app.command("load-facility")
@told
def load_facility_file(
    file: FileArgument = "",
    operator: cli_common.OperatorOption = "beamkeeper db",
    url: UrlOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Load a facility's reference rows; again is harmless, nothing is ever deleted."""
    facility = read_facility(file or load().facility_file)
    database = _database(url)
    schema.demand_current(database)
    with database.write() as session:
        actor = Actor(operator, frozenset({Role.ADMIN}))
        summary = load_facility(session, facility, utc_now(), actor)
    say(summary.as_dict(), as_json=as_json, text=_words(summary))


@app.command("declare-rehearsal")
@told
def declare_rehearsal_catalog(
    reason: Annotated[str, typer.Option(help="Why; stands in the journal.")],
    operator: cli_common.OperatorOption = "beamkeeper db",
    url: UrlOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Make an empty catalog one to rehearse on: only there may the clock be moved ahead."""
    database = _database(url)
    schema.demand_current(database)
    with database.write() as session:
        actor = Actor(operator, frozenset({Role.ADMIN}))
        said = declare_rehearsal(session, actor, utc_now(), reason)
    text = "declared" if said else "was declared before"
    say({"rehearsal": True, "changed": said}, as_json=as_json, text=text)


def _words(summary: Summary) -> str:
    lines = []
    for name, added in summary.added.items():
        changed, same = summary.changed[name], summary.same[name]
        if added or changed or same:
            lines.append(f"{name}: {added} added, {changed} changed, {same} as they were")
    return "\n".join([*lines, *summary.notes])
