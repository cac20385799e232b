"""Steps that make folders and rights, offline and online; each says what it read back."""

from dataclasses import dataclass, field
from typing import Any

from policies import access, layout, opening
from policies.access import Phase, Plan
from policies.errors import Invalid
from policies.vocabulary import StepState
from tasks import storage
from tasks.records import beamtimes, releases
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


def gids(view: ProposalView) -> tuple[int, int]:
    """Numeric gids of participants and data managers.

    Raises:
        Invalid: They were not allocated yet.
    """
    if view.gid_participants is None or view.gid_data_managers is None:
        raise Invalid(f"proposal {view.number} has no gids: import it from the portal again")
    return view.gid_participants, view.gid_data_managers


def offline_plan(view: ProposalView, phase: Phase) -> Plan:
    """Folders and links of a proposal on the offline storage."""
    plan = access.offline(*layout.home_of(view.path), phase, storage.ids(*gids(view)))
    return opening.passing(plan, releases.ways(view))


def online_plan(view: ProposalView, phase: Phase) -> Plan:
    """Folders of a proposal on its instrument's online storage."""
    return access.online(*layout.home_of(view.path), phase, storage.ids(*gids(view)))


def _phase(view: ProposalView) -> Phase:
    return beamtimes.phase(view)


def offline_stores(view: ProposalView, phase: Phase) -> list[tuple[PosixStorage, Plan]]:
    """The offline storage and, where it is mounted, dCache, each with its plan."""
    found = [(storage.offline(), offline_plan(view, phase))]
    dcache = storage.archive()
    if dcache is not None:
        ids = storage.ids(*gids(view))
        plan = access.archive(*layout.home_of(view.path), phase, ids)
        found.append((dcache, opening.passing(plan, releases.ways(view))))
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
    changes = sum(store.ensure_rights(plan) for store, plan in stores)
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
    changes = storage.storage(view.online_repository).ensure_rights(plan)
    return Done(f"owners and ACLs of {len(plan.folders)} folders", changes=changes)


def online_write_test(view: ProposalView) -> Done:
    """A file is written, read back and removed where the DAQ will write."""
    root = layout.proposal_root(*layout.home_of(view.path))
    size = storage.storage(view.online_repository).write_test(f"{root}/raw")
    return Done(f"{size} bytes written and read back in {root}/raw")
