"""Service files read as systemd reads them, and started as it would start them."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "deployments" / "units"


def sections(text: str) -> dict[str, dict[str, list[str]]]:
    """Section → key → values in order; a key may stand several times."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and not line.startswith(("#", ";")):
            key, sign, value = line.partition("=")
            assert sign, f"no assignment: {line}"
            found[section][key].append(value)
    return found


def environment_file(path: Path) -> dict[str, str]:
    """Assignments of an environment file, comments left out."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.partition("=") for line in lines]
    assert all(sign for _, sign, _ in pairs), lines
    return {name: value for name, _, value in pairs}


class Machine:
    """A machine whose /etc, /var/lib and /opt of ours lie in a folder.

    Args:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etc, self.var = folder / "etc", folder / "var"
        self.etc.mkdir()
        self.var.mkdir()
        self.children: list[subprocess.Popen[bytes]] = []

    def here(self, text: str) -> str:
        """A text with the paths that the units name as they are on this machine."""
        python = Path(sys.executable).parent
        for there, place in (
            ("/opt/beamkeeper/.venv/bin", python),
            ("/opt/beamkeeper", ROOT),
            ("/etc/beamkeeper", self.etc),
            ("/var/lib/beamkeeper", self.var),
        ):
            text = text.replace(there, str(place))
        return text

    def unit(self, name: str) -> dict[str, list[str]]:
        """The [Service] of a unit or of an instance of a template, specifiers filled in."""
        stem, _, instance = name.partition("@")
        file = UNITS / f"{stem}{'@' if instance else ''}.service"
        text = self.here(file.read_text())
        text = text.replace("%i", instance).replace("%H", socket.gethostname())
        assert not re.search(r"%\w", text), text
        return sections(text)["Service"]

    def environment(self, unit: dict[str, list[str]]) -> dict[str, str]:
        """What the service manager would give: nothing of ours, then the unit's."""
        found = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        found |= dict(pair.split("=", 1) for pair in unit.get("Environment", []))
        for file in unit["EnvironmentFile"]:
            found |= environment_file(Path(file))
        return found

    def command(self, name: str) -> list[str]:
        """Words of `ExecStart` with the environment's values put in."""
        unit = self.unit(name)
        (line,) = unit["ExecStart"]
        values = self.environment(unit)
        return [re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], w) for w in shlex.split(line)]

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a unit; its output goes to a file of its name."""
        unit = self.unit(name)
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                self.command(name),
                env=self.environment(unit),
                cwd=unit["WorkingDirectory"][0],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=int(unit["UMask"][0], 8),
            )
        self.children.append(child)
        return child

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the handbook, typed by somebody with the environment file read."""
        environment = environment_file(self.etc / "beamkeeper.env")
        program = [str(Path(sys.executable).parent / words[0]), *words[1:]]
        return subprocess.run(
            program,
            env={"PATH": os.environ["PATH"], **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def close(self) -> None:
        """End what is left."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
