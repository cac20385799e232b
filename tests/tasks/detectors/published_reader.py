"""The facility's published analysis package, kept in a folder of its own."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "extra.lock"


def packages() -> Path:
    """Folder with the package; installs it the first time, one process at a time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beamkeeper"
    cache.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = cache / f"extra-{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    with (cache / "extra.flock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _install(home)
    return home


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(home)]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "-r", str(LOCK)],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    if done.returncode:
        shutil.rmtree(home, ignore_errors=True)
        raise AssertionError(
            "euxfel-EXtra could not be installed from the package index; this test needs it "
            f"once:\n{done.stderr[-2000:]}"
        )
    (home / "complete").touch()


def read(metadata: Path, root: Path) -> dict[str, dict[str, object]]:
    """What the package finds through a metadata file, constant by constant."""
    home = packages()
    done = subprocess.run(
        [sys.executable, str(HERE / "published_reader_script.py"), str(metadata), str(root)],
        # A home of its own: what its packages cache for a user names other installations.
        env={
            "PYTHONPATH": str(home),
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found
