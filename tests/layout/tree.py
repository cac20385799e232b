"""What belongs to the project, as the layout tests see it."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("policies", "settings", "catalog", "tasks", "flows", "api", "deployments")

_NOT_OURS = {".git", ".venv", "var", "build", "dist", "__pycache__"}


def modules() -> list[Path]:
    """Python modules of the seven folders, without migrations (history, never edited)."""
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations/versions" not in path.as_posix())


def name(path: Path) -> str:
    """Path of a file below the root."""
    return path.relative_to(ROOT).as_posix()


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project: its name and its text."""
    yield from _texts_below(ROOT)


def _texts_below(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_OURS or path.name.endswith(("_cache", ".egg-info", ".hypothesis")):
            continue
        if path.is_dir():
            yield from _texts_below(path)
        elif path.is_file():
            try:
                yield name(path), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
