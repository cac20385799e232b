"""Inspecting a run folder: every name in it becomes facts."""

from collections.abc import Callable
from pathlib import Path

from policies.audit_facts import FileFacts, RunFacts
from tasks.rawfiles.crew import Crew
from tasks.rawfiles.entries import is_run_file, list_entries

Progress = Callable[[int, int], None]
"""Called with the number of files read and the number of files to read."""

FILE_TIMEOUT_S = 300.0
"""Longest time that one file may take; a file that is only on tape takes longer."""

_WORKERS = 2
_ALONE = 8
"""Up to so many files one process is quicker than starting two."""


def inspect_run(
    folder: Path,
    on_progress: Progress | None = None,
    *,
    workers: int | None = None,
    file_timeout_s: float = FILE_TIMEOUT_S,
) -> RunFacts:
    """Look at a run folder.

    Digests are not computed; fill them with `RunFacts.with_digests`.

    Args:
        folder: The run folder; its name says the run. On dCache ask for the locality of
            the files first: opening one that is only on tape blocks.
        on_progress: Called after each file; None for nobody.
        workers: Processes that open files; None: one, or two for many files.
        file_timeout_s: Seconds that one file may take before it is given up as unreadable.

    Returns:
        Facts; a folder without anything in it is a fact too, damaged files are facts.

    Raises:
        Unavailable: The folder is missing or cannot be listed: absence is no evidence.
    """
    listed = list_entries(folder)
    facts: dict[str, FileFacts] = dict(listed)
    names = [name for name, entry in listed if is_run_file(name, entry)]

    read = 0

    def done(name: str, entry: FileFacts) -> None:
        nonlocal read
        facts[name] = entry
        read += 1
        if on_progress is not None:
            on_progress(read, len(names))

    if names:
        size = workers or (_WORKERS if len(names) > _ALONE else 1)
        with Crew(folder.absolute(), min(size, len(names)), file_timeout_s) as crew:
            crew.read(names, done)
    return RunFacts(folder.name, tuple(facts[name] for name, _ in listed))


def inspect_file(path: Path, file_timeout_s: float = FILE_TIMEOUT_S) -> FileFacts:
    """Look at one run file; a name that is no run file's is opened all the same.

    Args:
        path: A file.
        file_timeout_s: Seconds that it may take before it is given up as unreadable.
    """
    found: list[FileFacts] = []
    with Crew(path.parent.absolute(), 1, file_timeout_s) as crew:
        crew.read([path.name], lambda _, entry: found.append(entry))
    return found[0]
