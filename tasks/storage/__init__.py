"""The repositories that are mounted on this machine."""

from pathlib import Path

from policies import layout
from policies.access import Ids, LinkPlan, Writer
from policies.errors import Misconfigured
from settings.model import load
from tasks.storage.posix import PosixStorage

__all__ = ["PosixStorage", "ids", "link_run", "local_path", "mount", "offline", "quotas", "storage"]


def storage(repository: str) -> PosixStorage:
    """A repository as it is mounted here.

    Raises:
        Misconfigured: It is not mounted on this machine.
    """
    site = load().storage
    if site is None or repository not in site.mounts:
        raise Misconfigured(f"{repository} is not mounted here: set storage.mounts")
    return PosixStorage(repository, site.mounts[repository], site.marker)


def offline() -> PosixStorage:
    """The storage that holds the proposals' offline folders."""
    site = load().storage
    return storage(site.offline if site else "the offline storage")


def local_path(repository: str, path: str) -> Path:
    """A path of the catalog as it is on this machine.

    Raises:
        Unavailable: The storage is not mounted.
    """
    here = storage(repository)
    here.demand_mounted()
    return here.path(path)


def mount(repository: str) -> Path:
    """Folder under which a repository's paths lie here; it is there."""
    here = storage(repository)
    here.demand_mounted()
    return here.root


def link_run(instrument: str, cycle: str, number: int, run: int, target: str) -> bool:
    """Let the universal path of a run point to where its data really are.

    Returns:
        Whether the link changed.
    """
    root = layout.proposal_root(instrument, cycle, number)
    return offline().ensure_link(LinkPlan(f"{root}/raw/{layout.run_folder(run)}", target))


def ids(part: int, managers: int) -> Ids:
    """Numeric ids of the services here and of the proposal's groups."""
    site = load().storage
    if site is None:
        raise Misconfigured("storage is not configured: set storage.mounts")
    owners = {
        Writer.DAQ: site.uid_daq,
        Writer.MIGRATOR: site.uid_migrator,
        Writer.CALIBRATION: site.uid_calibration,
    }
    return Ids(owners, site.service_gid, part, managers)


def quotas() -> dict[str, int]:
    """Quota per kind of folder, in bytes."""
    site = load().storage
    return dict(site.quotas) if site else {}
