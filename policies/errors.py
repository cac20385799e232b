"""Every way in which beamkeeper says no, one class per *reaction* of the caller.

A class is chosen by what whoever meets it should do, not by where it happened:
`retry` tells a program whether trying again can help, `message` tells a person what is
wrong and `context` carries the same facts for programs.
"""

from typing import ClassVar


class BeamkeeperError(Exception):
    """Base of all errors of ours.

    Args:
        message: A sentence for people; names the thing, the field and the rule.
        **context: The same facts for programs; JSON values only, never a secret.

    Attributes:
        code: Stable word for programs.
        http_status: Status that the HTTP edge answers with.
        retry: Whether the same call may succeed later without a change.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class Refused(BeamkeeperError):
    """A rule says no (a state, a guard, a role). A result, not a failure."""

    code = "refused"
    http_status = 409

    @property
    def possible(self) -> list[str]:
        """Events that are possible instead; empty when unknown."""
        found = self.context.get("possible", [])
        return [str(event) for event in found] if isinstance(found, list | tuple) else []


class Forbidden(Refused):
    """The rule exists but this actor may not ask; names the missing responsibility."""

    code = "forbidden"
    http_status = 403


class Missing(BeamkeeperError):
    """The thing named does not exist."""

    code = "missing"
    http_status = 404


class Invalid(BeamkeeperError):
    """Input that no state of the world makes right; `context['fields']` names each field."""

    code = "invalid"
    http_status = 422


class Conflict(BeamkeeperError):
    """Somebody else changed or holds it; read again and retry."""

    code = "conflict"
    http_status = 409
    retry = True


class LeaseLost(Conflict):
    """The caller's lease ended or another holder has a newer fencing token: stop, write nothing."""

    code = "lease_lost"
    retry = False


class Unavailable(BeamkeeperError):
    """An outside system does not answer; the state over there is unknown."""

    code = "unavailable"
    http_status = 503
    retry = True


class Denied(BeamkeeperError):
    """An outside system understood and said no (rights, quota); an operator must act."""

    code = "denied"
    http_status = 502


class Mismatch(BeamkeeperError):
    """Two records of one fact differ (digest, size, identity); opens a finding."""

    code = "mismatch"
    http_status = 409


class Misconfigured(BeamkeeperError):
    """A setting is missing or contradicts another; raised at start-up."""

    code = "misconfigured"
