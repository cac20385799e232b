"""The access plan of a proposal as data: folders, links, owners, modes and ACLs in numbers.

The rules are rows in `policies.access_table`; this module applies them to one proposal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from policies import layout
from policies.access_table import (
    KINDS,
    RIGHTS,
    RWX,
    RX,
    Phase,
    Service,
    Side,
    markdown,
    phase_of,
    right,
    writable_until,
)
from policies.acl import Acl, AclEntry, Tag, mode_bits, private_acl
from policies.errors import Invalid
from policies.layout import XFEL, Mounts

__all__ = [
    "KINDS",
    "RIGHTS",
    "FolderPlan",
    "Ids",
    "LinkPlan",
    "Phase",
    "Plan",
    "Service",
    "Side",
    "archive",
    "markdown",
    "offline",
    "online",
    "phase_of",
    "right",
    "run_link",
    "writable_until",
]

_SETGID = 0o2000


@dataclass(frozen=True)
class Ids:
    """Numeric ids: storage nodes may not know the names yet.

    Attributes:
        part: gid of the participants' group.
        managers: gid of the data managers' group.
        services: uid of each service; one that is missing or has the keeper's uid works as
            the keeper and gets no entry.
        keeper: uid of the folders' owner.

    Raises:
        Invalid: A gid that is the root group's, or one gid for both groups.

    Source: unknown group *names* are refused by the storage (EINVAL); numbers are not.
    """

    part: int
    managers: int
    services: Mapping[Service, int] = field(default_factory=dict)
    keeper: int = 0

    def __post_init__(self) -> None:
        """Refuse groups that would let the wrong people in."""
        if min(self.part, self.managers) <= 0 or self.part == self.managers:
            rule = "must be two different gids above 0"
            raise Invalid(f"gids {self.part} and {self.managers} {rule}", fields={"gids": rule})


@dataclass(frozen=True)
class FolderPlan:
    """A folder as it shall be.

    Attributes:
        path: Path as the catalog names it.
        kind: `root`, `links` or a kind of folder.
        owner: uid.
        gid: Owning group, which new entries inherit.
        mode: Permission bits with setgid; the group's bits are the ACL's mask.
        access: Access ACL; empty where the storage keeps none.
        default: Default ACL; empty where the storage keeps none.
        freeze: Whether everything inside loses every write bit.
        thaw: Whether what was frozen inside gets back what its own ACL gives.
        because: The rule.
    """

    path: str
    kind: str
    owner: int
    gid: int
    mode: int
    access: Acl
    default: Acl
    freeze: bool
    thaw: bool
    because: str

    def without_acl(self) -> "FolderPlan":
        """The closest that owner, group and mode can say; never more than the ACL says.

        The service that writes becomes the owner and the owning group has the participants'
        rights, so data managers must be participants; other services have nothing. Everybody
        else has what the list gives them.
        """
        writer = next((e.id for e in self.access if e.tag is Tag.USER and e.perm & 2), None)
        part = sum(e.perm for e in self.access if (e.tag, e.id) == (Tag.GROUP, self.gid))
        return replace(
            self,
            owner=self.owner if writer is None else writer,
            mode=(self.mode & ~0o070) | part << 3,
            access=(),
            default=(),
        )


@dataclass(frozen=True)
class LinkPlan:
    """A link as it shall be.

    Attributes:
        path: Where it is, as the catalog names it.
        target: What it points to, as the catalog names it.
        instead_of: Targets that it may have had before and that we may replace.
    """

    path: str
    target: str
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything of a proposal on one storage.

    Attributes:
        folders: The proposal's folders, outer ones first.
        links: Its links.
        parents: Shared folders above: made where missing, never changed.
    """

    folders: tuple[FolderPlan, ...]
    links: tuple[LinkPlan, ...] = ()
    parents: tuple[str, ...] = ()


def _folder(path: str, side: Side, kind: str, phase: Phase, ids: Ids) -> FolderPlan:
    row = right(side, kind, phase)
    named = [
        AclEntry(Tag.GROUP, ids.part, row.part),
        AclEntry(Tag.GROUP, ids.managers, row.managers),
    ]
    users = [(row.writer, RWX)] if row.writer else []
    for service, perm in (*users, *((reader, RX) for reader in row.readers)):
        uid = ids.services.get(service, ids.keeper)
        if uid != ids.keeper:
            named.append(AclEntry(Tag.USER, uid, perm))
    acl = private_acl(RX if phase is Phase.CLOSED else RWX, named)
    inner = kind in layout.KINDS
    writable = row.writer is not None or bool((row.part | row.managers) & 2)
    return FolderPlan(
        path=path,
        kind=kind,
        owner=ids.keeper,
        gid=ids.part,
        mode=mode_bits(acl) | _SETGID,
        access=acl,
        default=acl,
        freeze=inner and not writable,
        thaw=inner and writable and kind != "raw",
        because=row.because,
    )


def _parents(paths: list[str]) -> tuple[str, ...]:
    """The instrument's and the cycle's folder above each proposal folder."""
    cycles = [path.rpartition("/")[0] for path in paths]
    return tuple(dict.fromkeys(p for c in cycles for p in (c.rpartition("/")[0], c)))


def offline(
    instrument: str, cycle: str, number: int, phase: Phase, ids: Ids, mounts: Mounts = XFEL
) -> Plan:
    """Folders and links on the offline storage.

    The universal path is a folder of links, except `raw`, which is a folder with one link per
    run: runs move to dCache one by one.

    Raises:
        Invalid: An identifier that is no folder.
    """
    root = layout.proposal_root(instrument, cycle, number, mounts)
    real = {k: layout.real_folder(k, instrument, cycle, number, mounts) for k in layout.KINDS}
    places = {"root": root, "links": f"{root}/raw", **real}
    return Plan(
        tuple(_folder(path, Side.OFFLINE, kind, phase, ids) for kind, path in places.items()),
        tuple(LinkPlan(f"{root}/{kind}", path) for kind, path in real.items() if kind != "raw"),
        _parents([root, *real.values()]),
    )


def online(
    instrument: str, cycle: str, number: int, phase: Phase, ids: Ids, mounts: Mounts = XFEL
) -> Plan:
    """Folders on the instrument's online storage: the universal path itself, no links.

    Raises:
        Invalid: An identifier that is no folder.
    """
    root = layout.proposal_root(instrument, cycle, number, mounts)
    places = {"root": root} | {kind: f"{root}/{kind}" for kind in layout.ONLINE_KINDS}
    return Plan(
        tuple(_folder(path, Side.ONLINE, kind, phase, ids) for kind, path in places.items()),
        parents=_parents([root]),
    )


def archive(
    instrument: str, cycle: str, number: int, phase: Phase, ids: Ids, mounts: Mounts = XFEL
) -> Plan:
    """The proposal's folder in dCache.

    Raises:
        Invalid: An identifier that is no folder.
    """
    path = layout.archive_folder(instrument, cycle, number, mounts)
    return Plan((_folder(path, Side.ARCHIVE, "raw", phase, ids),), parents=_parents([path]))


def run_link(
    instrument: str, cycle: str, number: int, run: int, target: str, mounts: Mounts = XFEL
) -> LinkPlan:
    """The universal path of a run as a link to where its data are.

    Args:
        instrument: Identifier.
        cycle: Six digits.
        number: Proposal number.
        run: Run number.
        target: The run's folder, as the catalog names it. A link to the run's other place, on
            disk or in dCache, may be replaced: data move run by run.
        mounts: The facility's trees.

    Raises:
        Invalid: A part that is no folder, or a target that is another run's.
    """
    folder = layout.run_folder(run)
    disk = f"{layout.real_folder('raw', instrument, cycle, number, mounts)}/{folder}"
    store = f"{layout.archive_folder(instrument, cycle, number, mounts)}/{folder}"
    tail = disk.removeprefix(mounts.real("raw"))
    if not target.endswith(tail):
        rule = f"must end with {tail}"
        raise Invalid(f"target {target!a} {rule}", fields={"target": rule})
    others = {disk, store, layout.link_spelling(store, mounts)} - {target}
    path = f"{layout.proposal_root(instrument, cycle, number, mounts)}/raw/{folder}"
    return LinkPlan(path, target, tuple(sorted(others)))
