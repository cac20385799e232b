"""A cluster behind `ssh`: what the shell at the other end makes of our words."""

import os
import subprocess

import pytest

from deployments.components import ports, processes
from policies.errors import Misconfigured, Unavailable
from policies.vocabulary import JobState
from tasks.batch import JobSpec, Reservation, SlurmBatch
from tests.tasks.batch.test_slurm_jobs import OVER, wait
from tests.tasks.batch.test_slurm_reservations import SOON

pytestmark = pytest.mark.xdist_group("slurm")


@pytest.fixture(scope="module")
def way(cluster, tmp_path_factory):
    """Words that lead to a real ssh server on loopback, with keys and a home of its own."""
    folder = tmp_path_factory.mktemp("ssh")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    key, host = folder / "key", folder / "host"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (home / ".ssh" / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    (home / ".ssh" / "authorized_keys").chmod(0o600)
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", host], check=True, capture_output=True)
    passwd = folder / "passwd"
    passwd.write_text(f"root:x:0:0:root:{home}:/bin/sh\n")
    port = ports.reserve()
    address = f"127.0.0.1:{port.number}"
    child = processes.start(
        [
            processes.require("dropbear", "dropbear-bin"),
            *("-F", "-E", "-s", "-p", address, "-r", host, "-P", folder / "pid"),
        ],
        log=folder / "log",
        env={**os.environ, **cluster._accounts(), "NSS_WRAPPER_PASSWD": str(passwd)},
    )
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    to = ["ssh", "-q", "-F", "none", "-i", str(key), *known, "-o", "BatchMode=yes"]
    words = (*to, "-p", str(port.number), "root@127.0.0.1")
    try:
        child.wait_ready(lambda: not subprocess.run([*words, "true"], check=False).returncode)
        yield words
    finally:
        child.stop(grace_s=2)
        port.release()


def test_jobs_and_their_times_from_the_other_end(cluster, way, tmp_path):
    batch = SlurmBatch(cluster.settings(prefix=way))
    folder = tmp_path / "a folder with $odd 'words'"
    folder.mkdir()
    job = JobSpec(
        f"ssh-{os.getpid()}",
        ("sh", "-c", 'echo "$1"; sleep 1', "-", "a | b"),
        str(folder),
        "exfel",
        1,
    )
    number = batch.submit(job)
    assert batch.submit(job) == number
    seen = wait(batch, job.key, *OVER)
    assert (seen.state, seen.job_id) == (JobState.SUCCEEDED, number)
    assert seen.begin_at is not None
    assert seen.begin_at < seen.end_at
    assert (folder / f"{job.key}.out").read_text() == "a | b\n"
    assert SlurmBatch(cluster.settings()).look([job.key])[job.key] == seen


def test_reservations_from_the_other_end(cluster, way):
    batch = SlurmBatch(cluster.settings(prefix=way))
    cluster.know_group("700001-part", 700001, ["alice"])
    wanted = Reservation(
        "upex_700001", SOON, SOON.replace(year=SOON.year + 1), "upex-beamtime", 1, "700001-part"
    )
    shown, changed = batch.ensure_reservation(wanted)
    assert changed
    assert (shown.begin_at, shown.end_at) == (wanted.begin_at, wanted.end_at)
    assert batch.remove_reservation(wanted.name)


def test_a_shut_way_is_unknown_never_refused(cluster, way, tmp_path):
    shut = [*way[:-3], "-p", "1", way[-1]]
    batch = SlurmBatch(cluster.settings(prefix=shut))
    job = JobSpec("ssh-shut", ("true",), str(tmp_path), "exfel", 1)
    for ask in (lambda: batch.submit(job), lambda: batch.look([job.key])):
        with pytest.raises(Unavailable, match="the way to the cluster is shut"):
            ask()
    with pytest.raises(Unavailable):
        batch.cancel(job.key)


def test_no_slurm_at_the_other_end(cluster, way):
    environment = {"SLURM_CONF": str(cluster.conf), "PATH": "/nowhere"}
    batch = SlurmBatch(cluster.settings(prefix=way, environment=environment))
    with pytest.raises(Misconfigured, match=r"squeue is not there behind batch\.prefix"):
        batch.look(["x"])
    with pytest.raises(Misconfigured, match=r"no-such-word is not installed"):
        SlurmBatch(cluster.settings(prefix=["no-such-word"])).look(["x"])


def test_words_in_front_that_drop_variables(cluster, batch_system):
    """Not only `ssh` does: whatever stands in front, times and the cluster are right."""
    batch = SlurmBatch(cluster.settings(prefix=["/usr/bin/env", "-i", "PATH=/usr/bin:/bin"]))
    assert batch.look(["cal-0-forgotten-1"]) == {}
