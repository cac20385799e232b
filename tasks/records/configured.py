"""What the site has configured, as flows need it."""

from policies.audit import AuditSettings
from settings.directory import DirectorySettings
from settings.model import load


def directory() -> DirectorySettings | None:
    """The LDAP directory, None when the site has none."""
    return load().directory


def audit_rules() -> AuditSettings:
    """How strictly run files are judged here."""
    return load().audit.rules()
