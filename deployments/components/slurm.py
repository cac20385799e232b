"""A throw-away SLURM: one controller and some nodes on loopback, as root, without munge.

Several `slurmd -N` on one machine stand for several nodes. The controller resolves groups and
users through `nss_wrapper`, a library that reads them from two files of ours: what stands for
the facility's directory on the cluster never touches the machine's own accounts.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployments.components import ports, processes
from deployments.components.scratch import scratch
from deployments.components.slurm_processes import end, holding, of_jobs, running_on
from policies.errors import Misconfigured
from settings.batch import BatchSettings

_WRAPPER = "/usr/lib/*/libnss_wrapper.so"

_FIRST_UID = 60_000
_NOGROUP = 65_534

CONF = """\
ClusterName=demo
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={node_timeout}
GroupUpdateTime=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
KillWait=2
MinJobAge=3600
{nodes}
PartitionName=exfel Nodes=max[1-{count}] Default=YES State=UP
PartitionName=upex-high Nodes=max[1-{count}] State=UP PriorityTier=5
PartitionName=upex Nodes=max[1-{count}] State=UP
PartitionName=upex-beamtime Nodes=max[1-{count}] State=UP PriorityTier=10
"""

_NODE = (
    "NodeName=max{number} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2"
    " RealMemory=4000"
)


class Slurm:
    """A running cluster; made by `slurm`.

    Attributes:
        folder: Where its state and logs live.
        nodes: Number of nodes.
        conf: Its configuration file, for `SLURM_CONF`.
    """

    def __init__(self, folder: Path, nodes: int, taken: Sequence[int], node_timeout: int) -> None:
        self.folder, self.nodes = folder, nodes
        self.conf = folder / "slurm.conf"
        self._controller: processes.Child | None = None
        self._daemons: dict[int, processes.Child] = {}
        self._groups = folder / "group"
        self._users = folder / "passwd"
        self._write(taken, node_timeout)

    def _write(self, taken: Sequence[int], node_timeout: int) -> None:
        (self.folder / "state").mkdir()
        for number in range(1, self.nodes + 1):
            (self.folder / "spool" / f"max{number}").mkdir(parents=True)
        nodes = "\n".join(_NODE.format(number=n, port=taken[n]) for n in range(1, self.nodes + 1))
        text = CONF.format(
            port=taken[0],
            folder=self.folder,
            nodes=nodes,
            count=self.nodes,
            node_timeout=node_timeout,
        )
        self.conf.write_text(text, encoding="utf-8")
        self._groups.write_text("root:x:0:\n", encoding="utf-8")
        self._users.write_text("root:x:0:0:root:/root:/bin/bash\n", encoding="utf-8")

    @property
    def controller(self) -> processes.Child:
        """The controller, for `pause`, `resume` and `kill`."""
        if self._controller is None:
            raise Misconfigured("This cluster was never started.")
        return self._controller

    def daemon(self, number: int) -> processes.Child:
        """The daemon of a node, counted from 1."""
        return self._daemons[number]

    def start(self) -> None:
        """Start controller and nodes; returns when every node is idle.

        Raises:
            Misconfigured: A program is missing; names the Debian package.
            Unavailable: They do not come up; the message ends with the log.
        """
        self.start_controller(fresh=True)
        for number in range(1, self.nodes + 1):
            self.start_node(number)
        self.controller.wait_ready(self._idle)

    def start_controller(self, *, fresh: bool = False) -> None:
        """Start the controller, with or without the jobs that it knew."""
        program = processes.require("slurmctld", "slurmctld")
        argv: list[str | Path] = [program, "-D", *(["-c"] if fresh else [])]
        env = self.environment() | self._accounts()
        self._controller = processes.start(argv, log=self.folder / "ctld.out", env=env)

    def _accounts(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": _wrapper(),
            "NSS_WRAPPER_PASSWD": str(self._users),
            "NSS_WRAPPER_GROUP": str(self._groups),
        }

    def stop_controller(self) -> None:
        """An orderly end; jobs go on, nobody answers."""
        self.controller.stop()

    def start_node(self, number: int) -> None:
        """Start (again) the daemon of a node."""
        program = processes.require("slurmd", "slurmd")
        argv: list[str | Path] = [program, "-D", "-N", f"max{number}"]
        log = self.folder / f"max{number}.out"
        self._daemons[number] = processes.start(argv, log=log, env=self.environment())

    def kill_node(self, number: int) -> None:
        """A node dies: its daemon and whatever runs on it."""
        self._daemons[number].kill()
        log = str(self.folder / f"slurmd.max{number}.log")
        # First who would report the death of the others, then the jobs' own processes.
        for who in (holding(log), running_on(str(self.conf), number)):
            end(who)

    def stop(self) -> None:
        """End everything."""
        with contextlib.suppress(subprocess.SubprocessError):
            if self.controller.running():
                self.run("scancel", "--user=root", "--full", check=False)
        for child in (*self._daemons.values(), self.controller):
            child.stop(grace_s=5)
        # Jobs, and who watches over them, live apart from the daemons and would outlive them.
        end(of_jobs(str(self.conf)))

    def environment(self) -> dict[str, str]:
        """Environment in which SLURM's commands speak to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def run(
        self, *argv: str, check: bool = True, accounts: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of SLURM's commands here.

        Args:
            *argv: Program and arguments.
            check: Whether an exit code other than 0 is an error.
            accounts: Whether it resolves users and groups as the controller does.
        """
        return subprocess.run(  # noqa: S603 - our own argument list, no shell
            argv,
            env=self.environment() | (self._accounts() if accounts else {}),
            text=True,
            capture_output=True,
            check=check,
            timeout=60,
        )

    def know_group(self, name: str, gid: int, members: Sequence[str]) -> None:
        """Let the controller resolve a group, as its directory client would.

        Args:
            name: The group.
            gid: Numeric id.
            members: Account names; they become known too.
        """
        lines = [
            line
            for line in self._groups.read_text(encoding="utf-8").splitlines()
            if not line.startswith(f"{name}:")
        ]
        lines.append(f"{name}:x:{gid}:{','.join(members)}")
        _replace(self._groups, lines)
        for member in members:
            self.know_user(member)

    def know_user(self, name: str) -> int:
        """Let the controller resolve an account; answers its number.

        Its primary group is nobody's, so that it is a member of what `know_group` says only.
        """
        users = [line.split(":") for line in self._users.read_text(encoding="utf-8").splitlines()]
        found = next((int(user[2]) for user in users if user[0] == name), None)
        if found is not None:
            return found
        number = _FIRST_UID + len(users)
        home = "/nonexistent:/bin/sh"
        lines = [*(":".join(user) for user in users), f"{name}:x:{number}:{_NOGROUP}::{home}"]
        _replace(self._users, lines)
        return number

    def settings(self, **more: object) -> BatchSettings:
        """What beamkeeper needs to use this cluster."""
        values: dict[str, object] = {"environment": {"SLURM_CONF": str(self.conf)}, **more}
        return BatchSettings.model_validate(values)

    def _idle(self) -> bool:
        seen = self.run("sinfo", "-h", "-p", "exfel", "-t", "idle", "-o", "%D", check=False)
        return seen.stdout.split()[:1] == [str(self.nodes)]


def _replace(path: Path, lines: Sequence[str]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    beside.replace(path)


def _wrapper() -> str:
    found = sorted(Path("/").glob(_WRAPPER.removeprefix("/")))
    if not found:
        raise Misconfigured(
            "libnss_wrapper.so is not installed; "
            "apt-get install -y --no-install-recommends libnss-wrapper brings it."
        )
    return str(found[0])


@contextlib.contextmanager
def slurm(nodes: int = 2, *, node_timeout: int = 20) -> Iterator[Slurm]:
    """Run a cluster for the length of the block.

    Args:
        nodes: Number of nodes, of two cores each.
        node_timeout: Seconds of silence after which a node is down.

    Yields:
        The running cluster with partitions `exfel`, `upex`, `upex-high` and `upex-beamtime`.

    Raises:
        Misconfigured: A program is missing; names the Debian package.
        Unavailable: It does not come up.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch("slurm"))
        taken = [ports.reserve() for _ in range(nodes + 1)]
        for port in taken:
            stack.callback(port.release)
        cluster = Slurm(folder, nodes, [port.number for port in taken], node_timeout)
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster
