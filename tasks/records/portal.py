"""The portal's export, taken over into the catalog."""

from catalog.commands.portal import apply as import_rows
from policies.actor import PORTAL
from policies.errors import Misconfigured
from policies.portal_export import Export
from policies.portal_report import ImportReport, RowReport
from settings.model import load
from settings.portal import PortalSettings
from tasks.records.base import database, now


def configured() -> bool:
    """Whether this site has a user portal."""
    return load().portal is not None


def settings() -> PortalSettings:
    """How the portal is reached.

    Raises:
        Misconfigured: No portal is configured.
    """
    found = load().portal
    if found is None:
        raise Misconfigured("portal.url is not set")
    return found


def apply(rows: Export) -> ImportReport:
    """Take an export over, in one transaction."""
    with database().write() as session:
        return import_rows(session, rows, PORTAL, now())


def words(row: RowReport) -> str:
    """What became of a row, for a table."""
    said = [str(change) for change in row.changes] + list(row.warnings)
    return "; ".join(said + ([row.reason] if row.reason else []))
