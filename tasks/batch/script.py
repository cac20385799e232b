"""The script of a job: it says its number and its end beside its output."""

import os
import shlex
import tempfile
from pathlib import Path

from policies.batch import exit_code, judge, together
from tasks.batch.model import JobSeen, JobSpec

_LAST_BYTES = 4096
"""How much of a job's output is read for its last words."""

_SCRIPT = """\
#!/bin/sh
# Written by beamkeeper for one job; says its number and its end beside its output.
umask 007
task=${{SLURM_ARRAY_TASK_ID:-0}}
mark={mark}
number=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}
first=$(cat "$mark.job" 2>/dev/null)
if [ -n "$first" ] && [ "$first" != "$number" ]; then
    echo "job $first of this name was here first: nothing is done twice" >&2
    exit "$(cat "$mark.$task.exit" 2>/dev/null || echo 1)"
fi
echo "$number" >"$mark.job.$task.new" && mv "$mark.job.$task.new" "$mark.job"
{command}
code=$?
echo "$code" >"$mark.$task.new" && mv "$mark.$task.new" "$mark.$task.exit"
exit $code
"""


def write_script(spec: JobSpec) -> Path:
    """Write a job's script into its folder.

    The same job always has the same script; it comes into place whole, because somebody else may
    be handing it to `sbatch` at this moment.
    """
    folder = Path(spec.folder)
    mark = shlex.quote(str(folder / spec.key))
    # A word with braces is quoted with '…'; the index goes between two such pieces.
    words = (
        shlex.quote(word.replace("{tasks}", str(spec.tasks))).replace("{task}", "'\"$task\"'")
        for word in spec.command
    )
    exports = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in spec.environment.items())
    text = _SCRIPT.format(mark=mark, command=exports + " ".join(words))
    handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{spec.key}.", suffix=".sh")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o640)
    path = folder / f"{spec.key}.sh"
    Path(beside).replace(path)
    return path


def left_behind(spec: JobSpec) -> list[str]:
    """Number of a job that ran and that SLURM has forgotten, by what its script left."""
    try:
        text = (Path(spec.folder) / f"{spec.key}.job").read_text(encoding="utf-8").strip()
    except OSError:
        return []
    return [text] if text.isdigit() else []


def last_words(folder: Path, key: str, tasks: int) -> str:
    """The end of what a job wrote, every task's; empty where there is nothing."""
    names = [f"{key}-{task}.out" for task in range(tasks)] if tasks > 1 else [f"{key}.out"]
    return "\n".join(_tail(folder / name) for name in names)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_BYTES))
            return file.read(_LAST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def ended(folder: Path, key: str, tasks: int) -> JobSeen | None:
    """The end of a job that SLURM has forgotten, by what its script left.

    SLURM keeps ended jobs for some minutes only (`MinJobAge`), and not every site has accounting.

    Args:
        folder: The job's folder.
        key: Its name.
        tasks: Size of its array.

    Returns:
        None unless every task has said its end.
    """
    codes = [_number(folder / f"{key}.{task}.exit") for task in range(tasks)]
    if None in codes:
        return None
    known = [code for code in codes if code is not None]
    parts = [judge("FAILED" if code else "COMPLETED", "", code << 8) for code in known]
    whole = together(parts)
    number = _number(folder / f"{key}.job")
    words = "; ".join(w for w in (whole.words, "SLURM has forgotten it, its script said so") if w)
    return JobSeen(
        key,
        str(number or ""),
        whole.state,
        words,
        "",
        exit_code(max(known) << 8),
    )


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
