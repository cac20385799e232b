"""Child processes that never outlive us: own process group, a log file, a wait until they answer.

Three nets, because a left-over daemon spoils the next run: `Child.stop`, an exit handler, and the
kernel's parent-death signal, which also works when we are killed with SIGKILL. The last one
reaches the direct child only; grandchildren have to notice by themselves.
"""

import atexit
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from policies.errors import Misconfigured, Unavailable

_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin"
_POLL_S = 0.02

# The kernel sends the parent-death signal when the *thread* that forked ends. All children are
# therefore forked by one thread that lives as long as the interpreter.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_ALIVE: set["Child"] = set()


def require(program: str, package: str, folders: Iterable[Path] = ()) -> Path:
    """Find a program, or say which Debian package brings it.

    Args:
        program: File name of the executable.
        package: Debian package that contains it.
        folders: Places to look before PATH and the system's folders.

    Raises:
        Misconfigured: It is nowhere.
    """
    places = [*(str(folder) for folder in folders), os.environ.get("PATH", ""), _SYSTEM_FOLDERS]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        raise Misconfigured(
            f"{program} is not installed; "
            f"apt-get install -y --no-install-recommends {package} brings it.",
            program=program,
            package=package,
        )
    return Path(found)


class Child:
    """One running program; made by `start`.

    Attributes:
        name: How messages call it.
        log: File with its standard output and standard error.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", name: str, log: Path, stop_signal: signal.Signals
    ) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._stop_signal = stop_signal

    @property
    def pid(self) -> int:
        """Process id, which is the id of the process group too."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it has not ended yet; a paused one runs."""
        if self._process.returncode is not None:
            return False
        # WNOWAIT keeps the zombie, so that the group id stays ours until `kill` has used it.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, options) is None

    def tail(self, lines: int = 15) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, probe: Callable[[], bool], within_s: float = 20.0) -> None:
        """Poll until the probe says yes.

        Args:
            probe: Cheap question to the server; an OSError counts as "not yet".
            within_s: Patience in seconds.

        Raises:
            Unavailable: The child ended or stayed silent; carries the end of its log. The child
                has been killed by then.
        """
        deadline = time.monotonic() + within_s
        while self.running() and time.monotonic() < deadline:
            if _answers(probe):
                return
            time.sleep(_POLL_S)
        reason = "does not answer" if self.running() else "ended at once"
        self.kill()
        raise Unavailable(f"{self.name} {reason}; its log ends:\n{self.tail()}", name=self.name)

    def pause(self) -> None:
        """Freeze it: connections are accepted by the kernel, but nobody answers."""
        self._signal(signal.SIGSTOP)
        while self.running() and not self._stopped():
            time.sleep(_POLL_S)

    def _stopped(self) -> bool:
        """Whether the kernel has frozen it by now: a thread may run on for a moment."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        except FileNotFoundError:
            return True
        return stat.rpartition(")")[2].split()[0] in {"T", "t"}

    def resume(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def stop(self, grace_s: float = 10.0) -> None:
        """Ask it to end, then insist; returns when the whole process group is gone.

        Args:
            grace_s: Seconds between asking and killing.
        """
        if self.running():
            self._signal(self._stop_signal)
            self.resume()
        deadline = time.monotonic() + grace_s
        while self.running() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the process group, like a crash; harmless when it has ended."""
        _ALIVE.discard(self)
        if self._process.returncode is not None:
            return
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # Not `Popen.send_signal`: that reaps a child that has ended, and with it our right to
        # signal its group. Until `kill` has waited, the id is ours, be it a zombie's.
        if self._process.returncode is None:
            os.kill(self.pid, number)


def start(
    argv: Sequence[str | Path],
    *,
    log: Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program in its own process group, tied to our life.

    Args:
        argv: Program and arguments; the program stays in the foreground.
        log: File that receives its output; appended to.
        user: Account to run as (we are root then); None keeps ours.
        env: Whole environment; None hands ours on.
        cwd: Working folder; None keeps ours.
        stop_signal: What `Child.stop` sends, and the kernel when we die.

    Raises:
        Misconfigured: `setpriv` is missing.
    """
    wrapped: list[str | Path] = [require("setpriv", "util-linux")]
    wrapped += ["--pdeathsig", stop_signal.name.removeprefix("SIG")]
    if user is not None:
        wrapped += [f"--reuid={user}", f"--regid={user}", "--init-groups"]

    def fork() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                [*wrapped, "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                process_group=0,
            )

    child = Child(_SPAWNER.submit(fork).result(), Path(argv[0]).name, log, stop_signal)
    _ALIVE.add(child)
    return child


def _answers(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except OSError:
        return False


@atexit.register
def _stop_all() -> None:
    for child in list(_ALIVE):
        child.stop(grace_s=5.0)
