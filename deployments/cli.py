"""`beamkeeper`: one verb per thing that people do; `--json` everywhere."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deployments import cli_db
from deployments.cli_calibration import calibration_app
from deployments.cli_common import JsonFlag, database, say, show, told
from deployments.cli_holds import replica_app
from deployments.cli_records import (
    inbox_app,
    journal_app,
    outbox_app,
    proposal_app,
    run_app,
)
from settings.clock import utc_now
from settings.model import load

app = typer.Typer(
    help="The life of experiment data, from beamtime to open data.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
app.add_typer(cli_db.app, name="db")
app.add_typer(proposal_app, name="proposal")
app.add_typer(run_app, name="run")
app.add_typer(calibration_app, name="calibration")
app.add_typer(replica_app, name="replica")
app.add_typer(inbox_app, name="inbox")
app.add_typer(outbox_app, name="outbox")
app.add_typer(journal_app, name="journal")


@app.command()
@told
def doctor(as_json: JsonFlag = False) -> None:
    """Say what is up, what is not configured and what is stale."""
    from deployments.doctor import examine

    reports = examine(load(), utc_now())
    rows = [{"part": r.what, "state": r.state, "what_was_seen": r.words} for r in reports]
    show(rows, ["part", "state", "what_was_seen"], as_json=as_json)
    if any(r.ill for r in reports):
        raise typer.Exit(1)


@app.command()
@told
def explain(
    proposal: Annotated[int, typer.Argument(help="Proposal number.", min=1, max=999_999)],
    as_json: JsonFlag = False,
) -> None:
    """Say why a proposal's release date is what it is, what comes next, who can change it."""
    from catalog.queries.explain import explain as explained

    with database().read() as session:
        found = explained(session, proposal, utc_now())
    parts = {"Because": found.because, "Next": found.follows, "Who can change it": found.who}
    parts |= {"Not stated by the facility": found.assumed, "History": found.history}
    blocks = [
        f"{t}\n" + "\n".join(f"  - {s}" for s in lines) for t, lines in parts.items() if lines
    ]
    day = f"{found.first_open_day} is the first open day" if found.first_open_day else "no date"
    text = "\n".join([f"p{proposal:06d}: {found.state}, {day}", *blocks])
    say(found, as_json=as_json, text=text)


@app.command()
@told
def docs(
    check: Annotated[bool, typer.Option("--check", help="Only say what is stale.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the generated reference pages."""
    from deployments import reference_pages

    names = reference_pages.stale() if check else reference_pages.write()
    if check and names:
        say(names, as_json=as_json, text=f"stale, run `make docs`: {', '.join(names)}")
        raise typer.Exit(1)
    say(names, as_json=as_json, text=f"{'stale' if check else 'written'}: {len(names)} pages")


@app.command()
@told
def gateway() -> None:
    """Run the webhook gateway."""
    from deployments.services import run_gateway

    run_gateway(load())


@app.command()
@told
def relay() -> None:
    """Run the outbox relay."""
    from deployments.services import run_relay

    run_relay(load())


@app.command()
@told
def public() -> None:
    """Run the public pages."""
    from deployments.public import run_public

    run_public(load())


@app.command()
@told
def serve() -> None:
    """Run everything on this machine: engine, workers, gateway, relay."""
    from deployments.facility import serve as run

    run(load())


@app.command()
@told
def deploy(as_json: JsonFlag = False) -> None:
    """Put the flows of prefect.yaml in place and remove what left the file."""
    from deployments.facility import deploy_flows

    summary = deploy_flows(load())
    say(summary, as_json=as_json, text=f"{len(summary['deployed'])} deployments in place")


@app.command()
@told
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo lives.")] = Path("var/demo"),
) -> None:
    """Play a beamtime from end to end on this machine, on real files."""
    from deployments.demo.story import play

    sys.exit(play(folder, keep=keep))


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
