"""Verbs on the catalog: the same commands that flows and machines put."""

import json
from typing import Annotated, Any

import typer

from catalog.commands import assessing, inbox, outbox, portal, proposals, runs
from catalog.commands.portal_inbox import SENDER
from catalog.engine import Session
from catalog.queries import journal as ledger
from catalog.queries.find import proposal_row
from catalog.queries.proposals import proposal_list, proposal_view
from catalog.queries.roles import person
from catalog.queries.runs import files_of, findings_of, run_table, run_view
from deployments.cli_common import (
    JsonFlag,
    OperatorOption,
    ReasonOption,
    database,
    plain,
    say,
    show,
    told,
)
from policies import permissions
from policies.actor import Actor
from policies.errors import Invalid, Missing
from policies.vocabulary import Assessment, BeamtimeEvent, InboxState
from settings.clock import utc_now

inbox_app = typer.Typer(help="Messages that came in.", no_args_is_help=True)
journal_app = typer.Typer(help="The chained journal.", no_args_is_help=True)
proposal_app = typer.Typer(help="Proposals and beamtimes.", no_args_is_help=True)
run_app = typer.Typer(help="Runs.", no_args_is_help=True)
outbox_app = typer.Typer(help="Work that was asked for.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Proposal number.", min=1, max=999_999)]
RunArgument = Annotated[int, typer.Argument(help="Run number.", min=0, max=99_999)]


def who_asks(session: Session, operator: str, number: int | None) -> Actor:
    """The operator with the roles held on a proposal.

    Raises:
        Invalid: No account name was given.
        Missing: No such account or proposal.
    """
    if not operator:
        raise Invalid("--operator: your account name is needed", fields={"operator": "needed"})
    return person(session, operator, proposal_row(session, number) if number else None)


@inbox_app.command("list")
@told
def inbox_list(
    state: Annotated[InboxState | None, typer.Option(help="Only this state.")] = None,
    limit: int = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show messages, newest first."""
    with database().read() as session:
        rows = ledger.inbox_list(session, state, limit)
    columns = ["id", "received_at", "sender", "kind", "proposal", "run", "state", "reason"]
    show(rows, columns, as_json=as_json, title="Inbox")


@inbox_app.command("show")
@told
def inbox_show(message: int, as_json: JsonFlag = False) -> None:
    """Show one message as it came, and what became of it."""
    with database().read() as session:
        row = ledger.inbox_show(session, message)
    if row is None:
        raise Missing(f"there is no message {message}", field="id")
    say(row, as_json=as_json, text=json.dumps(row, indent=2, ensure_ascii=False))


@inbox_app.command("reinject")
@told
def inbox_reinject(
    message: int,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    correct: Annotated[
        list[str] | None, typer.Option("--set", help="field=JSON value; may be repeated.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a kept message again, perhaps with corrected fields."""
    corrected = dict(_field(text) for text in correct or [])
    with database().write() as session:
        row = ledger.inbox_show(session, message)
        number = row.get("proposal") if row else None
        who = who_asks(session, operator, _existing(session, number))
        put = portal.reinject if row and row["sender"] == SENDER else inbox.reinject
        put(session, message, who, utc_now(), reason, corrected)
        state = (ledger.inbox_show(session, message) or {}).get("state")
    say({"id": message, "state": state}, as_json=as_json, text=f"message {message} is {state}")


def _existing(session: Session, number: int | None) -> int | None:
    """A kept message may name a proposal that is not there yet: only wide roles count then."""
    try:
        return proposal_row(session, number).number if number else None
    except Missing:
        return None


def _field(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Invalid(f"--set {text}: use field=value", fields={"set": "field=value"})
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@outbox_app.command("list")
@told
def outbox_list(waiting: bool = False, limit: int = 50, as_json: JsonFlag = False) -> None:
    """Show work that was asked for, newest first."""
    with database().read() as session:
        rows = ledger.outbox_list(session, waiting=waiting, limit=limit)
    columns = ["id", "asked_at", "kind", "work", "proposal", "run", "attempt", "tries"]
    show(rows, [*columns, "outcome", "last_error"], as_json=as_json, title="Outbox")


@outbox_app.command("deliver-again")
@told
def deliver_again(row: int, operator: OperatorOption = "", as_json: JsonFlag = False) -> None:
    """Take up a delivery that was given up, with its own event id."""
    with database().write() as session:
        permissions.demand("work:restart", who_asks(session, operator, None).roles)
        outbox.deliver_again(session, row, utc_now())
    say({"id": row}, as_json=as_json, text=f"row {row} is due again")


@journal_app.command("verify")
@told
def journal_verify(
    anchor: Annotated[str, typer.Option(help="`seq:hash` written down earlier.")] = "",
    database_url: Annotated[str, typer.Option(help="Another database, e.g. a copy.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Prove that nobody rewrote the history; name every row that was touched."""
    from catalog.engine import Database

    seq, _, digest = anchor.partition(":")
    source = Database(database_url) if database_url else database()
    with source.read() as session:
        verdict = ledger.verify(session, (int(seq), digest) if digest else None)
    lines = [f"{verdict.rows} rows, head {verdict.head}"]
    lines += list(verdict.faults) or ["the chain holds, and every state is what it says"]
    say(verdict, as_json=as_json, text="\n".join(lines))
    if not verdict.sound:
        raise typer.Exit(1)


@journal_app.command("anchor")
@told
def journal_anchor(as_json: JsonFlag = False) -> None:
    """Print the number and hash of the last row, to be written down elsewhere."""
    with database().read() as session:
        seq, digest = ledger.head(session)
    say({"seq": seq, "hash": digest}, as_json=as_json, text=f"{seq}:{digest}")


@proposal_app.command("list")
@told
def list_proposals(instrument: str = "", as_json: JsonFlag = False) -> None:
    """Show proposals, newest first."""
    with database().read() as session:
        rows = [plain(p) | {"status": p.state.label} for p in proposal_list(session, instrument)]
    columns = ["number", "title", "instrument", "cycle", "status", "begin_at", "last_run"]
    show(rows, columns, as_json=as_json, title="Proposals")


@proposal_app.command("show")
@told
def show_proposal(proposal: Number, as_json: JsonFlag = False) -> None:
    """Show a proposal with its team and provisioning steps."""
    with database().read() as session:
        view = proposal_view(session, proposal)
    say(view, as_json=as_json, text=json.dumps(plain(view), indent=2, ensure_ascii=False))


@proposal_app.command("history")
@told
def show_history(proposal: Number, run: int | None = None, as_json: JsonFlag = False) -> None:
    """Show the history: old ⇒ new, who, when, why."""
    with database().read() as session:
        rows = [plain(row) for row in ledger.history(session, proposal, run)]
    for row in rows:
        row["change"] = f"{row['source']} ⇒ {row['target']}"
    columns = ["at", "subject", "run", "event", "change", "actor", "reason"]
    show(rows, columns, as_json=as_json, title=f"History of proposal {proposal}")


@proposal_app.command("advance")
@told
def advance(
    proposal: Number,
    event: BeamtimeEvent,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Put a beamtime event (status only; the flows do what belongs to it)."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        move = proposals.advance(session, proposal, event, who, utc_now(), reason)
    say(move, as_json=as_json, text=f"{move.source.label} ⇒ {move.target.label}")


@proposal_app.command("shifts")
@told
def shifts(
    proposal: Number, delivered: int, operator: OperatorOption = "", as_json: JsonFlag = False
) -> None:
    """Fill in the number of delivered shifts."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        proposals.fill_shifts(session, proposal, delivered, who, utc_now())
    say({"delivered": delivered}, as_json=as_json, text=f"{delivered} delivered shifts")


@run_app.command("list")
@told
def list_runs(proposal: Number, before: int | None = None, as_json: JsonFlag = False) -> None:
    """Show a page of the run table, newest first."""
    with database().read() as session:
        rows = [plain(run) for run in run_table(session, proposal, before)]
    columns = ["run", "run_type", "sample", "begin_at", "state", "assessment", "num_files"]
    show(rows, [*columns, "migration_end_at", "findings"], as_json=as_json, title="Runs")


@run_app.command("show")
@told
def show_run(proposal: Number, run: RunArgument, as_json: JsonFlag = False) -> None:
    """Show a run with its files and findings."""
    with database().read() as session:
        content = plain(run_view(session, proposal, run))
        content["files"] = [f.model_dump(mode="json") for f in files_of(session, proposal, run)]
        content["all_findings"] = [
            f.model_dump(mode="json") for f in findings_of(session, proposal, run)
        ]
    say(content, as_json=as_json, text=json.dumps(content, indent=2, ensure_ascii=False))


@run_app.command("assess")
@told
def assess(
    proposal: Number,
    run: RunArgument,
    assessment: Assessment,
    operator: OperatorOption = "",
    comment: str = "",
    as_json: JsonFlag = False,
) -> None:
    """Say whether a run is Good, Unclear or Not interesting."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        move = assessing.assess_run(session, proposal, run, assessment, who, utc_now(), comment)
    say(move, as_json=as_json, text=f"{move.source} ⇒ {move.target}")


@run_app.command("abort")
@told
def abort(
    proposal: Number,
    run: RunArgument,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Close a run by force that the DAQ never closed."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        move = runs.abort_run(session, proposal, run, who, utc_now(), reason)
    say(move, as_json=as_json, text=f"{move.source} ⇒ {move.target}")
