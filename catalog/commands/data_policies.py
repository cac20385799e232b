"""Data policies on record: loaded once, never changed; a proposal is pinned to one version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlmodel import Session, select

from catalog.commands.journal import record
from catalog.memory import memory
from catalog.queries.data_policies import loaded
from catalog.tables.proposals import Proposal
from catalog.tables.release import PolicyVersion
from policies import data_policy, permissions
from policies.actor import Actor
from policies.data_policy import DataPolicy, in_force, policy_of
from policies.errors import Refused
from policies.vocabulary import Subject


@dataclass(frozen=True)
class PolicyDocument:
    """A policy as it is given.

    Attributes:
        document: Everything it says, inherited values included.
        sha256: Over its canonical form.
    """

    document: Mapping[str, Any]
    sha256: str


def load_policies(
    session: Session, given: Sequence[PolicyDocument], actor: Actor, now: datetime
) -> list[str]:
    """Put policies on record; said again it changes nothing.

    Args:
        session: A writing session.
        given: The policies.
        actor: Who asks.
        now: When, aware.

    Returns:
        Those that are new.

    Raises:
        Forbidden: Not the actor's to ask.
        Invalid: A document cannot be followed; names the place and the rule.
        Refused: A version on record says something else: a change needs a new version.
    """
    permissions.demand("policy:load", actor.roles)
    return [name for one in given if (name := _load(session, one, actor, now))]


def _load(session: Session, given: PolicyDocument, actor: Actor, now: datetime) -> str:
    policy = policy_of(given.document)
    label = f"{policy.id}, version {policy.version}"
    known = session.exec(
        select(PolicyVersion).where(
            PolicyVersion.identifier == policy.id, PolicyVersion.version == policy.version
        )
    ).first()
    if known is not None:
        if known.sha256 == given.sha256:
            return ""
        raise Refused(
            f"policy {label} is on record with other content, and proposals may be pinned to it:"
            f" give the change version {policy.version + 1}",
            field="version",
        )
    end = policy.valid_to + timedelta(days=1) if policy.valid_to else None
    row = PolicyVersion(
        identifier=policy.id,
        version=policy.version,
        sha256=given.sha256,
        document=dict(given.document),
        valid_from=_midnight(policy, policy.valid_from),
        valid_to=_midnight(policy, end) if end else None,
        loaded_at=now,
    )
    session.add(row)
    session.flush()
    memory(session, "policies").clear()
    record(
        session,
        subject=Subject.POLICY,
        subject_id=row.id or 0,
        event="load",
        actor=actor,
        now=now,
        policy=data_policy.VERSION,
        target=label,
        details={"sha256": given.sha256},
    )
    return label


def _midnight(policy: DataPolicy, day: Any) -> datetime:  # noqa: ANN401 - a day
    return datetime.combine(day, time(), policy.zone).astimezone(UTC)


def choose(session: Session, first_begin_at: datetime) -> DataPolicy | None:
    """The policy in force at a beamtime's civil first day; None: none is on record for it."""
    every = loaded(session)
    fitting = [p for p in every if p.covers_day(first_begin_at.astimezone(p.zone).date())]
    newest = {p.id: p for p in sorted(fitting, key=lambda p: p.version)}
    day = max((first_begin_at.astimezone(p.zone).date() for p in fitting), default=None)
    return in_force(tuple(newest.values()), day) if day else None


def pin(proposal: Proposal, policy: DataPolicy) -> None:
    """Pin a proposal to a version, once and for ever; the caller writes the history."""
    proposal.policy_identifier, proposal.policy_version = policy.id, policy.version
