"""What the rest of the system may ask of the user portal."""

from datetime import datetime
from typing import Protocol

from policies.portal_export import Export


class PortalPort(Protocol):
    """A user portal: only ever read."""

    def export(self, since: datetime | None = None) -> Export:
        """Everything, or what changed since an instant.

        Args:
            since: Aware; None asks for everything.

        Raises:
            Unavailable: It does not answer, or not to the end; trying again may help.
            Denied: It understood and said no; an operator must act.
            Invalid: It answered something else than an export.
            Mismatch: Its pages do not fit together.
        """

    def check(self) -> str:
        """Whom the portal takes us for, in words; raises as `export` does."""
