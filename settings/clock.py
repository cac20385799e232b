"""The one place that reads the wall clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The moment, aware, in UTC. Decisions never call this: they are told."""
    return datetime.now(UTC)  # noqa: TID251
