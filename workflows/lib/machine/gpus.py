"""Share the GPUs of one machine among jobs. Each job holds the lock files of its GPUs and sees only those GPUs.

On a cluster the scheduler does this. The locks are for jobs that run side by side on one machine, also from different
checkouts. They are locks of the operating system, so they end with the process that holds them, even if it is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from contracts.errors import ConfigError

VISIBLE = "CUDA_VISIBLE_DEVICES"
SCHEDULED = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST")  # a scheduler has chosen this job's GPUs


@contextmanager
def gpu_slots(count: int, folder: Path | None = None, pause: float = 1.0) -> Iterator[list[str]]:
    """Hold ``count`` GPUs and set CUDA_VISIBLE_DEVICES to them. Tries every ``pause`` seconds until they are free.

    Chooses among the GPUs that CUDA_VISIBLE_DEVICES names, or all of the machine. ``folder`` keeps the lock files; all
    jobs of the machine must use the same. Raises ConfigError if there are fewer GPUs than asked for.
    """
    if count == 0 or any(name in os.environ for name in SCHEDULED):
        yield []
        return
    known = gpus()
    if len(known) < count:
        cause = f"a job asks for {count} GPUs, there are {len(known)} ({', '.join(known) or 'none'})"
        raise ConfigError("resources.gpus", cause, f"lower it, or name more in {VISIBLE}")
    with ExitStack() as held:
        chosen = _take(count, known, folder or _folder(), pause, held)
        before = os.environ.get(VISIBLE)
        os.environ[VISIBLE] = ",".join(chosen)
        held.callback(_restore, before)
        yield chosen


def check_device(device: str, place: str) -> None:
    """Raise ConfigError, naming ``place``, if ``device`` is cuda and this process's torch sees no GPU."""
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(place, "no CUDA device is available", "set it to cpu, or look at make doctor")


def gpus() -> list[str]:
    """Names of the GPUs to choose from, as CUDA_VISIBLE_DEVICES takes them; empty without a GPU."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(described()))]


def described() -> list[str]:
    """``name, memory in MiB, driver version`` of each GPU, as nvidia-smi tells; empty without one."""
    done = _ask_driver()
    return done.stdout.strip().splitlines() if done is not None and done.returncode == 0 else []


def driver_trouble() -> str:
    """What nvidia-smi says where it is installed and cannot reach the driver; empty otherwise."""
    done = _ask_driver()
    if done is None or done.returncode == 0:
        return ""
    return " ".join((done.stdout + done.stderr).split())[:200] or f"status {done.returncode}"


def _ask_driver() -> subprocess.CompletedProcess[str] | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    asked = [command, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    return subprocess.run(asked, capture_output=True, text=True)  # noqa: S603


def _take(count: int, known: list[str], folder: Path, pause: float, held: ExitStack) -> list[str]:
    """Lock ``count`` GPUs. One job chooses at a time, so that two never hold half of what each needs."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "choosing.lock"):
        chosen: list[str] = []
        while True:
            for name in known:
                if name not in chosen and len(chosen) < count and _lock(folder / f"gpu-{name}.lock", held):
                    chosen.append(name)
            if len(chosen) == count:
                return chosen
            time.sleep(pause)


def _lock(path: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(FileLock(path).acquire(timeout=0))
    except Timeout:
        return False
    return True


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"cepo-bench-gpus-{os.getuid()}"


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE, None)
    else:
        os.environ[VISIBLE] = before
