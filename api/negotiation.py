"""Which form of a page a request asks for.

Source: RFC 9110 section 12.5.1. Never 406: who asks for something else gets the page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from api.formats import Form

_PART = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*")+)')
_PARAMETER = re.compile(r';\s*([\w.+-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
LONGEST = 2000
"""Characters of an `Accept` that are read; a browser's has about 150."""

HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Range:
    """One entry of an `Accept` header.

    Attributes:
        media: Such as `text/turtle` or `text/*`.
        profile: Its profile; empty: none.
        weight: Between 0 and 1.
    """

    media: str
    profile: str
    weight: float

    def fits(self, media: str, profile: str) -> int:
        """How exactly it names a form; 0: not at all."""
        if self.profile:
            return 4 if (self.media, self.profile) == (media, profile) else 0
        if self.media == media:
            return 3
        if self.media == f"{media.partition('/')[0]}/*":
            return 2
        return int(self.media == "*/*")


def ranges(accept: str) -> list[Range]:
    """The entries of an `Accept` header; what cannot be read is passed over."""
    found = []
    for part in _PART.findall(accept[:LONGEST]):
        media = part.partition(";")[0].strip().lower()
        said = {n.lower(): v.strip('"') for n, v in _PARAMETER.findall(part)}
        try:
            weight = float(said.get("q", "1"))
        except ValueError:
            continue
        if "/" in media and 0 <= weight <= 1:
            found.append(Range(media, said.get("profile", ""), weight))
    return found


def choose(accept: str, forms: Sequence[Form]) -> Form | None:
    """The form that a request likes best; None: the page in HTML.

    Of forms with equal weight the one named more exactly wins, so `text/turtle, */*` gets
    Turtle; where that is equal too, the page wins.

    Args:
        accept: The header; empty: anything.
        forms: What there is.
    """
    wanted = ranges(accept) or [Range("*/*", "", 1.0)]
    best = max(_liking(wanted, media, "") for media in HTML)
    chosen = None
    for form in forms:
        for media in (form.media, *form.aliases):
            liking = _liking(wanted, media, form.profile)
            if liking[0] > 0 and liking > best:
                best, chosen = liking, form
    return chosen


def _liking(wanted: Sequence[Range], media: str, profile: str) -> tuple[float, int]:
    """Weight and exactness of the most exact entry that fits."""
    fitting = [(fit, r.weight) for r in wanted if (fit := r.fits(media, profile))]
    exactness, weight = max(fitting, default=(0, 0.0))
    return weight, exactness
