"""Proposals, teams and beamtimes are taken over from the user portal."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.outcome import Result, conduct
from policies.errors import Refused
from policies.vocabulary import Work
from tasks.portal.steps import portal_export
from tasks.records import portal
from tasks.records.work import Working


@flow(name="portal-sync", flow_run_name="portal-sync")
def portal_sync() -> State[Any]:
    """Take over proposals, teams, samples and beamtimes from the user portal.

    Every row stands alone: one that a rule refuses is kept in the inbox with its reason and
    never stops the others. The portal never moves a beamtime's status.
    """

    def body(_unit: Working) -> Result:
        if not portal.configured():
            raise Refused("no user portal is configured: set portal.url and portal.token")
        report = portal.apply(portal_export(portal.settings()))
        rows = [
            {"what": f"{r.kind} {r.key}", "outcome": str(r.outcome), "details": portal.words(r)}
            for r in report.all_rows
        ]
        artifacts.table("portal-sync", rows, "Rows of the export and what became of them")
        trouble = ("outcome:refused-rows",) if report.refused else ()
        return Result(report.sentence(), tags=trouble)

    return conduct(Work.PORTAL_SYNC, body)
