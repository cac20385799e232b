"""The steps that prepare a proposal; each is idempotent and says what it read back."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from policies import access, layout
from policies.access import Phase, Plan
from policies.errors import Invalid, Mismatch
from policies.groups import groups
from policies.vocabulary import StepName, StepState
from tasks import storage
from tasks.directory import GroupSpec
from tasks.directory.steps import check_group, ensure_group
from tasks.records import site
from tasks.records.views import ProposalView
from tasks.storage import PosixStorage


@dataclass
class Done:
    """What a step came to.

    Attributes:
        message: One sentence; the same state gives the same sentence.
        proof: What was read back.
        state: Done, or skipped where the site has no such system.
        changes: How many things were changed.
    """

    message: str
    proof: dict[str, Any] = field(default_factory=dict)
    state: StepState = StepState.DONE
    changes: int = 0


def _gids(view: ProposalView) -> tuple[int, int]:
    if view.gid_participants is None or view.gid_data_managers is None:
        raise Invalid(f"proposal {view.number} has no gids: import it from the portal again")
    return view.gid_participants, view.gid_data_managers


def specs(view: ProposalView) -> tuple[tuple[GroupSpec, GroupSpec], dict[str, str]]:
    """Both groups as they should be, and who is left out why."""
    wanted = groups(view.team, view.contacts)
    part, managers = layout.group_names(view.number)
    part_gid, managers_gid = _gids(view)
    words = f"Proposal {view.number}"
    return (
        GroupSpec(part, part_gid, wanted.participants, f"{words}: participants"),
        GroupSpec(managers, managers_gid, wanted.data_managers, f"{words}: data managers"),
    ), wanted.left_out


def ldap_groups(view: ProposalView) -> Done:
    """Participants and data managers groups with the team's members, read back."""
    directory = site.directory()
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


def offline_plan(view: ProposalView, phase: Phase) -> Plan:
    """Folders and links of a proposal on the offline storage."""
    return access.offline(
        view.instrument, view.cycle, view.number, phase, storage.ids(*_gids(view))
    )


def online_plan(view: ProposalView, phase: Phase) -> Plan:
    """Folders of a proposal on its instrument's online storage."""
    return access.online(view.instrument, view.cycle, view.number, phase, storage.ids(*_gids(view)))


def _phase(view: ProposalView) -> Phase:
    return access.phase_of(view.state)


def offline_stores(view: ProposalView, phase: Phase) -> list[tuple[PosixStorage, Plan]]:
    """The offline storage and, where it is mounted, dCache, each with its plan."""
    found = [(storage.offline(), offline_plan(view, phase))]
    dcache = storage.archive()
    if dcache is not None:
        ids = storage.ids(*_gids(view))
        plan = access.archive(view.instrument, view.cycle, view.number, phase, ids)
        found.append((dcache, plan))
    return found


def offline_folders(view: ProposalView) -> Done:
    """Folders and universal links on the offline GPFS, the folder in dCache."""
    stores = offline_stores(view, _phase(view))
    changes = sum(store.ensure_folders(plan) for store, plan in stores)
    folders = sum(len(plan.folders) for _, plan in stores)
    links = sum(len(plan.links) for _, plan in stores)
    return Done(f"{folders} folders, {links} links", changes=changes)


def offline_acls(view: ProposalView) -> Done:
    """Owners, ACLs and default ACLs of the offline folders, read back."""
    stores = offline_stores(view, _phase(view))
    changes = sum(store.ensure_access(plan) for store, plan in stores)
    folders = sum(len(plan.folders) for _, plan in stores)
    return Done(f"owners and ACLs of {folders} folders", changes=changes)


def offline_quotas(view: ProposalView) -> Done:
    """Quotas are put on record, and set where the storage can."""
    plan, limits, store = offline_plan(view, _phase(view)), storage.quotas(), storage.offline()
    proof: dict[str, Any] = {}
    words = []
    for folder in plan.folders:
        for kind, limit in limits.items():
            if f"/{kind}/" in folder.path:
                state = store.ensure_quota(folder, limit)
                proof[kind] = {"limit_bytes": limit, "enforced": state.enforced}
                how = "enforced" if state.enforced else f"recorded, {state.because}"
                words.append(f"{kind} {limit / 1024**4:g} TiB: {how}")
    return Done("; ".join(words) or "no quotas are set", {"quotas": proof})


def online_folders(view: ProposalView) -> Done:
    """Folders on the instrument's online storage."""
    plan = online_plan(view, _phase(view))
    changes = storage.storage(view.online_repository).ensure_folders(plan)
    return Done(f"{len(plan.folders)} folders on {view.online_repository}", changes=changes)


def online_acls(view: ProposalView) -> Done:
    """Owners and ACLs of the online folders, read back."""
    plan = online_plan(view, _phase(view))
    changes = storage.storage(view.online_repository).ensure_access(plan)
    return Done(f"owners and ACLs of {len(plan.folders)} folders", changes=changes)


def online_write_test(view: ProposalView) -> Done:
    """A file is written, read back and removed where the DAQ will write."""
    root = layout.proposal_root(view.instrument, view.cycle, view.number)
    size = storage.storage(view.online_repository).write_test(f"{root}/raw")
    return Done(f"{size} bytes written and read back in {root}/raw")


STEPS: dict[StepName, Callable[[ProposalView], Done]] = {
    StepName.LDAP_GROUPS: ldap_groups,
    StepName.OFFLINE_FOLDERS: offline_folders,
    StepName.OFFLINE_ACLS: offline_acls,
    StepName.OFFLINE_QUOTAS: offline_quotas,
    StepName.ONLINE_FOLDERS: online_folders,
    StepName.ONLINE_ACLS: online_acls,
    StepName.ONLINE_WRITE_TEST: online_write_test,
}
"""Every step and what does it."""
