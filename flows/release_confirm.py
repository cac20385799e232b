"""The form that lets a round of releases go on that a breaker stopped."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Person, Reason
from flows.outcome import Result, conduct
from policies.vocabulary import Work
from tasks.records import releases
from tasks.records.work import Working


@flow(name="release-confirm", flow_run_name="confirm the releases")
def release_confirm(operator: Person, reason: Reason) -> State[Any]:
    """Let the round go on that stopped for a person: it opens what was due when it stopped.

    Args:
        operator: Your account name; it is for the administration.
        reason: Why it is right that so much opens at once.
    """

    def body(_unit: Working) -> Result:
        found = releases.confirm_round(operator, reason)
        return Result(f"confirmed: {found.due} proposals, {found.byte_size / 1000**4:.1f} TB")

    return conduct(Work.RELEASE_CONFIRM, body)
