"""A state machine as a table: rows say everything, code only looks them up.

Every lifecycle of the system is a `Machine`: a tuple of `Edge` rows. The same rows
answer the API, drive the flows, are drawn in the handbook and are walked one by one
in the tests, so a rule exists in one place.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from policies.errors import Forbidden, Refused
from policies.vocabulary import Role, Work

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
F = TypeVar("F")


@dataclass(frozen=True)
class Guard(Generic[F]):
    """A named condition on the facts; pure.

    Attributes:
        name: Shown on the drawing.
        otherwise: Sentence the user reads when it does not hold; `{…}` fields are
            filled from the facts.
        holds: Predicate on the facts.
        overridable: Whether an administrator may pass it with a reason.
    """

    name: str
    otherwise: Callable[[F], str] = field(compare=False, repr=False)
    holds: Callable[[F], bool] = field(compare=False, repr=False)
    overridable: bool = True


@dataclass(frozen=True)
class Edge(Generic[S, E, F]):
    """One row: from `source`, on `event`, to `target`.

    Attributes:
        by: Roles that may ask for it.
        needs: Guards that must all hold.
        then: Flows to start once it is recorded.
        because: The rule in a sentence, with its source.
        reason: Whether a reason must be given.
    """

    source: S
    event: E
    target: S
    by: frozenset[Role]
    needs: tuple[Guard[F], ...] = ()
    then: tuple[Work, ...] = ()
    because: str = ""
    reason: bool = False


@dataclass(frozen=True)
class Veto(Generic[S, E, F]):
    """A cross-cutting no, consulted before the table.

    Attributes:
        name: Shown in refusals.
        objects: Predicate: does it speak against this row with these facts?
        otherwise: Sentence the user reads, from the facts; only asked when it objects.
    """

    name: str
    objects: Callable[[Edge[S, E, F], F], bool] = field(compare=False, repr=False)
    otherwise: Callable[[F], str] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Decision(Generic[S, E, F]):
    """What `decide` answers.

    Attributes:
        row: The row that applies.
        overridden: Names of the guards an administrator passed with a reason.
    """

    row: Edge[S, E, F]
    overridden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine(Generic[S, E, F]):
    """A lifecycle: its states, events and the rows between them.

    Raises:
        ValueError: At import, if the table contradicts itself (two rows for one
            source and event, an unused event, a state nothing leads to, a dead end
            that is not an end).
    """

    name: str
    states: type[S]
    events: type[E]
    start: S
    ends: frozenset[S]
    edges: tuple[Edge[S, E, F], ...]
    vetoes: tuple[Veto[S, E, F], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table that contradicts itself."""
        keys = [(edge.source, edge.event) for edge in self.edges]
        faults = [f"two rows for {key}" for key in set(keys) if keys.count(key) > 1]
        faults += [f"unused event {e}" for e in set(self.events) - {e.event for e in self.edges}]
        reached = {self.start}
        while grown := {e.target for e in self.edges if e.source in reached} - reached:
            reached |= grown
        faults += [f"unreachable {s}" for s in set(self.states) - reached]
        leaving = {e.source for e in self.edges if e.target is not e.source}
        faults += [f"dead end {s}" for s in set(self.states) - leaving - self.ends]
        faults += [f"nobody may ask {e.event} from {e.source}" for e in self.edges if not e.by]
        if faults:
            raise ValueError(f"{self.name}: {'; '.join(sorted(faults))}")

    def row(self, state: S, event: E) -> Edge[S, E, F] | None:
        """The row for a state and an event, or None."""
        return next((e for e in self.edges if (e.source, e.event) == (state, event)), None)

    def possible(self, state: S, roles: Set[Role], facts: F) -> list[str]:
        """Events that these roles could put now, sorted."""
        rows = [e for e in self.edges if e.source is state and e.by & roles]
        free = [e for e in rows if not any(v.objects(e, facts) for v in self.vetoes)]
        return sorted(e.event for e in free if all(g.holds(facts) for g in e.needs))

    def decide(
        self, state: S, event: E, roles: Set[Role], facts: F, reason: str = ""
    ) -> Decision[S, E, F]:
        """Find the row that applies.

        Args:
            state: Where the thing stands now.
            event: What is asked.
            roles: Roles the actor holds on this thing.
            facts: What the guards look at; gathered by the caller.
            reason: Why; an administrator's reason passes overridable guards.

        Raises:
            Forbidden: Not the actor's to ask.
            Refused: No such row, a veto, a missing reason, or a guard does not hold; the
                message says which and what is possible instead.
        """
        row = self.row(state, event)
        if row is None:
            raise Refused(
                f"{event!s} is not possible from {_label(state)}",
                possible=self.possible(state, roles, facts),
                state=state,
            )
        if not row.by & roles:
            raise Forbidden(
                f"{event!s} from {_label(state)} may be asked by {_names(row.by)}",
                needs=sorted(row.by),
                has=sorted(roles),
                possible=self.possible(state, roles, facts),
            )
        for veto in self.vetoes:
            if veto.objects(row, facts):
                raise Refused(
                    veto.otherwise(facts),
                    veto=veto.name,
                    possible=self.possible(state, roles, facts),
                )
        if row.reason and not reason.strip():
            raise Refused(
                f"{event!s} needs a reason",
                guard="reason",
                possible=self.possible(state, roles, facts),
            )
        failed = [guard for guard in row.needs if not guard.holds(facts)]
        override = Role.ADMIN in roles and bool(reason.strip())
        for guard in failed:
            if not (guard.overridable and override):
                raise Refused(
                    guard.otherwise(facts),
                    guard=guard.name,
                    possible=self.possible(state, roles, facts),
                )
        return Decision(row, tuple(guard.name for guard in failed))

    def mermaid(self) -> str:
        """Draw the table as a Mermaid state diagram."""
        names = {state: state.name.lower() for state in self.states}
        lines = ["stateDiagram-v2", f"    [*] --> {names[self.start]}"]
        lines += [f"    {names[s]}: {_label(s)}" for s in self.states]
        for edge in self.edges:
            needs = f" [{', '.join(g.name for g in edge.needs)}]" if edge.needs else ""
            lines.append(f"    {names[edge.source]} --> {names[edge.target]}: {edge.event}{needs}")
        lines += [f"    {names[state]} --> [*]" for state in self.states if state in self.ends]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Write the table as a Markdown table."""
        head = "| from | event | to | by | needs | then | because |\n|---|---|---|---|---|---|---|"
        rows = ["| " + " | ".join(_cells(e)) + " |" for e in self.edges]
        return "\n".join([head, *rows])


def _label(state: StrEnum) -> str:
    return str(getattr(state, "label", state.value))


def _names(roles: Set[Role]) -> str:
    return ", ".join(sorted(roles))


def _cells(edge: Edge[S, E, F]) -> Sequence[str]:
    needs = [g.name for g in edge.needs] + (["reason"] if edge.reason else [])
    return [
        _label(edge.source),
        edge.event,
        _label(edge.target),
        _names(edge.by),
        ", ".join(needs),
        ", ".join(edge.then),
        edge.because,
    ]
