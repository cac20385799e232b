"""Read-back: does the directory hold what we think it holds?"""

from collections.abc import Iterator

from tasks.directory.names import same
from tasks.directory.port import DirectoryPort, GroupSpec, GroupState


def check_group(directory: DirectoryPort, expected: GroupSpec) -> list[str]:
    """Every difference between the directory and the catalog, in words; empty when none.

    Args:
        directory: Where to look; nothing is written.
        expected: The group as the catalog has it.

    Raises:
        Unavailable: The directory does not answer, which says nothing about drift.
        Denied: It does not let us read.
    """
    found = directory.get_group(expected.name)
    others = [name for name in directory.names_with_gid(expected.gid) if name != expected.name]
    drift = [f"gid {expected.gid} of {expected.name} is also the gid of {name}" for name in others]
    if found is None:
        return [f"group {expected.name} is missing", *drift]
    known = directory.known_people(expected.member_uids)
    return [*_entry_drift(expected, found), *_member_drift(expected, found, known), *drift]


def _entry_drift(expected: GroupSpec, found: GroupState) -> Iterator[str]:
    if found.gid != expected.gid:
        yield f"group {expected.name} has gid {found.gid} instead of {expected.gid}"
    if found.description != expected.description:
        yield (
            f"group {expected.name} is described as {found.description!r} "
            f"instead of {expected.description!r}"
        )
    for defect in found.defects:
        yield f"group {expected.name} {defect}"


def _member_drift(expected: GroupSpec, found: GroupState, known: frozenset[str]) -> Iterator[str]:
    present = {same(uid) for uid in found.member_uids}
    wanted = {same(uid) for uid in expected.member_uids}
    for uid in expected.member_uids:
        if uid not in known:
            yield f"{uid} should be in {expected.name} but is not in the directory"
        elif same(uid) not in present:
            yield f"{uid} is missing from {expected.name}"
    for uid in found.member_uids:
        if same(uid) not in wanted:
            yield f"{uid} is in {expected.name} but should not be"
    for value in found.strangers:
        yield f"{expected.name} has the member {value!r}, who is nobody in the directory"
