"""The published client in an environment of its own, made once and kept."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "calibration-client.lock"


def interpreter() -> Path:
    """Python with the client; installs it the first time, one process at a time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beamkeeper"
    cache.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(LOCK.read_bytes() + sys.prefix.encode()).hexdigest()[:12]
    home = cache / f"calibration-client-{version}-{digest}"
    with (cache / "calibration-client.flock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _install(home)
    return home / "bin" / "python"


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=60)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
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
            "calibration_client could not be installed from the package index; this test needs it "
            f"once:\n{done.stderr[-2000:]}"
        )
    (home / "complete").touch()


def run(script: str, url: str, client_id: str, secret: str, **given: object) -> dict[str, object]:
    """Run one of the functions of `published_client_script.py` with the client.

    The secret goes by the environment, so that no process list shows it.
    """
    done = subprocess.run(
        [str(interpreter()), str(HERE / "published_client_script.py"), script],
        input=json.dumps({"url": url, "client_id": client_id, **given}),
        env={"OAUTHLIB_INSECURE_TRANSPORT": "1", "CALCAT_SECRET": secret, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
