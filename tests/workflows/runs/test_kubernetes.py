"""The kubernetes profile up to kubectl: a stand-in for kubectl notes what it is given and runs it, without a pod."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.copies import Project, copy_project

PLUGIN = "snakemake_executor_plugin_cluster_generic"
KUBECTL = """#!{python}
import json, subprocess, sys
from pathlib import Path
folder = Path({folder!r})
if sys.argv[1] == "create":
    job = json.load(sys.stdin)
    name = f"job.batch/{{job['metadata']['generateName']}}{{len(list(folder.glob('*.json')))}}"
    container = job["spec"]["template"]["spec"]["containers"][0]
    done = subprocess.run(container["command"], cwd=container["workingDir"], capture_output=True, text=True)
    state = "succeeded=1 failed=" if done.returncode == 0 else "succeeded= failed=1"
    path = folder / (name.replace("/", "-") + ".json")
    path.write_text(json.dumps({{"job": job, "state": state, "said": done.stderr}}))
    print(name)
else:
    print(json.loads((folder / (sys.argv[2].replace("/", "-") + ".json")).read_text())["state"], end="")
"""

CELL = "results/smoke/micro/cells/cepo/tiny/default/s1/train.jsonl"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec(PLUGIN) is None, reason=f"not installed: {PLUGIN} (make slurm)"),
    pytest.mark.timeout(900),
]


def test_every_job_is_a_pod_that_reserves_what_its_rule_does(tmp_path: Path):
    fresh = copy_project(tmp_path / "project")
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path)))
    kubectl.chmod(0o755)
    config = (fresh.root / "workflows/configs/smoke.yaml").read_text()
    (fresh.root / "pods.yaml").write_text(f"{config}\nresources: {{train: {{gpus: 8, mem_mb: 3000, minutes: 7}}}}\n")
    done = kubernetes(fresh, f"{kubectl.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    jobs = [json.loads(path.read_text())["job"]["spec"] for path in tmp_path.glob("*.json")]
    containers = [job["template"]["spec"]["containers"][0] for job in jobs]
    assert {container["image"] for container in containers} == {"cepo-bench:1"}
    trained = [job for job in jobs if job["activeDeadlineSeconds"] == 7 * 60]
    limits = [job["template"]["spec"]["containers"][0]["resources"]["limits"] for job in trained]
    assert limits == [{"memory": "3000M", "nvidia.com/gpu": "8"}]
    assert len(fresh.ran()) == len(jobs) == 3  # problems, base model, cell


def kubernetes(project: Project, path: str) -> subprocess.CompletedProcess[str]:
    """A cell and all it needs through the profile."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "MLFLOW"))}
    pod = {"IMAGE": "cepo-bench:1", "CLAIM": "cepo-bench", "MOUNT": str(project.root), "PATH": path}
    modules = os.pathsep.join([str(project.root), os.environ.get("PYTHONPATH", "")])
    options = ["--workflow-profile", "workflows/profiles/kubernetes", "--configfile", "pods.yaml"]
    command = [sys.executable, "-m", "snakemake", CELL, *options, "--latency-wait", "5"]
    return subprocess.run(
        command, cwd=project.root, env=kept | pod | {"PYTHONPATH": modules}, capture_output=True, text=True
    )
