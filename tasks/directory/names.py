"""Names and DNs: what may be written, how it is escaped, when two are the same."""

import re

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import escape_rdn, parse_dn

from policies.errors import Invalid

NAME_LENGTH = 32
"""Longest group name; `useradd` and batch systems accept no more. Source: facility rules."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")
_ESCAPED = re.compile(r"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)


def checked_name(value: str, field: str) -> str:
    """The value, when a directory and a POSIX system can hold it as a name.

    Args:
        value: Name of a group or a login name.
        field: How the error calls it.

    Raises:
        Invalid: Empty, blank at an end, two blanks in a row (directories compare them as one), a
            control character, a colon (it separates the fields of `group` and `passwd`).
    """
    blanks = value != " ".join(value.split(" ")).strip() or "  " in value
    if not value or blanks or ":" in value or _CONTROL.search(value):
        raise Invalid(f"{field} {value!r} cannot be a name in the directory.", fields=[field])
    return value


def checked_group_name(value: str) -> str:
    """`checked_name` that is at most `NAME_LENGTH` characters long."""
    if len(value) > NAME_LENGTH:
        raise Invalid(f"name {value!r} is longer than {NAME_LENGTH} characters.", fields=["name"])
    return checked_name(value, "name")


def group_dn(name: str, base: str) -> str:
    """DN of a group directly below the base."""
    return f"cn={escape_rdn(name)},{base}"


def same(value: str) -> str:
    """A login name as directories compare it: any case, blanks as one."""
    return " ".join(value.split()).casefold()


def normal_dn(dn: str) -> str:
    """A DN such that equal entries give equal text, whatever the escapes, blanks and case.

    Text that is no DN comes back as it is: it then equals only itself.
    """
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except LDAPInvalidDnError:
        return dn
    return "\0".join(f"{kind.lower()}={same(_plain(value))}{end}" for kind, value, end in parts)


def uid_of(dn: str) -> str | None:
    """Login name in the first component of a DN; None when that is not a `uid`."""
    try:
        kind, value, end = parse_dn(dn, escape=False, strip=True)[0]
    except (LDAPInvalidDnError, IndexError):
        return None
    return _plain(value) if kind.lower() == "uid" and end != "+" else None


def _plain(value: str) -> str:
    """Undo the escapes of RFC 4514; hex pairs are bytes of UTF-8."""
    data = b"".join(_bytes_of(value))
    return data.decode("utf-8", "replace")


def _bytes_of(value: str) -> list[bytes]:
    parts, end = [], 0
    for found in _ESCAPED.finditer(value):
        parts.append(value[end : found.start()].encode())
        pair, letter = found.groups()
        parts.append(bytes.fromhex(pair) if pair else letter.encode())
        end = found.end()
    return [*parts, value[end:].encode()]
