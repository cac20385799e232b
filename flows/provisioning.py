"""The steps that prepare a proposal; each is idempotent and says what it read back."""

from collections.abc import Callable
from dataclasses import replace

from flows.folders import (
    Done,
    gids,
    offline_acls,
    offline_folders,
    offline_quotas,
    online_acls,
    online_folders,
    online_write_test,
)
from flows.reservation import batch_reservation
from policies import layout
from policies.errors import Mismatch
from policies.groups import groups
from policies.vocabulary import StepName, StepState
from tasks.directory import GroupSpec
from tasks.directory.steps import check_group, ensure_group
from tasks.records import configured
from tasks.records.views import ProposalView


def specs(view: ProposalView) -> tuple[tuple[GroupSpec, GroupSpec], dict[str, str]]:
    """Both groups as they should be, and who is left out why."""
    wanted = groups(view.team, view.contacts)
    part, managers = layout.group_names(view.number)
    part_gid, managers_gid = gids(view)
    words = f"Proposal {view.number}"
    return (
        GroupSpec(part, part_gid, wanted.participants, f"{words}: participants"),
        GroupSpec(managers, managers_gid, wanted.data_managers, f"{words}: data managers"),
    ), wanted.left_out


def ldap_groups(view: ProposalView) -> Done:
    """Participants and data managers groups with the team's members, read back."""
    directory = configured.directory()
    if directory is None:
        return Done(
            "no directory is configured: set directory.url; numeric gids are used all the same",
            state=StepState.SKIPPED,
        )
    wanted, left_out = specs(view)
    states = [ensure_group(directory, spec) for spec in wanted]
    known = {uid for state in states for uid in state.unknown_uids}
    drift: list[str] = []
    for spec in wanted:
        there = tuple(uid for uid in spec.member_uids if uid not in known)
        drift += check_group(directory, replace(spec, member_uids=there))
    if drift:
        raise Mismatch("the directory did not keep what was set: " + "; ".join(drift))
    left_out |= dict.fromkeys(known, "is not in the directory")
    members = ", ".join(f"{s.name}: {len(s.member_uids)}" for s in states)
    without = ", ".join(f"{uid} {why}" for uid, why in sorted(left_out.items()))
    proof = {
        "groups": {s.name: {"gid": s.gid, "uuid": s.entry_uuid} for s in states},
        "left_out": left_out,
    }
    message = members + (f"; left out: {without}" if without else "")
    return Done(message, proof, changes=sum(s.changed for s in states))


STEPS: dict[StepName, Callable[[ProposalView], Done]] = {
    StepName.LDAP_GROUPS: ldap_groups,
    StepName.OFFLINE_FOLDERS: offline_folders,
    StepName.OFFLINE_ACLS: offline_acls,
    StepName.OFFLINE_QUOTAS: offline_quotas,
    StepName.ONLINE_FOLDERS: online_folders,
    StepName.ONLINE_ACLS: online_acls,
    StepName.ONLINE_WRITE_TEST: online_write_test,
    StepName.BATCH_RESERVATION: batch_reservation,
}
"""Every step and what does it."""
