"""Reading: entries of people and groups as the server sends them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ldap3 import BASE, SUBTREE
from ldap3.core.exceptions import LDAPNoSuchObjectResult
from ldap3.utils.conv import escape_filter_chars

from settings.directory import DirectorySettings
from tasks.directory.names import same

GROUP_ATTRIBUTES = (
    "objectClass",
    "cn",
    "gidNumber",
    "description",
    "member",
    "memberUid",
    "entryUUID",
    "modifyTimestamp",
)
"""What is read of a group; the last two are operational and come only when named."""

_UIDS_PER_SEARCH = 50


@dataclass(frozen=True)
class Entry:
    """One entry: its DN and its values as text, attribute names in lower case."""

    dn: str
    values: Mapping[str, tuple[str, ...]]

    def all(self, attribute: str) -> tuple[str, ...]:
        """Every value, in the server's order."""
        return self.values.get(attribute.lower(), ())

    def one(self, attribute: str) -> str:
        """The first value, `""` when there is none."""
        return next(iter(self.all(attribute)), "")


@dataclass(frozen=True)
class Account:
    """A person of the directory: DN and login name as spelled there."""

    dn: str
    uid: str


def read_entry(connection: Any, dn: str, condition: str) -> Entry | None:  # noqa: ANN401
    """The entry at a DN, when it is there and meets the condition.

    Args:
        connection: From `connected`.
        dn: Where to look.
        condition: LDAP filter.
    """
    try:
        connection.search(dn, condition, BASE, attributes=[*GROUP_ATTRIBUTES, "uid"])
    except LDAPNoSuchObjectResult:
        return None
    return next(_entries(connection.response), None)


def search(
    connection: Any,  # noqa: ANN401
    base: str,
    condition: str,
    attributes: Iterable[str],
    settings: DirectorySettings,
    scope: str = SUBTREE,
) -> list[Entry]:
    """All entries below a base, page by page: servers cut longer answers off.

    Args:
        connection: From `connected`.
        base: DN to search below.
        condition: LDAP filter.
        attributes: What to read.
        settings: For the page size.
        scope: How deep.
    """
    answer = connection.extend.standard.paged_search(
        base,
        condition,
        scope,
        attributes=list(attributes),
        paged_size=settings.page_size,
        generator=True,
    )
    return list(_entries(answer))


def accounts(
    connection: Any,  # noqa: ANN401
    uids: Iterable[str],
    settings: DirectorySettings,
) -> dict[str, tuple[Account, ...]]:
    """The people behind login names, keyed by `names.same` of the name asked for.

    Args:
        connection: From `connected`.
        uids: Login names; unknown ones are left out of the answer.
        settings: Where people are and what makes a person.
    """
    wanted = {same(uid): uid for uid in uids if uid}
    found: dict[str, tuple[Account, ...]] = {}
    pending = iter(wanted.values())
    while chunk := list(islice(pending, _UIDS_PER_SEARCH)):
        for entry in search(
            connection, settings.people_base, _any_of(chunk, settings), ["uid"], settings
        ):
            for uid in entry.all("uid"):
                if same(uid) in wanted:
                    found[same(uid)] = (*found.get(same(uid), ()), Account(entry.dn, uid))
    return found


def _any_of(uids: Iterable[str], settings: DirectorySettings) -> str:
    any_uid = "".join(f"(uid={escape_filter_chars(uid)})" for uid in uids)
    return f"(&{person_filter(settings)}(|{any_uid}))"


def person_filter(settings: DirectorySettings) -> str:
    """LDAP filter that every possible member meets."""
    return f"(objectClass={escape_filter_chars(settings.person_class)})"


def instant(text: str) -> datetime | None:
    """A generalised time of the server as an aware UTC instant; None when empty.

    Args:
        text: Like `20260102030405Z`, possibly with a fraction, which is dropped.
    """
    digits = text[:14]
    if not digits:
        return None
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _entries(answer: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for item in answer:
        if item["type"] == "searchResEntry":
            yield Entry(
                item["dn"],
                {
                    name.lower(): tuple(value.decode("utf-8", "replace") for value in values)
                    for name, values in item["raw_attributes"].items()
                },
            )
