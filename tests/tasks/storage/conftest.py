"""A storage tree that other users can reach, and commands run as them."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from policies.access import Ids, Service
from tasks.storage.ground import Ground
from tasks.storage.posix_storage import PosixStorage

PART, MANAGERS, KEEPER = 700001, 700002, 0
SERVICES = {
    Service.DAQ: 61001,
    Service.MIGRATOR: 61002,
    Service.CALIBRATION: 61003,
    Service.REDUCTION: 61004,
}
IDS = Ids(PART, MANAGERS, SERVICES)
WHERE = ("MID", "202401", 900054)
NAME = "STORE"


def run_as(gid, script, *args, uid=65534):
    """Run a shell script as a user of one group; None: of none."""
    groups = ["--clear-groups"] if gid is None else ["--groups", str(gid)]
    command = ["setpriv", "--reuid", str(uid), "--regid", str(uid), *groups]
    done = subprocess.run(
        [*command, "sh", "-c", script, "sh", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd="/",
    )
    return done.returncode == 0, done.stdout + done.stderr


def getfacl(path):
    """Lines that `getfacl` prints for a path, without the comment lines."""
    command = ["getfacl", "-n", "-p", "--omit-header", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line]


def snapshot(*tops):
    """Everything that a change would move, ctime included."""
    seen = {}
    for top in tops:
        for folder, names, files in os.walk(top):
            for path in [folder, *(f"{folder}/{n}" for n in (*names, *files))]:
                at = os.lstat(path)
                seen[path] = (at.st_mode, at.st_uid, at.st_gid, at.st_ino, at.st_ctime_ns)
    return seen


@pytest.fixture(scope="session", autouse=True)
def as_root():
    assert os.geteuid() == 0, "rights are tested against the kernel: run as root"


@pytest.fixture
def area():
    """A folder that everybody may pass; whatever is mounted or immutable in it goes."""
    folder = Path(tempfile.mkdtemp(prefix="beamkeeper-storage-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for line in Path("/proc/self/mountinfo").read_text().splitlines()[::-1]:
        if line.split()[4].startswith(f"{folder}/"):
            subprocess.run(["umount", line.split()[4]], check=True)
    subprocess.run(["chattr", "-R", "-f", "-i", str(folder)], check=False)
    shutil.rmtree(folder)


@pytest.fixture
def root(area):
    """The root of a mounted storage."""
    folder = area / "root"
    folder.mkdir(mode=0o755)
    (folder / ".beamkeeper-storage").write_text(f"{NAME}\n")
    return folder


@pytest.fixture
def store(root):
    return PosixStorage(Ground(NAME, root))


def prepared(store, plan):
    """Bring a plan about and answer the local path of each kind."""
    store.ensure_folders(plan)
    store.ensure_access(plan)
    return {folder.kind: store.path(folder.path) for folder in plan.folders}
