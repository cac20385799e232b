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
    """Take an export over, part by part, so that other writers never wait long."""
    report = ImportReport()
    for part in rows.parts():
        with database().write() as session:
            report += import_rows(session, part, PORTAL, now())
    return report


def words(row: RowReport) -> str:
    """What became of a row, for a table."""
    said = [str(change) for change in row.changes] + list(row.warnings)
    return "; ".join(said + ([row.reason] if row.reason else []))
