"""What the site has configured, as flows need it."""

from settings.directory import DirectorySettings
from settings.model import load


def directory() -> DirectorySettings | None:
    """The LDAP directory, None when the site has none."""
    return load().directory
