"""What every command line verb shares: settings, output for people or programs, errors."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from catalog.engine import Database
from policies.errors import BeamkeeperError
from settings.model import load

P = ParamSpec("P")
R = TypeVar("R")

JsonFlag = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
OperatorOption = Annotated[
    str, typer.Option("--operator", "-o", help="Your account name.", envvar="BEAMKEEPER_OPERATOR")
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; the history keeps it.")]

console = Console()
errors = Console(stderr=True)


def database() -> Database:
    """The catalog of this command."""
    return Database(load().database_url.get_secret_value(), pool_size=2)


def plain(value: Any) -> Any:  # noqa: ANN401
    """A value as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def say(value: Any, *, as_json: bool, text: str = "") -> None:  # noqa: ANN401
    """Answer: JSON for programs, a sentence for people."""
    if as_json:
        sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
    else:
        console.print(text or str(plain(value)), highlight=False, markup=False)


def show(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = ""
) -> None:
    """Answer with a table."""
    if as_json:
        sys.stdout.write(json.dumps(plain(rows), indent=2, ensure_ascii=False) + "\n")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row.get(c) is None else str(plain(row[c])) for c in columns))
    console.print(table)


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of ours into a sentence and an exit code: 3 refused, 4 else."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BeamkeeperError as error:
            if kwargs.get("as_json"):
                body = {"code": error.code, "message": error.message, **plain(error.context)}
                sys.stdout.write(json.dumps(body, indent=2, default=str) + "\n")
            else:
                errors.print(f"{error.code}: {error.message}", highlight=False, markup=False)
                possible = error.context.get("possible")
                if possible:
                    errors.print("possible now: " + ", ".join(map(str, possible)))  # type: ignore[call-overload]
            raise typer.Exit(3 if error.code in {"refused", "forbidden"} else 4) from error

    return run
