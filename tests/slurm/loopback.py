"""A SLURM cluster of one node on loopback: munged, slurmctld and slurmd, with all their files in one folder.

Only the name of the configuration is outside of it, while the cluster runs: jobs are started without SLURM_CONF.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SYSTEM = Path("/etc/slurm/slurm.conf")  # where SLURM's commands look
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CONFIG = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
MinJobAge=3600
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
NodeName={host} NodeAddr=127.0.0.1 Port={node} CPUs={cpus} RealMemory={memory}
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def obstacle() -> str:
    """Why no cluster can be started here; empty if one can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = ", ".join(name for name in PROGRAMS if shutil.which(name, path=path) is None)
    if missing:
        return f"not installed: {missing} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    if os.getuid() != 0:
        return "munged, slurmctld and slurmd are started as root"
    return f"this machine has a SLURM of its own ({SYSTEM})" if SYSTEM.exists() else ""


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A running cluster; gives the environment in which SLURM's commands reach it. Ends with the block."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    (folder / "slurm.conf").write_text(_config(folder))
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    with ExitStack() as running:
        SYSTEM.symlink_to(folder / "slurm.conf")
        running.callback(SYSTEM.unlink)
        for command in (_munged(folder), ["slurmctld", "-D", "-i"], ["slurmd", "-D", "-N", socket.gethostname()]):
            log = running.enter_context((folder / f"{command[0]}.out").open("w"))
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            running.callback(_end, process)
            time.sleep(1)
        _wait_for_node(environment, folder)
        yield environment


def _config(folder: Path) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    controller, node = _free_ports(2)
    return CONFIG.format(
        folder=folder, host=socket.gethostname(), user=getpass.getuser(), cpus=os.cpu_count(), memory=memory,
        controller=controller, node=node,
    )  # fmt: skip


def _munged(folder: Path) -> list[str]:
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    return ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for_node(environment: dict[str, str], folder: Path) -> None:
    for _ in range(60):
        asked = ["sinfo", "--noheader", "--format=%T"]
        state = subprocess.run(asked, env=environment, capture_output=True, text=True).stdout.strip()
        if state == "idle":
            return
        time.sleep(1)
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the node is '{state}' after a minute\n{logs}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
