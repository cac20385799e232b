"""The repositories that are mounted on this machine.

If one is down, its folders cannot be prepared, filled or frozen, and work waits; the catalog
keeps what it knows.
"""

from pathlib import Path

from policies import access
from policies.access import Ids
from policies.errors import Misconfigured
from settings.model import load
from settings.storage import AclMode, StorageSettings
from tasks.storage.ground import Ground
from tasks.storage.opening import OpenDoor
from tasks.storage.port import QuotaState, StoragePort, Usage
from tasks.storage.posix_storage import PosixStorage

__all__ = [
    "OpenDoor",
    "PosixStorage",
    "QuotaState",
    "StoragePort",
    "Usage",
    "archive",
    "door",
    "ids",
    "link_run",
    "local_path",
    "mount",
    "offline",
    "opened",
    "quotas",
    "storage",
]


def opened(site: StorageSettings | None, repository: str) -> PosixStorage:
    """A repository as the given settings mount it.

    Raises:
        Misconfigured: It is not mounted on this machine.
    """
    if site is None or repository not in site.mounts:
        raise Misconfigured(f"{repository} is not mounted here: set storage.mounts")
    ground = _ground(site, repository)
    return PosixStorage(ground, site.acl.get(repository, AclMode.POSIX), site.uid_daq)


def _ground(site: StorageSettings, repository: str) -> Ground:
    return Ground(
        repository,
        site.mounts[repository],
        site.marker,
        tuple(site.marker_folders.get(repository, ())),
        site.trees,
        site.mounts.get(site.archive),
    )


def door(repository: str) -> OpenDoor:
    """What lets everybody read in a repository, and nobody any more.

    Raises:
        Misconfigured: It is not mounted on this machine.
    """
    site = _site()
    if repository not in site.mounts:
        raise Misconfigured(f"{repository} is not mounted here: set storage.mounts")
    return OpenDoor(_ground(site, repository))


def storage(repository: str) -> PosixStorage:
    """A repository as it is mounted here.

    Raises:
        Misconfigured: It is not mounted on this machine.
    """
    return opened(load().storage, repository)


def offline() -> PosixStorage:
    """The storage that holds the proposals' offline folders.

    Raises:
        Misconfigured: It is not mounted on this machine.
    """
    site = load().storage
    return opened(site, site.offline if site else "the offline storage")


def archive() -> PosixStorage | None:
    """The dCache tree with the second copies, None where it is not mounted."""
    site = load().storage
    if site is None or site.archive not in site.mounts:
        return None
    return opened(site, site.archive)


def local_path(repository: str, path: str) -> Path:
    """A path of the catalog as it is on this machine.

    Raises:
        Misconfigured: The repository is not mounted on this machine.
        Unavailable: It should be and is not.
        Invalid: The path is not plain.
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

    Args:
        instrument: Identifier.
        cycle: Six digits.
        number: Proposal number.
        run: Run number.
        target: The run's folder on the offline storage or in dCache, as the catalog names it.

    Returns:
        Whether the link changed.

    Raises:
        Mismatch: Something that is not ours is in the way.
    """
    site = _site()
    link = access.run_link(instrument, cycle, number, run, target, site.trees)
    return opened(site, site.offline).ensure_link(link)


def ids(part: int, managers: int) -> Ids:
    """Numeric ids of the services here and of the proposal's groups."""
    site = _site()
    return Ids(part, managers, site.services(), site.uid_keeper)


def quotas() -> dict[str, int]:
    """Quota per kind of folder, in bytes."""
    site = load().storage
    return dict(site.quotas) if site else {}


def _site() -> StorageSettings:
    site = load().storage
    if site is None:
        raise Misconfigured("storage is not configured: set storage.mounts")
    return site
