"""What an import from the user portal came to, for people and programs."""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum

NOTHING = "---"
"""Shown for a value that is not there, as in the history tab of the slides."""


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    """New in the catalog."""
    UPDATED = "updated"
    """Something changed."""
    UNCHANGED = "unchanged"
    """The catalog says the same already."""
    REFUSED = "refused"
    """A rule says no; kept in the inbox, nothing of it was taken over."""


@dataclass(frozen=True)
class FieldChange:
    """One change in words.

    Attributes:
        field: What changed.
        old: Former value in words, `---` for none.
        new: New value in words, `---` for none.
    """

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        """`field: old ⇒ new`."""
        return f"{self.field}: {self.old} ⇒ {self.new}"


@dataclass(frozen=True)
class RowReport:
    """What became of one row.

    Attributes:
        kind: `user`, `cycle` or `proposal`.
        key: Account, cycle and instrument, or proposal number.
        outcome: In one word.
        changes: Field by field; empty unless created or updated.
        warnings: What was taken over although it looks odd.
        reason: Why it was refused, one sentence.
        inbox_id: Inbox row that keeps a refused row, None otherwise.
        work: Key of the work asked for, empty for none.
    """

    kind: str
    key: str
    outcome: Outcome
    changes: tuple[FieldChange, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""
    inbox_id: int | None = None
    work: str = ""


@dataclass(frozen=True)
class ImportReport:
    """An import, row by row in the order of the export; refused rows come last.

    Attributes:
        users: One per user that is new, changed or refused; unchanged ones are only counted.
        cycles: One per cycle.
        proposals: One per proposal.
        unchanged_users: Users that are as before.
    """

    users: tuple[RowReport, ...] = ()
    cycles: tuple[RowReport, ...] = ()
    proposals: tuple[RowReport, ...] = ()
    unchanged_users: int = 0

    @property
    def all_rows(self) -> tuple[RowReport, ...]:
        """Users, cycles and proposals together."""
        return (*self.users, *self.cycles, *self.proposals)

    @property
    def refused(self) -> tuple[RowReport, ...]:
        """Every refused row, whatever its kind."""
        return tuple(row for row in self.all_rows if row.outcome is Outcome.REFUSED)

    @property
    def changed(self) -> bool:
        """Whether the catalog says anything new."""
        new = {Outcome.CREATED, Outcome.UPDATED}
        return any(row.outcome in new for row in self.all_rows)

    def count(self, kind: str, outcome: Outcome) -> int:
        """How many rows of one kind ended so."""
        extra = self.unchanged_users if (kind, outcome) == ("user", Outcome.UNCHANGED) else 0
        return extra + sum(r.kind == kind and r.outcome is outcome for r in self.all_rows)

    def __add__(self, later: "ImportReport") -> "ImportReport":
        """Both reports as one; a proposal that only got work in the first is told once."""
        asked = {r.key: r.work for r in self.proposals if r.work}
        again = {r.key for r in later.proposals}
        silent = {r.key for r in self.proposals if r.outcome is Outcome.UNCHANGED} & again
        return ImportReport(
            users=(*self.users, *later.users),
            cycles=(*self.cycles, *later.cycles),
            proposals=(
                *(r for r in self.proposals if r.key not in silent),
                *(replace(r, work=r.work or asked.get(r.key, "")) for r in later.proposals),
            ),
            unchanged_users=self.unchanged_users + later.unchanged_users,
        )

    def sentence(self) -> str:
        """The import in one sentence."""
        tally = Counter(row.outcome for row in self.proposals)
        words = ", ".join(f"{tally[o]} {o}" for o in Outcome if tally[o]) or "none"
        others = sum(row.kind != "proposal" for row in self.refused)
        tail = f"; {others} users or cycles refused" if others else ""
        return f"proposals: {words}{tail}"

    def rows(self) -> list[dict[str, str]]:
        """Rows for a table: everything but what is unchanged and silent."""
        return [
            {
                "row": f"{row.kind} {row.key}",
                "outcome": str(row.outcome),
                "said": "; ".join([*map(str, row.changes), *row.warnings, row.reason]).strip("; "),
                "inbox": "" if row.inbox_id is None else str(row.inbox_id),
            }
            for row in self.all_rows
            if row.outcome is not Outcome.UNCHANGED or row.warnings
        ]
