"""Reference rows of a facility: what the catalog knows before the first proposal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from catalog.commands.journal import record
from catalog.reference_families import FAMILIES, Family, Link
from policies.actor import Actor
from policies.errors import Misconfigured, Mismatch
from policies.vocabulary import Subject

VERSION = "reference 1"
"""Version of the rules by which rows are matched; stands in the journal."""

Values = Mapping[str, Any]


class FacilityRows(Protocol):
    """A facility description that can say its rows."""

    def rows(self) -> Mapping[str, Sequence[Values]]:
        """Rows by table; a row names another one by its identifier."""


@dataclass
class Summary:
    """What loading a facility file did.

    Attributes:
        added: New rows by table.
        changed: Rows with other values than before, by table.
        same: Rows found as they should be, by table.
        notes: What a person should know, in sentences.
    """

    added: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    same: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


def load_facility(session: Session, facility: FacilityRows, now: datetime, actor: Actor) -> Summary:
    """Bring the reference rows to what a facility file says.

    Rows are matched by their natural key, so loading again changes nothing; columns that the
    file does not mention keep their values; rows that it does not mention stay. Every change is
    in the journal.

    Args:
        session: A writing session.
        facility: The facility file.
        now: When, aware.
        actor: Who asks.

    Raises:
        Misconfigured: The file names a row that neither it nor the catalog has.
        Mismatch: A row id or a unique name in the file belongs to another row already.
    """
    summary, said = Summary(), facility.rows()
    if odd := set(said) - {family.name for family in FAMILIES}:
        raise Misconfigured(f"no such reference tables: {', '.join(sorted(odd))}")
    for family in FAMILIES:
        loader = _Loader(session, family, now, actor, summary)
        try:
            loader.load([_resolved(session, family, row) for row in said.get(family.name, ())])
        except IntegrityError as error:
            text = str(error.orig).splitlines()[0]
            raise Mismatch(f"{family.name}: another row has that name: {text}") from error
    return summary


def _resolved(session: Session, family: Family, row: Values) -> dict[str, Any]:
    """The row with ids in place of names."""
    values = dict(row)
    for link in family.links:
        if link.name not in values:
            continue
        name = values.pop(link.name)
        values[link.column] = None if name is None else _id(session, link, name)
    return values


def _id(session: Session, link: Link, name: str) -> int:
    table: Any = link.table
    found = session.exec(select(table.id).where(getattr(table, link.key) == name)).first()
    if found is None:
        raise Misconfigured(f"{link.name}: there is no {link.table.__tablename__} row {name!r}")
    return int(found)


class _Loader:
    """Loads one family."""

    def __init__(
        self, session: Session, family: Family, now: datetime, actor: Actor, summary: Summary
    ) -> None:
        self.session, self.family, self.now, self.actor = session, family, now, actor
        self.summary = summary
        table: Any = family.table
        held: Iterable[Any] = session.exec(select(table).order_by(col(table.id)))
        self.rows = {self._key(row.__dict__): row for row in held}
        self.ids = {row.id: key for key, row in self.rows.items()}

    def _key(self, values: Values) -> tuple[Any, ...]:
        return tuple(values[name] for name in self.family.key)

    def load(self, wanted: list[dict[str, Any]]) -> None:
        """Add and change rows; those with fixed ids first, so that no other row gets the id."""
        known = [v for v in wanted if self._key(v) in self.rows]
        new = [v for v in wanted if self._key(v) not in self.rows]
        self._add([v for v in new if v.get("id") is not None])
        self._count_on()
        self._add([v for v in new if v.get("id") is None])
        changed = 0 if self.family.defaults else sum(self._change(values) for values in known)
        self.session.flush()
        name = self.family.name
        self.summary.added[name] = len(new)
        self.summary.changed[name] = changed
        self.summary.same[name] = len(known) - changed
        if new:
            self._say("load", 1, target=f"{len(new)} rows", added=[self._name(v) for v in new])

    def _add(self, rows: list[dict[str, Any]]) -> None:
        columns = self.family.table.__table__.columns  # type: ignore[attr-defined]
        for values in rows:
            holder = self.ids.get(values.get("id"))
            if holder is not None:
                raise Mismatch(
                    f"{self.family.name}: id {values['id']} is {'/'.join(map(str, holder))} in the "
                    f"catalog, the file says {self._name(values)}"
                )
            stamps = {c: self.now for c in ("created_at", "updated_at") if c in columns}
            self.session.add(self.family.table(**stamps, **values))
        self.session.flush()

    def _change(self, values: dict[str, Any]) -> bool:
        row = self.rows[self._key(values)]
        fixed = values.pop("id", None)
        if fixed not in (None, row.id):
            self.summary.notes.append(
                f"{self.family.name} {self._name(values)} keeps its id {row.id}; "
                f"the file says {fixed}"
            )
        news = {n: (getattr(row, n), v) for n, v in values.items() if getattr(row, n) != v}
        for name, (_, value) in news.items():
            setattr(row, name, value)
        if news:
            if hasattr(row, "updated_at"):
                row.updated_at = self.now
            self._say(
                "change",
                row.id,
                source="; ".join(f"{n}: {_plain(old)}" for n, (old, _) in news.items()),
                target="; ".join(f"{n}: {_plain(new)}" for n, (_, new) in news.items()),
                row=self._name(values),
            )
        return bool(news)

    def _say(
        self, event: str, subject_id: int, source: str = "", target: str = "", **details: object
    ) -> None:
        record(
            self.session,
            subject=Subject.REFERENCE,
            subject_id=subject_id,
            event=event,
            source=source,
            target=target,
            actor=self.actor,
            now=self.now,
            policy=VERSION,
            details={"rows": self.family.name, **details},
        )

    def _name(self, values: Values) -> str:
        return "/".join(str(values[name]) for name in self.family.key)

    def _count_on(self) -> None:
        """Let PostgreSQL's counter follow the ids that were given, never backwards."""
        if self.session.get_bind().dialect.name != "postgresql":
            return
        table = str(self.family.table.__tablename__)
        counter = self.session.execute(
            sa.text("SELECT pg_get_serial_sequence(:t, 'id')"), {"t": table}
        ).scalar_one()
        self.session.execute(
            sa.text(
                f"SELECT setval(:s, GREATEST((SELECT max(id) FROM {table}), last_value)) "  # noqa: S608
                f"FROM {counter} WHERE EXISTS (SELECT 1 FROM {table})"
            ),
            {"s": counter},
        )


def _plain(value: object) -> str:
    """A value as the history shows it."""
    if value is None or value == "":
        return "---"
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
