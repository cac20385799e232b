"""The user portal (UPEX): where proposals, teams and beamtimes come from.

If it is down, the catalog keeps what it has: beamtimes run on, only news from the portal wait.
"""

from tasks.portal.client import HttpPortal
from tasks.portal.port import PortalPort

__all__ = ["HttpPortal", "PortalPort"]
