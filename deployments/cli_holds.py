"""Verbs that only administrators put: holds on a proposal, and what may be removed."""

from typing import Annotated

import typer

from catalog.commands import holds
from catalog.queries.copies import removal
from deployments.cli_common import JsonFlag, OperatorOption, ReasonOption, database, say, told
from deployments.cli_records import Number, RunArgument, proposal_app, who_asks
from policies.vocabulary import HoldKind
from settings.clock import utc_now

replica_app = typer.Typer(help="Copies of runs.", no_args_is_help=True)


@proposal_app.command("hold")
@told
def set_hold(
    proposal: Number,
    kind: HoldKind,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Put a hold on a proposal; what it forbids: docs/reference/lifecycles.md."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        changed = holds.set_hold(session, proposal, kind, who, utc_now(), reason)
    say({"hold": kind, "changed": changed}, as_json=as_json, text=f"{kind} stands")


@proposal_app.command("lift")
@told
def lift_hold(
    proposal: Number,
    kind: HoldKind,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Take a hold away; others stay."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        holds.lift_hold(session, proposal, kind, who, utc_now(), reason)
    say({"lifted": kind}, as_json=as_json, text=f"{kind} lifted")


@replica_app.command("may-go")
@told
def may_go(
    proposal: Number,
    run: RunArgument,
    repository: Annotated[str, typer.Argument(help="Repository identifier.")],
    as_json: JsonFlag = False,
) -> None:
    """Say whether a copy of a run could be removed, and why; removes nothing.

    Exit code 0 when it could, 1 when it may not.
    """
    with database().read() as session:
        answer = removal(session, proposal, run, repository)
    say(answer, as_json=as_json, text=answer.sentence)
    if not answer.may_go:
        raise typer.Exit(1)
