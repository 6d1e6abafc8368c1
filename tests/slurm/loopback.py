"""A SLURM cluster of one node, on loopback, that lives as long as one command: munged, slurmctld and slurmd.

All of it, the command too, runs in namespaces of its own: what is mounted over /etc/slurm, the name of the host and the
network are seen by nobody else, and the kernel ends every process of the cluster when its first one ends or its caller
dies. The network is a loopback of its own, so the command is also cut off from every other machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path("/etc/slurm")  # where SLURM's commands look
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "ip", "unshare", "setpriv")
HOST = "localhost"
SECOND = "127.0.0.2/8"  # with 127.0.0.1 alone the C library finds no address for a daemon to listen at
APART = ["--mount", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
CPUS = 8  # that SLURM gives out, however many there are
GPUS = 2  # that SLURM gives out; each is a null device
NULL = os.makedev(1, 3)
CONFIG = """
ClusterName=loopback
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
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
SlurmdParameters=config_overrides
GresTypes=gpu
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def obstacle() -> str:
    """Why no cluster can be started here; empty if one can."""
    missing = ", ".join(name for name in PROGRAMS if shutil.which(name, path=_path()) is None)
    if missing:
        return f"not installed: {missing} (Debian: apt-get install slurmctld slurmd slurm-client munge iproute2)"
    if os.getuid() != 0:
        return "munged, slurmctld and slurmd are started as root"
    if not HERE.is_dir():
        return f"no folder {HERE} to mount the configuration over"
    apart = subprocess.run(["unshare", *APART, "true"], capture_output=True, text=True)
    return f"no namespaces here ({apart.stderr.strip()})" if apart.returncode else ""


def in_cluster(
    folder: Path, command: Sequence[str], cwd: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command beside a new cluster that keeps its files, logs and ``jobs.txt`` in ``folder``."""
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", *APART, sys.executable, str(Path(__file__)), str(folder)]
    whole = {**environment, "PATH": _path()}
    return subprocess.run([*alone, *command], cwd=cwd, env=whole, capture_output=True, text=True)


def _first_process(folder: Path, command: Sequence[str]) -> int:
    """Start the cluster in the namespaces this process is alone in, and run the command; its status."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    for number in range(GPUS):
        os.mknod(folder / f"gpu{number}", stat.S_IFCHR | 0o666, NULL)
    (folder / "gres.conf").write_text(f"NodeName={HOST} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
    (folder / "slurm.conf").write_text(_config(folder))
    socket.sethostname(HOST)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", SECOND, "dev", "lo"], check=True)
    subprocess.run(["mount", "--bind", str(folder), str(HERE)], check=True)
    _start([_munged(folder), ["slurmctld", "-D", "-i"], ["slurmd", "-D", "-N", HOST]], folder)
    done = subprocess.run(command)
    with (folder / "jobs.txt").open("w") as jobs:
        subprocess.run(["scontrol", "--oneliner", "show", "jobs"], stdout=jobs, check=True)
    return done.returncode


def _start(daemons: Sequence[Sequence[str]], folder: Path) -> None:
    """Start them and wait until the node is ready."""
    running: list[subprocess.Popen[bytes]] = []
    for daemon in daemons:
        with (folder / f"{daemon[0]}.out").open("w") as log:
            running.append(subprocess.Popen(daemon, stdout=log, stderr=log))
        time.sleep(1)
    state = ""
    for _ in range(60):
        if any(process.poll() is not None for process in running):
            break
        asked = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True)
        state = asked.stdout.strip()
        if state == "idle":
            return
        time.sleep(1)
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.out")))
    raise RuntimeError(f"no cluster, its node is '{state}'\n{logs}")


def _config(folder: Path) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return CONFIG.format(folder=folder, host=HOST, cpus=CPUS, memory=memory, gpus=GPUS)


def _munged(folder: Path) -> list[str]:
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    return ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files]


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


if __name__ == "__main__":
    sys.exit(_first_process(Path(sys.argv[1]), sys.argv[2:]))
