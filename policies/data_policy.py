"""What a facility's data policy says, as values; the same for every facility.

Source: the elements follow the public data policies of European XFEL, ESRF, ISIS, Diamond, PSI,
ILL, SOLEIL, Elettra, HZB and EMFL; the words of the choices are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.archival import ArchivalRules
from policies.data_keeping import Copies, Deletion, Stage
from policies.durations import Span
from policies.policy_words import (
    AccessMode,
    Anchor,
    Consent,
    MintAt,
    PublicAt,
    Publish,
)
from policies.reading import read
from policies.release import OnAnchorChange
from policies.vocabulary import Role

VERSION = "data-policy-1"
"""Version of the form itself; written into journal rows about policies."""


_COPIES, _DELETION, _USUAL = Copies(), Deletion(), ArchivalRules()


@dataclass(frozen=True)
class Extension:
    """Later dates on request.

    Attributes:
        allowed: Whether there are any.
        by: Who may ask.
        approver: Who decides, as the facility calls it.
        reason_required: Whether a reason must be given.
        step: What one request gives at the most; None: no limit is stated.
        max_count: Requests that may be granted; None: no limit is stated.
        max_total: Whole embargo at the most, extensions included; None: no limit is stated.
        override_by: Who may pass the limits, with a reason.
    """

    allowed: bool = True
    by: tuple[Role, ...] = (Role.PI, Role.MP)
    approver: str = "management"
    reason_required: bool = True
    step: Span | None = None
    max_count: int | None = None
    max_total: Span | None = None
    override_by: tuple[Role, ...] = (Role.ADMIN,)


@dataclass(frozen=True)
class EarlyRelease:
    """Opening before the date.

    Attributes:
        by: Who may ask.
        consent: What it waits for.
        answer_within: When an answer is promised; None: none is.
        objection_period: How long others may object.
    """

    by: tuple[Role, ...] = (Role.PI, Role.MP)
    consent: Consent = Consent.NONE
    answer_within: Span | None = None
    objection_period: Span | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that cannot be followed."""
        if self.consent is Consent.NO_OBJECTION and self.objection_period is None:
            raise ValueError("consent no_objection needs an objection_period")


@dataclass(frozen=True)
class Embargo:
    """How long data stay closed.

    Attributes:
        duration: From the anchor on; None: no rule is known, nothing opens by date.
        anchor: From when it counts.
        end_of_year: Whether it counts from the end of the anchor's calendar year.
        on_anchor_change: What becomes of a stored date when the anchor moves.
        covers: Kinds of data.
        extension: Later dates.
        early_release: Earlier dates.
        permanent_restriction_reasons: For what data never open by date.
        notify_before: When people are told, before the end.
    """

    duration: Span | None = None
    anchor: Anchor = Anchor.LAST_BEAMTIME_END
    end_of_year: bool = False
    on_anchor_change: OnAnchorChange = OnAnchorChange.EXTEND_ONLY
    covers: tuple[str, ...] = ("raw",)
    extension: Extension = Extension()
    early_release: EarlyRelease = EarlyRelease()
    permanent_restriction_reasons: tuple[str, ...] = ()
    notify_before: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other."""
        total = self.extension.max_total
        if total and self.duration and total.roughly_days < self.duration.roughly_days:
            raise ValueError("extension.max_total is shorter than the embargo itself")
        if any(span.forever for span in self.notify_before):
            raise ValueError("notify_before cannot be forever")


@dataclass(frozen=True)
class Access:
    """Who gets the data once they are open."""

    mode: AccessMode = AccessMode.ON_REQUEST


@dataclass(frozen=True)
class MetadataVisibility:
    """What of the metadata is public, and from when."""

    public_at: PublicAt = PublicAt.DOI_PUBLICATION
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Licences:
    """SPDX identifiers of the licences of data and metadata."""

    data: str = "CC-BY-4.0"
    metadata: str = "CC0-1.0"


@dataclass(frozen=True)
class DoiRules:
    """DOIs: `pattern` may use `{prefix}`, `{number}`, `{version}` and `{proposal}`."""

    prefix: str
    pattern: str
    mint_at: MintAt = MintAt.PROPOSAL_CREATED
    publish: Publish = Publish.MANUAL
    hide_allowed: bool = True
    granularity: tuple[str, ...] = ("proposal",)

    def __post_init__(self) -> None:
        """Refuse a pattern that makes no DOI."""
        try:
            made = self.doi(2012, 0)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"pattern {self.pattern!r} cannot be filled: {error}") from None
        if not made.startswith(f"{self.prefix}/"):
            raise ValueError("pattern must begin with {prefix}/")

    def doi(self, number: int, version: int = 0) -> str:
        """The DOI of a proposal."""
        return self.pattern.format(
            prefix=self.prefix, number=number, version=version, proposal=number
        )


@dataclass(frozen=True)
class Dmp:
    """Data management plans."""

    required: bool = False
    template: bool = False


@dataclass(frozen=True)
class AppliesTo:
    """Which proposals it is for: systems of the portal, and kinds that are exempt."""

    proposal_systems: tuple[str, ...] = ("U",)
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataPolicy:
    """A version of a data policy; never changed once a proposal was pinned to it.

    Attributes:
        id: Its name, for example `euxfel-2025`.
        version: Counts up with every change.
        title: For people.
        source: Where it is published, in words.
        timezone: Whose calendar counts.
        valid_from: First day of beamtimes that it is for.
        valid_to: Last day; None: until another follows.
        assumed: Places whose value the facility does not state: it is inherited or ours.
    """

    id: str
    version: int
    title: str
    timezone: str
    embargo: Embargo
    doi: DoiRules
    source: str = ""
    valid_from: date = date(2000, 1, 1)
    valid_to: date | None = None
    applies_to: AppliesTo = AppliesTo()
    access_after_release: Access = Access()
    metadata_visibility: MetadataVisibility = MetadataVisibility()
    licence: Licences = Licences()
    retention: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    copies: Copies = _COPIES
    archival: ArchivalRules = _USUAL
    deletion: Deletion = _DELETION
    dmp: Dmp = Dmp()
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone {self.timezone!r} is not known") from None
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        for kind, stages in self.retention.items():
            tiers = [stage.tier for stage in stages]
            for stage in stages:
                if strange := set(stage.after) - set(tiers):
                    raise ValueError(f"retention.{kind}: after names {', '.join(strange)}")
        for place in self.assumed:
            _follow(self, place)

    @property
    def zone(self) -> ZoneInfo:
        """Whose calendar counts."""
        return ZoneInfo(self.timezone)

    def covers_day(self, day: date) -> bool:
        """Whether it is for a beamtime that begins on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def exempts(self, system: str, kind: str = "") -> bool:
        """Whether a proposal of this system and kind opens on no date."""
        return system not in self.applies_to.proposal_systems or kind in self.applies_to.exempt


def _follow(policy: DataPolicy, place: str) -> None:
    """Refuse a place that does not exist: a remark on nothing helps nobody."""
    found: Any = policy
    for name in place.split("."):
        known = name in found if isinstance(found, Mapping) else hasattr(found, name)
        if not known:
            raise ValueError(f"assumed names {place}, which is not there")
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)


def policy_of(document: Mapping[str, Any]) -> DataPolicy:
    """A policy from its whole document, inherited values included.

    Raises:
        Invalid: A field is unknown, missing or wrong; names the place and the rule.
    """
    return read(DataPolicy, document, str(document.get("id", "policy")))


def in_force(policies: tuple[DataPolicy, ...], day: date) -> DataPolicy | None:
    """The policy for a beamtime that begins on a day; of several the one that began last."""
    found = [policy for policy in policies if policy.covers_day(day)]
    return max(found, key=lambda p: (p.valid_from, p.version), default=None)
