"""Dates, sizes and kinds as people read them."""

import re
from datetime import date

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_KINDS = {
    "HostingInstitution": "Hosting institution",
    "IsSupplementTo": "Paper about these data",
    "IsCollectedBy": "Measured with",
    "HasPart": "Contains",
    "IsPartOf": "Part of",
    "IsNewVersionOf": "Newer than",
    "IsPreviousVersionOf": "Older than",
}


def day_in_words(day: date) -> str:
    """`7 March 2027`; no month can be taken for a day."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def amount(size_bytes: int) -> str:
    """Bytes with a decimal unit and at most three digits, for example `1.23 TB`."""
    size, units = float(size_bytes), ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    at = 0
    while size >= 999.5 and at < len(units) - 1:  # noqa: PLR2004 - rounds to 1000
        size, at = size / 1000, at + 1
    return f"{size:.3g} {units[at]}" if at else f"{size_bytes} bytes"


def kind_in_words(kind: str) -> str:
    """A word of DataCite's vocabulary: `DataCollector` becomes `Data collector`."""
    return _KINDS.get(kind) or re.sub(r"(?<=[a-z])([A-Z])", r" \1", kind).capitalize()
