"""The smoke run through the slurm profile on a real SLURM of one node: `make test-slurm`."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import cluster, obstacle

ROOT = Path(__file__).parents[2]
COPIED = [
    "Snakefile",
    "workflows",
    "methods",
    "evals",
    "envs",
    "results/published",
]  # so that no other run is disturbed
PLUGIN = "snakemake_executor_plugin_slurm"
LOCAL = {"all", "track", "total"}  # not submitted

pytestmark = [
    pytest.mark.skipif(bool(obstacle()), reason=obstacle()),
    pytest.mark.skipif(importlib.util.find_spec(PLUGIN) is None, reason=f"not installed: {PLUGIN} (make slurm)"),
    pytest.mark.timeout(1500),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / "project" / name)
    return tmp_path / "project"


def test_the_smoke_run_on_slurm(project: Path, tmp_path: Path):
    with cluster(tmp_path / "slurm") as environment:
        first = smoke(environment, project)
        print(first.stderr)
        assert first.returncode == 0
        jobs = (tmp_path / "slurm" / "jobs.txt").read_text().splitlines()
        second = smoke(environment, project)
    states = [re.search(r"JobState=(\w+)", job).group(1) for job in jobs]  # pyright: ignore[reportOptionalMemberAccess]
    planned = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", first.stderr, re.MULTILINE)}
    assert states == ["COMPLETED"] * sum(count for name, count in planned.items() if name not in LOCAL)
    assert planned["train"] == 2
    assert (project / "results" / "smoke" / "micro" / "tables" / "table2.md").is_file()
    assert "Nothing to be done" in second.stderr


def smoke(environment: dict[str, str], project: Path) -> subprocess.CompletedProcess[str]:
    """The smoke run of a copy of the project."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("SNAKEMAKE", "MLFLOW"))}
    own = {"PYTHONPATH": os.pathsep.join([str(project), environment.get("PYTHONPATH", "")])}
    options = ["--workflow-profile", "workflows/profiles/slurm", "--configfile", "workflows/configs/smoke.yaml"]
    quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10"]
    command = [sys.executable, "-m", "snakemake", *options, *quick]
    return subprocess.run(command, cwd=project, env=kept | own, capture_output=True, text=True)
