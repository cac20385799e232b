"""The throw-away SLURM: on loopback only, and nothing of it outlives the block or us."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.components.slurm import slurm

pytestmark = pytest.mark.xdist_group("slurm")


def speaking_to(conf):
    """Processes with that cluster in their environment, by name."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"SLURM_CONF={conf}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "comm").read_text().strip()
    return found


def test_a_stubborn_job_ends_with_the_block_and_a_person_s_shell_does_not(tmp_path):
    flag = tmp_path / "runs"
    script = f"trap '' TERM INT CONT; touch {flag}; while :; do sleep 30; done"
    with contextlib.ExitStack() as stack:
        with slurm(1) as running:
            shell = stack.enter_context(
                subprocess.Popen(["sleep", "60"], env=running.environment())
            )
            stack.callback(shell.kill)
            running.run("sbatch", "-o", "/dev/null", f"--wrap={script}")
            end = time.monotonic() + 20
            while not flag.exists():
                assert time.monotonic() < end
                time.sleep(0.05)
            listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
            ours = [line for line in listening.stdout.splitlines() if "slurm" in line]
            assert ours
            assert all(line.split()[3].startswith("127.0.0.1:") for line in ours)
            # Nobody is left who could cancel it or take its end.
            running.controller.kill()
        end = time.monotonic() + 1
        while (left := speaking_to(running.conf)) != {shell.pid: "sleep"}:
            assert time.monotonic() < end, left
            time.sleep(0.05)
    assert not running.folder.exists()


def test_the_daemons_die_with_a_killed_parent():
    program = (
        "import time\n"
        "from deployments.components.slurm import slurm\n"
        "with slurm(1) as running:\n"
        "    print(running.conf, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    conf = parent.stdout.readline().strip()
    assert {"slurmctld", "slurmd"} <= set(speaking_to(conf).values())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while left := speaking_to(conf):
        assert time.monotonic() < end, left
        time.sleep(0.05)
