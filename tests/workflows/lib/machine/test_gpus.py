"""GPUs shared by jobs of one machine. No GPU is needed: which one a job sees is a matter of lock files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.errors import ConfigError
from workflows.lib.machine.gpus import VISIBLE, gpu_slots, gpus

HOLD = """
import sys, time
from pathlib import Path
from workflows.lib.machine.gpus import gpu_slots
folder, count, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
with gpu_slots(count, folder, pause=0.02) as mine:
    began = time.time()
    print(",".join(mine), flush=True)
    time.sleep(seconds)
    print(began, time.time(), flush=True)
"""


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine of one's own, with two GPUs."""
    for name in ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VISIBLE, "3,5")


def holder(folder: Path, count: int, seconds: float) -> subprocess.Popen[str]:
    """A job of its own process that holds some GPUs for a while."""
    command = [sys.executable, "-c", HOLD, str(folder), str(count), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_no_two_jobs_see_the_same_gpu_at_once(tmp_path: Path):
    jobs = [holder(tmp_path, count, 0.2) for count in (1, 1, 2, 1, 2)]
    spans: dict[str, list[tuple[float, float]]] = {"3": [], "5": []}
    for job in jobs:
        seen, times = job.communicate(timeout=60)[0].split("\n")[:2]
        began, ended = map(float, times.split())
        for gpu in seen.split(","):
            spans[gpu].append((began, ended))
    assert sum(map(len, spans.values())) == 7
    for taken in spans.values():
        ordered = sorted(taken)
        assert all(first[1] <= second[0] for first, second in pairwise(ordered))


def test_a_killed_job_gives_its_gpus_back(tmp_path: Path):
    job = holder(tmp_path, 2, 60)
    assert job.stdout is not None
    assert job.stdout.readline() == "3,5\n"
    job.kill()
    job.wait()
    with gpu_slots(2, tmp_path, pause=0.02) as mine:
        assert mine == ["3", "5"]


def test_a_job_sees_its_own_gpus_only_while_it_runs(tmp_path: Path):
    with gpu_slots(1, tmp_path) as first:
        assert os.environ[VISIBLE] == first[0] == "3"
    assert os.environ[VISIBLE] == "3,5"


def test_too_few_gpus_are_one_line(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"^resources.gpus: a job asks for 3 GPUs, there are 2 \(3, 5\); lower"):
        gpu_slots(3, tmp_path).__enter__()


def test_a_scheduler_has_chosen_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with gpu_slots(1, tmp_path):
        assert os.environ[VISIBLE] == "3,5"
    assert not list(tmp_path.iterdir())


def test_gpus_of_the_machine_are_counted_by_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VISIBLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []
    command = tmp_path / "nvidia-smi"
    command.write_text('#!/bin/sh\necho "NVIDIA X, 81559, 580.1"\necho "NVIDIA X, 81559, 580.1"\n')
    command.chmod(0o755)
    assert gpus() == ["0", "1"]


def test_a_job_waits_its_turn(tmp_path: Path):
    with gpu_slots(2, tmp_path):
        job = holder(tmp_path, 1, 0)
        time.sleep(0.5)
        assert job.poll() is None
    assert job.wait(60) == 0


def test_training_on_a_gpu_without_one_is_one_line(monkeypatch: pytest.MonkeyPatch):
    code = "from workflows.lib.machine.gpus import check_device as c; c('cpu', 'device'); c('cuda', 'device')"
    monkeypatch.setenv(VISIBLE, "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.endswith(
        "ConfigError: device: no CUDA device is available; set it to cpu, or look at make doctor\n"
    )
