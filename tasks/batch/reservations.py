"""Reservations of SLURM: shown, made, changed, read back."""

from datetime import UTC, datetime

from policies.errors import Mismatch, Unavailable
from policies.reservation import changes
from tasks.batch.commands import Commands, fields, refusal
from tasks.batch.model import Reservation, ReservationSeen


class Reservations:
    """Reservations through `scontrol`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def show(self, name: str) -> ReservationSeen | None:
        """A reservation by name, None when there is none.

        Raises:
            Unavailable: SLURM is silent.
        """
        answer = self._commands.run("scontrol", "show", "reservation", name, "-o")
        if answer.code:
            if "not found" in answer.said:
                return None
            raise refusal("scontrol show reservation", answer)
        found = [fields(line) for line in answer.text.splitlines()]
        shown = next((f for f in found if f.get("ReservationName") == name), None)
        return _seen(shown) if shown else None

    def ensure(self, wanted: Reservation) -> tuple[ReservationSeen, bool]:
        """Make or change a reservation, read back.

        Returns:
            The reservation as SLURM shows it, and whether anything was changed.

        Raises:
            Unavailable: SLURM is silent, or does not know the group yet.
            Denied: SLURM refused it; the message says why.
            Mismatch: SLURM accepted it and shows something else.
        """
        shown = self.show(wanted.name)
        if shown is None:
            self._create(wanted)
        else:
            differing = _changes(wanted, shown)
            if not differing:
                return shown, False
            answer = self._commands.run(
                "scontrol", "update", f"ReservationName={wanted.name}", *differing.values()
            )
            if answer.code:
                raise _why(wanted, refusal("scontrol update reservation", answer), answer.said)
        after = self.show(wanted.name)
        if after is None or (left := _changes(wanted, after)):
            what = ", ".join(left) if after is not None else "nothing"
            raise Mismatch(f"reservation {wanted.name}: SLURM did not keep what was set: {what}")
        return after, True

    def _create(self, wanted: Reservation) -> None:
        answer = self._commands.run(
            "scontrol",
            "create",
            "reservation",
            f"ReservationName={wanted.name}",
            f"StartTime={_time(wanted.begin_at)}",
            f"EndTime={_time(wanted.end_at)}",
            f"PartitionName={wanted.partition}",
            f"NodeCnt={wanted.nodes}",
            f"Groups={wanted.group}",
        )
        # Somebody made it meanwhile: reading it back decides.
        if answer.code and "Duplicate reservation name" not in answer.said:
            raise _why(wanted, refusal("scontrol create reservation", answer), answer.said)

    def remove(self, name: str) -> bool:
        """Remove a reservation; answers whether there was one.

        Raises:
            Unavailable: SLURM is silent.
            Denied: It may not be removed, for example while jobs run in it.
        """
        if self.show(name) is None:
            return False
        answer = self._commands.run("scontrol", "delete", f"ReservationName={name}")
        if answer.code and "reservation is invalid" not in answer.said:
            raise refusal("scontrol delete reservation", answer)
        if self.show(name) is not None:
            raise Mismatch(f"reservation {name} is still there")
        return True


def _why(wanted: Reservation, error: Exception, said: str) -> Exception:
    """An unknown group passes by itself: the cluster learns it from the directory."""
    if "Invalid group id" in said:
        return Unavailable(
            f"the cluster does not know group {wanted.group} yet, or it has no members"
        )
    return error


def _changes(wanted: Reservation, shown: ReservationSeen) -> dict[str, str]:
    found = changes(
        (wanted.begin_at, wanted.end_at, wanted.nodes, wanted.group),
        (shown.begin_at, shown.end_at, shown.node_count, ",".join(shown.groups)),
    )
    values = {
        "begin_at": f"StartTime={_time(wanted.begin_at)}",
        "end_at": f"EndTime={_time(wanted.end_at)}",
        "nodes": f"NodeCnt={wanted.nodes}",
        "group": f"Groups={wanted.group}",
    }
    return {name: values[name] for name in found}


def _time(at: datetime) -> str:
    """An instant as scontrol reads it: seconds since 1970, whatever the machine's time zone."""
    return f"uts{int(at.timestamp())}"


def _seen(shown: dict[str, str]) -> ReservationSeen:
    groups = shown.get("Groups", "(null)")
    return ReservationSeen(
        name=shown["ReservationName"],
        begin_at=_instant(shown["StartTime"]),
        end_at=_instant(shown["EndTime"]),
        partition=shown.get("PartitionName", ""),
        node_count=int(shown.get("NodeCnt", "0")),
        nodes=shown.get("Nodes", ""),
        groups=() if groups == "(null)" else tuple(groups.split(",")),
        state=shown.get("State", ""),
    )


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(int(text), UTC)
