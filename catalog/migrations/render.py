"""Write revisions.

    python -m catalog.migrations.render initial
    python -m catalog.migrations.render next "what changes and why"

`initial` writes the first revision anew from the tables; it is for the time before the first
release, when no database is worth keeping. Afterwards only `next` is right.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from mako.template import Template

from catalog import schema
from catalog.engine import Database
from catalog.migrations.options import OPTIONS, render_item
from catalog.tables import metadata

HERE = Path(__file__).parent
INITIAL = HERE / "versions" / "0001_initial.py"


def body() -> str:
    """The statements that make every table on an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=OPTIONS)
            script = produce_migrations(context, metadata)
        database.dispose()
    if script.upgrade_ops is None:
        raise RuntimeError("alembic found no tables")
    text = render_python_code(script.upgrade_ops, render_as_batch=False, render_item=render_item)
    return "\n".join(line for line in text.splitlines() if "###" not in line).strip()


def render_initial() -> str:
    """The text of the first revision.

    Its name ends in a digest of what it makes, so a database from an earlier writing of it
    is recognised as another one and refused.
    """
    upgrades = body()
    name = f"0001_{hashlib.sha256(upgrades.encode()).hexdigest()[:8]}"
    template = Template(filename=str(HERE / "script.py.mako"))  # noqa: S702 - writes Python
    made = template.render(
        message="Every table of the catalog",
        up_revision=name,
        down_revision=None,
        upgrades=upgrades,
    )
    return str(made).replace("def upgrade() -> None:", "def upgrade() -> None:  # noqa: PLR0915", 1)


def write_next(message: str) -> None:
    """Write the revision that leads from the last one to the tables as they are now."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/head.db")
        schema.upgrade(database)
        number = len(list((HERE / "versions").glob("[0-9]*.py"))) + 1
        with database.engine.connect() as connection:
            command.revision(
                schema.config(connection), message, autogenerate=True, rev_id=f"{number:04d}"
            )
        database.dispose()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["initial"]:
            INITIAL.write_text(render_initial())
        case ["next", words]:
            write_next(words)
        case _:
            sys.exit(__doc__)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", HERE / "versions"], check=True)  # noqa: S603 - our own files
