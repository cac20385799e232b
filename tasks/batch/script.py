"""The script of a job: it says its number and its end beside its output."""

import os
import shlex
import tempfile
from pathlib import Path

from tasks.batch.model import JobSpec

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
