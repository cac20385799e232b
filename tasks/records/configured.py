"""What the site has configured, as flows need it."""

from policies import links
from policies.audit import AuditSettings
from settings.batch import BatchSettings
from settings.constants import ConstantsSettings
from settings.directory import DirectorySettings
from settings.links import link_secret
from settings.model import load


def directory() -> DirectorySettings | None:
    """The LDAP directory, None when the site has none."""
    return load().directory


def audit_rules() -> AuditSettings:
    """How strictly run files are judged here."""
    return load().audit.rules()


def constants_root() -> str:
    """Folder below which constants are kept; empty where none is configured."""
    here = load().constants
    return str(here.store) if here is not None else ""


def constants() -> ConstantsSettings | None:
    """The constants store and CalCat, None when the site has none."""
    return load().constants


def auto_deploy() -> bool:
    """Whether new constants come into use by themselves."""
    here = load().constants
    return here is not None and here.auto_deploy


def batch() -> BatchSettings | None:
    """The batch system, None when the site has none."""
    return load().batch


def report_link(path: str) -> str:
    """Address at which a report opens, for who sees this flow run."""
    here = load()
    return links.link(here.gateway.base, link_secret(here), path)
