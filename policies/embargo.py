"""Why a release date is what it is, what comes next, and who can change it.

Everything follows from the data policy that a proposal is pinned to and from recorded facts; a
stored date is explained, never replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from policies.data_policy import DataPolicy
from policies.policy_words import Anchor, Consent
from policies.release import (
    OnAnchorChange,
    drift,
    first_open_day,
    keep_or_extend,
    release_at,
)
from policies.veto import holds
from policies.vocabulary import ReleaseState

VERSION = "embargo-1"
"""Written into every journal row that these rules decided."""

ALARM_AFTER = timedelta(hours=24)
"""Due and not open for longer than this is told to people."""


@dataclass(frozen=True)
class EmbargoFacts:
    """What is recorded about a proposal's embargo.

    Attributes:
        now: The instant of asking, aware.
        beamtime_ends: Ends of its available beamtimes, aware.
        proposal_end: The proposal's own end.
        data_created: End of its last run.
        dataset_created: When its last data set was registered.
        stored: The date on record; None: none yet.
        opens_early_at: From when it may open before; None: only by date.
        openly_released_at: When it was opened; None: never.
        state: Where its release stands.
        restriction: Why it opens on no date; empty: it does.
        hold: Its holds as they are kept.
        system: System of the portal, for example `U`.
        extensions: Later dates that were granted.
    """

    now: datetime
    beamtime_ends: tuple[datetime, ...] = ()
    proposal_end: datetime | None = None
    data_created: datetime | None = None
    dataset_created: datetime | None = None
    stored: datetime | None = None
    opens_early_at: datetime | None = None
    openly_released_at: datetime | None = None
    state: ReleaseState = ReleaseState.EMBARGOED
    restriction: str = ""
    hold: str = ""
    system: str = "U"
    extensions: int = 0


@dataclass(frozen=True)
class Plan:
    """An embargo in words and dates.

    Attributes:
        release_at: The date that counts: the stored one; None: it opens on no date.
        computed: What the policy says now; None: nothing can be computed.
        first_open_day: First civil day that is open from midnight on.
        latest_at: The latest date that extensions can reach; None: no limit is stated, or none
            are possible.
        notices: When people are told, the first first.
        because: Why the date is what it is.
        follows: What comes next.
        who: Who can change it, and how.
    """

    release_at: datetime | None
    computed: datetime | None
    first_open_day: date | None
    latest_at: datetime | None
    notices: tuple[datetime, ...]
    because: tuple[str, ...]
    follows: tuple[str, ...]
    who: tuple[str, ...]


def anchors(policy: DataPolicy, facts: EmbargoFacts) -> tuple[tuple[datetime, ...], str]:
    """The instants from whose last the embargo counts, and what they are.

    Without any the proposal's own end is taken: the result is provisional.
    """
    found: dict[Anchor, tuple[Sequence[datetime | None], str]] = {
        Anchor.LAST_BEAMTIME_END: (facts.beamtime_ends, "the end of its last beamtime"),
        Anchor.EXPERIMENT_END: (facts.beamtime_ends, "the end of its experiment"),
        Anchor.DATA_CREATED: ((facts.data_created,), "the end of its last run"),
        Anchor.DATASET_CREATED: ((facts.dataset_created,), "its last data set"),
        Anchor.PROPOSAL_END: ((facts.proposal_end,), "the proposal's own end"),
    }
    instants, words = found[policy.embargo.anchor]
    known = tuple(at for at in instants if at is not None)
    if known:
        return known, words
    if facts.proposal_end is not None:
        return (facts.proposal_end,), "the proposal's own end, provisionally"
    return (), words


def computed_release(policy: DataPolicy, facts: EmbargoFacts) -> datetime | None:
    """When the embargo ends by the policy; None: on no date, or nothing is known to count from."""
    span = policy.embargo.duration
    instants, _ = anchors(policy, facts)
    if span is None or span.forever or policy.exempts(facts.system) or not instants:
        return None
    if (span.months, span.days, span.hours) == (0, 0, 0):
        years, end = span.years, policy.embargo.end_of_year
        return release_at(instants, policy.zone, years=years, end_of_year=end)
    return span.after(max(instants), policy.zone)


def stored_release(
    policy: DataPolicy, facts: EmbargoFacts
) -> tuple[datetime | None, timedelta | None]:
    """The date to store, and how far it lies from the computed one.

    Returns:
        The date, and the difference; None where they agree or one is missing.
    """
    computed = computed_release(policy, facts)
    kept = keep_or_extend(facts.stored, computed, policy.embargo.on_anchor_change)
    return kept, drift(kept, computed)


def latest(policy: DataPolicy, facts: EmbargoFacts) -> datetime | None:
    """The latest date that granted extensions can reach.

    Returns:
        None: no limit is stated, or there are no extensions.
    """
    rules, base = policy.embargo.extension, computed_release(policy, facts)
    instants, _ = anchors(policy, facts)
    if not rules.allowed or base is None:
        return None
    found = []
    if rules.max_total is not None and (end := rules.max_total.after(max(instants), policy.zone)):
        found.append(end)
    if rules.max_count is not None and rules.step is not None:
        more = rules.step.times(rules.max_count).after(base, policy.zone)
        found += [more] if more is not None else []
    return min(found, default=None)


def plan(policy: DataPolicy, facts: EmbargoFacts) -> Plan:
    """Explain an embargo.

    Args:
        policy: What the proposal is pinned to.
        facts: What is recorded.
    """
    computed = computed_release(policy, facts)
    closed = facts.state in {ReleaseState.RESTRICTED, ReleaseState.WITHDRAWN}
    counts = None if closed else facts.stored or computed
    notices = sorted(
        span.before(counts, policy.zone) for span in policy.embargo.notify_before if counts
    )
    return Plan(
        release_at=counts,
        computed=computed,
        first_open_day=first_open_day(counts, policy.zone) if counts else None,
        latest_at=None if closed else latest(policy, facts),
        notices=tuple(notices),
        because=tuple(_because(policy, facts, computed)),
        follows=tuple(_follows(policy, facts, counts, notices)),
        who=tuple(_who(policy, facts)),
    )


def _day(policy: DataPolicy, at: datetime) -> str:
    return f"{at.astimezone(policy.zone):%Y-%m-%d %H:%M:%S}"


def _because(policy: DataPolicy, facts: EmbargoFacts, computed: datetime | None) -> list[str]:
    said = [f"policy {policy.id}, version {policy.version}: {policy.title}"]
    if facts.restriction:
        said.append(f"restricted, it opens on no date: {facts.restriction}")
    if policy.exempts(facts.system):
        systems = ", ".join(policy.applies_to.proposal_systems)
        return [*said, f"the policy is for proposals of {systems}, this one is of {facts.system}"]
    span, (instants, words) = policy.embargo.duration, anchors(policy, facts)
    if span is None:
        return [*said, "the policy states no embargo that ends by date"]
    if not instants or computed is None:
        return [*said, f"{span} from {words}, which is not known yet"]
    said.append(
        f"{span} by the calendar of {policy.timezone} from {words},"
        f" {_day(policy, max(instants))}: {_day(policy, computed)}"
    )
    return said + _differs(policy, facts, computed)


def _differs(policy: DataPolicy, facts: EmbargoFacts, computed: datetime) -> list[str]:
    said = []
    if facts.stored is not None and drift(facts.stored, computed):
        rule = {
            OnAnchorChange.EXTEND_ONLY: "an embargo is never shortened by itself",
            OnAnchorChange.KEEP: "the first date stays",
            OnAnchorChange.RECOMPUTE: "it will follow at the next import",
        }[policy.embargo.on_anchor_change]
        granted = f", {facts.extensions} extensions were granted" if facts.extensions else ""
        said.append(f"on record is {_day(policy, facts.stored)}{granted}; {rule}")
    if facts.opens_early_at is not None:
        said.append(f"may open early, from {_day(policy, facts.opens_early_at)} on")
    return said


def _follows(
    policy: DataPolicy, facts: EmbargoFacts, counts: datetime | None, notices: list[datetime]
) -> list[str]:
    standing = [f"a {kind} stands: {why}" for kind, why in holds(facts.hold).items()]
    said = [f"{text}; nothing opens before it is lifted" for text in standing]
    if facts.state is ReleaseState.OPEN and facts.openly_released_at is not None:
        return [*said, f"open since {_day(policy, facts.openly_released_at)}"]
    if facts.state is ReleaseState.RECLOSED:
        return [*said, "was open and was closed again; a person decides what comes next"]
    opens = min((at for at in (counts, facts.opens_early_at) if at is not None), default=None)
    if opens is None:
        return [*said, "it opens on no date"]
    if opens <= facts.now:
        late = facts.now - opens > ALARM_AFTER
        more = ", for more than a day: somebody must look" if late else ""
        return [*said, f"the embargo is over; the nightly release opens it{more}"]
    coming = [at for at in notices if at > facts.now]
    said += [f"people are told on {_day(policy, coming[0])[:10]}"] if coming else []
    mode = policy.access_after_release.mode.words
    return [*said, f"opens on {_day(policy, opens)}, {mode}, under {policy.licence.data}"]


def _who(policy: DataPolicy, facts: EmbargoFacts) -> list[str]:
    if facts.state in {ReleaseState.OPEN, ReleaseState.WITHDRAWN}:
        return ["the administration may close it again after an incident, with a reason"]
    said, rules, early = [], policy.embargo.extension, policy.embargo.early_release
    if rules.allowed:
        limits = [f"{rules.step} at a time"] if rules.step else []
        limits += [f"{rules.max_count} times at the most"] if rules.max_count else []
        end = latest(policy, facts)
        limits += [f"until {_day(policy, end)} at the latest"] if end else []
        said.append(
            f"later: {_roles(rules.by)} may ask, {rules.approver} decides"
            + (f" ({', '.join(limits)})" if limits else "")
        )
    waits = {
        Consent.NONE: "",
        Consent.NO_OBJECTION: f", if nobody objects within {early.objection_period}",
        Consent.ON_DOI_CREATION: ", with the making of a DOI",
        Consent.ON_PUBLICATION: ", with the publication of the results",
    }[early.consent]
    said.append(f"earlier: {_roles(early.by)} may ask{waits}")
    said.append(f"on no date: the administration, for {', '.join(_reasons(policy))}")
    return said


def _roles(roles: Sequence[str]) -> str:
    return " or ".join(str(role) for role in roles) or "nobody"


def _reasons(policy: DataPolicy) -> list[str]:
    found = policy.embargo.permanent_restriction_reasons
    return [reason.replace("_", " ") for reason in found] or ["a named reason"]
