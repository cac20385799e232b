"""The two groups of a proposal follow its team."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import ProposalNumber
from flows.outcome import Result, conduct
from flows.provisioning import ldap_groups
from policies.vocabulary import StepName, Work
from tasks.records import beamtimes
from tasks.records.work import Working


@flow(name="team-sync", flow_run_name="p{proposal:06d} team")
def team_sync(proposal: ProposalNumber) -> State[Any]:
    """Bring the participants and data managers groups in line with the team.

    Leavers are removed; nobody enters without an accepted data policy and a valid account.

    Args:
        proposal: Proposal number.
    """

    def body(_unit: Working) -> Result:
        done = ldap_groups(beamtimes.proposal(proposal))
        beamtimes.end_step(proposal, StepName.LDAP_GROUPS, done.state, done.message, done.proof)
        return Result(done.message)

    return conduct(Work.TEAM_SYNC, body, proposal=proposal)
