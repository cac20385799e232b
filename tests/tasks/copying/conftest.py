"""Places to copy from and to: ext4, tmpfs, small, full, read-only."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def unmount_below(folder):
    """Unmount whatever is mounted below a folder."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines()[::-1]:
        if line.split()[4].startswith(f"{folder}/"):
            subprocess.run(["umount", line.split()[4]], check=True)


@pytest.fixture(scope="session", autouse=True)
def as_root():
    assert os.geteuid() == 0, "full disks and missing rights are real: run as root"


@pytest.fixture
def area():
    """A folder that everybody may pass; what is mounted in it goes."""
    folder = Path(tempfile.mkdtemp(prefix="beamkeeper-copying-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    unmount_below(folder)
    shutil.rmtree(folder)


@pytest.fixture
def memory():
    """A folder in memory."""
    folder = Path(tempfile.mkdtemp(prefix="beamkeeper-copying-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def source(area):
    """Where the files are."""
    folder = area / "source" / "r0042"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def destination(area):
    """Where the copies go; its parent exists, it does not."""
    (area / "store").mkdir()
    return area / "store" / "r0042"


@pytest.fixture
def mounted(area):
    """Mount a small file system in memory; give its folder."""

    def mount(options):
        folder = area / "small"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        subprocess.run(command, check=True)
        return folder

    return mount


@pytest.fixture
def disk(area):
    """An ext4 file system whose medium can be reached from behind: a file."""
    image, folder = area / "image", area / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    return image, folder
