"""What the public door needs to know about where it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from catalog.engine import Database
from policies.public_record import PublicFile, Publisher


@dataclass(frozen=True)
class PublicSite:
    """What the public door needs.

    Attributes:
        database: The catalog; only read.
        publisher: The facility.
        zone: Its time zone, for civil days.
        clock: Says the instant, aware.
        locate: Says where an open file lies on this machine, None where it does not; None:
            files are listed here and fetched elsewhere.
    """

    database: Database
    publisher: Publisher
    zone: ZoneInfo
    clock: Callable[[], datetime]
    locate: Callable[[PublicFile], Path | None] | None = None

    @property
    def root(self) -> str:
        """Path below which the pages are reached from outside, without a slash at the end."""
        return urlsplit(self.publisher.base_url).path.rstrip("/")
