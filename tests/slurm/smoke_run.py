"""The smoke run through the slurm profile on a real SLURM of one node, and the same run here: `make test-slurm`."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm.loopback import in_cluster, obstacle

ROOT = Path(__file__).parents[2]
COPIED = ["Snakefile", "workflows", "methods", "evals", "envs", "results/published"]  # no other run is disturbed
PLUGIN = "snakemake_executor_plugin_slurm"
CONFIG = "workflows/configs/smoke.yaml"
RESERVED = "\nresources: {train: {gpus: 1, mem_mb: 2000, minutes: 30}}\n"  # what SLURM must be told; decides no result
ON_SLURM = ["--workflow-profile", "workflows/profiles/slurm", "--configfile", "reserving.yaml"]
SQUEUE = ["--slurm-status-command", "squeue"]  # the loopback cluster keeps no accounting
QUICK = ["--slurm-init-seconds-before-status-checks", "3", "--jobs", str(len(os.sched_getaffinity(0)))]
HERE = ["--workflow-profile", "workflows/profiles/local", "--configfile", CONFIG, "--cores", "1"]
LOCAL = {"all", "track", "track_study", "total"}  # not submitted
TIMES = {"seconds", "created", "started", "ended"}

pytestmark = [
    pytest.mark.skipif(bool(obstacle()), reason=obstacle()),
    pytest.mark.skipif(importlib.util.find_spec(PLUGIN) is None, reason=f"not installed: {PLUGIN} (make slurm)"),
    pytest.mark.timeout(3600),
]


def test_the_smoke_run_on_slurm_and_here(tmp_path: Path):
    there, here, cluster = copy(tmp_path / "there"), copy(tmp_path / "here"), tmp_path / "slurm"
    submitted = in_cluster(cluster, snakemake(*ON_SLURM, *SQUEUE, *QUICK), there, environment(there))
    assert submitted.returncode == 0, submitted.stderr
    jobs = (cluster / "jobs.txt").read_text().splitlines()
    states = [field(job, "JobState") for job in jobs]
    planned = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", submitted.stderr, re.MULTILINE)}
    assert states == ["COMPLETED"] * sum(count for name, count in planned.items() if name not in LOCAL)
    assert planned["train"] == 2
    trained = [job for job in jobs if "TresPerJob=" in job]
    asked = [[field(job, name) for name in ("TresPerJob", "NumCPUs", "MinMemoryNode", "TimeLimit")] for job in trained]
    assert asked == [["gres:gpu:1", "4", "2000M", "00:30:00"]] * 2
    local = run(here, *HERE)
    assert local.returncode == 0, local.stderr
    assert results(there) == results(here)
    again = run(there, *HERE)  # whoever ran it: there is nothing left to do
    assert "Nothing to be done" in again.stderr


def test_a_cluster_without_accounting_is_said_before_a_job_is_submitted(tmp_path: Path):
    project = copy(tmp_path / "project")
    done = in_cluster(tmp_path / "slurm", snakemake(*ON_SLURM), project, environment(project))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ConfigError")]
    assert "keeps no accounting (sacct: " in line and line.endswith("MinJobAge of some minutes)")
    assert "JobId=" not in (tmp_path / "slurm" / "jobs.txt").read_text()


def copy(project: Path) -> Path:
    """A copy of the project, with a config that reserves a GPU for every cell."""
    for name in COPIED:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, project / name)
    (project / "reserving.yaml").write_text((project / CONFIG).read_text() + RESERVED)
    return project


def environment(project: Path) -> dict[str, str]:
    """This process's environment, with the copy's modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SNAKEMAKE", "MLFLOW"))}
    return kept | {"PYTHONPATH": os.pathsep.join([str(project), os.environ.get("PYTHONPATH", "")])}


def snakemake(*options: str) -> list[str]:
    """The command."""
    return [sys.executable, "-m", "snakemake", *options]


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Snakemake in a copy of the project, without a cluster."""
    return subprocess.run(snakemake(*options), cwd=project, env=environment(project), capture_output=True, text=True)


def field(job: str, name: str) -> str:
    """A field of a line that SLURM left of a job."""
    found = re.search(rf"\b{name}=(\S*)", job)
    assert found, f"no {name} in {job}"
    return found.group(1)


def results(project: Path) -> dict[str, object]:
    """What a run leaves: bytes of weights, data, answers, tables and pictures; step lines without their times."""
    folder = project / "results" / "smoke" / "micro"
    walked = os.walk(folder, followlinks=True)  # the cache's folders too; MLflow names its own at random
    every = [Path(place, file) for place, _, files in walked for file in files if "mlflow" not in Path(place).parts]
    files = [path for path in every if path.suffix in (".safetensors", ".parquet", ".md", ".csv")]
    assert len([path for path in files if path.name == "adapter_model.safetensors"]) == 2
    found: dict[str, object] = {name(path, folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for path in [path for path in every if path.name == "train.jsonl"]:
        found[name(path, folder)] = [untimed(json.loads(line)) for line in path.read_text().splitlines()]
    for path in [path for path in every if path.name == "scores.json"]:
        found[name(path, folder)] = untimed(json.loads(path.read_text()))
    return found


def name(path: Path, folder: Path) -> str:
    """Path inside a folder."""
    return str(path.relative_to(folder))


def untimed(record: dict[str, object]) -> dict[str, object]:
    """A record without what says when and how long."""
    return {key: value for key, value in record.items() if key not in TIMES}
