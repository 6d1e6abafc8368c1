"""What the doctor says of machines that are and are not ready."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.config.loading import read_yaml
from workflows.lib.config.schema import Config
from workflows.lib.hub.needs import Locked, LockedFile, needs, snapshot
from workflows.lib.machine import doctor
from workflows.lib.machine.facts import Gpu, Machine, packages_of

CONFIGS = ROOT / "workflows" / "configs"
LAPTOP = Machine((3, 11), 2, 8000, (), {})
NODE = Machine((3, 12), 64, 1_000_000, (Gpu("H", 80_000, "580.65"),) * 8, {"HF_TOKEN": "hf_secret"})


@pytest.fixture(autouse=True)
def plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room and a hub's cache of its own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(doctor, "free_mb", lambda folder: 1e6)


def config(name: str, **change: Any) -> Config:
    return read_yaml(Config, CONFIGS / name).model_copy(update=change)


def stops(machine: Machine, chosen: Config, lock: dict[str, Locked] | None = None) -> dict[str, str]:
    """What blocks a run, with the whole line."""
    found = doctor.examine(chosen, machine, lock or {}, Path("results/x"))
    return {finding.what: finding.line for finding in found if finding.way_out}


def test_the_micro_world_needs_no_gpu_and_no_network():
    assert stops(LAPTOP, config("micro.yaml")) == {}


def test_an_old_python_little_memory_and_a_full_disk(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "free_mb", lambda folder: 100.0)
    old = Machine((3, 9), 2, 1000, (), {})
    found = stops(old, config("micro.yaml"))
    assert found.keys() == {"Python", "memory", "disk of results/x"}
    assert found["Python"] == "STOP Python: 3.9 (expected: 3.11 or later); make PYTHON=<a newer one>"
    assert found["memory"].startswith("STOP memory: 1000 MB (expected: 2500 MB for the largest job); lower")


def test_packages_that_are_not_as_locked():
    finding = doctor._packages({"numpy": "0.1", "no-such-package": "1"})
    assert finding.found.startswith("2 differ: no no-such-package, numpy ")
    assert finding.way_out == "delete .venv; the next make installs it again"


def test_the_paper_world_on_a_laptop():
    found = stops(LAPTOP, config("paper.yaml", engine="local"))
    assert {"GPUs", "memory", "model Qwen/Qwen3-VL-2B-Instruct", "dataset hiyouga/geometry3k"} <= found.keys()
    assert found["GPUs"].startswith("STOP GPUs: 0 (nvidia-smi names none) (expected: 8); run it on a GPU node")
    assert all("run: make fetch" in line for what, line in found.items() if what.startswith(("model", "dataset")))


def test_the_paper_world_on_a_node_that_has_everything():
    chosen = config("paper.yaml", engine="local")
    lock = {}
    for need in needs(chosen):
        commit = need.revision or "a" * 40
        name = "model.safetensors" if need.kind == "model" else "data/test-0.parquet"
        (snapshot(need, commit) / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot(need, commit) / name).write_bytes(b"12345")
        lock[need.key] = Locked(revision=commit, files={name: LockedFile(size=5, digest="sha256:00")})
    assert stops(NODE, chosen, lock) == {}
    lock["models/Qwen/Qwen3-VL-4B-Instruct"].files["model.safetensors"] = LockedFile(size=10**11, digest="git:0")
    assert stops(NODE, chosen, lock).keys() == {"GPU memory", "model Qwen/Qwen3-VL-4B-Instruct"}
    old = Machine((3, 12), 64, 1_000_000, (Gpu("H", 200_000, "470.1"),) * 4, {})
    assert {"GPUs", "GPU driver"} < stops(old, chosen, lock).keys()


def test_a_checkout_of_another_commit(tmp_path: Path):
    easyr1 = config("paper.yaml").easyr1.model_copy(update={"checkout": str(tmp_path)})
    found = stops(NODE, config("paper.yaml", easyr1=easyr1))["EasyR1"]
    assert found.startswith(f"STOP EasyR1: {tmp_path} is no checkout of EasyR1 (expected: commit b44b311")


def test_gpus_that_are_hidden_and_a_driver_that_does_not_answer():
    chosen = config("paper.yaml", engine="local")
    hidden = replace(NODE, environment={"CUDA_VISIBLE_DEVICES": "0, 1"})
    assert stops(hidden, chosen)["GPUs"].startswith("STOP GPUs: 2 (8 H, the others hidden) (expected: 8); name more in")
    broken = replace(LAPTOP, driver_trouble="couldn't communicate with the NVIDIA driver")
    assert "nvidia-smi fails: couldn't communicate" in stops(broken, chosen)["GPUs"]
    mixed = replace(NODE, gpus=(*NODE.gpus[:7], Gpu("old", 8_000, "470.1")))
    assert stops(mixed, chosen)["GPU driver"].startswith("STOP GPU driver: 470.1 (expected: 580 or later)")


def test_the_environment_that_trains():
    def line(deployed: bool = False, **where: str) -> str:
        chosen = config("paper.yaml", easyr1=config("paper.yaml").easyr1.model_copy(update=where))
        found = doctor.examine(chosen, NODE, {}, Path("results/x"), deployed)
        return next(finding.line for finding in found if finding.what == "environment easyr1")

    assert line().startswith("STOP environment easyr1: easyr1.python names none, so the packages of envs/local.txt")
    assert line(deployed=True).startswith("ok   environment easyr1: made by --sdm")
    assert "/no/python cannot be run" in line(python="/no/python")
    here = line(python=sys.executable)
    assert re.search(r": \d+ differ: no [\w.-]+, ", here)
    assert here.endswith(f"{sys.executable} -m pip install --no-deps --require-hashes -r envs/easyr1.txt")


def test_another_environment_that_is_as_locked(monkeypatch: pytest.MonkeyPatch):
    names = [f"{name}=={found}" for name, found in (packages_of(sys.executable) or {}).items()]
    assert names
    monkeypatch.setattr(doctor, "pins", lambda path: dict(name.split("==") for name in names))
    assert doctor._environment("easyr1", "easyr1.python", sys.executable, False).found == "all as locked"


def test_what_would_change_scores_is_named_and_tokens_are_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("USE_LLM_JUDGE", "True")
    assert stops(LAPTOP, config("micro.yaml"))["environment"].endswith("; unset USE_LLM_JUDGE")
    monkeypatch.delenv("USE_LLM_JUDGE")
    lines = [finding.line for finding in doctor.examine(config("paper.yaml"), NODE, {}, Path("results/x"))]
    assert not any("hf_secret" in line for line in lines)
    assert any(line.startswith("ok   HF_TOKEN: set") for line in lines)


def test_the_report_ends_with_an_error_if_something_blocks():
    said: list[str] = []
    good, bad = doctor.MachineFinding("a", "1", "1"), doctor.MachineFinding("b", "1", "2", "change it")
    doctor.report([good], said.append)
    with pytest.raises(ConfigError, match=r"^doctor: 1 of 2 checks failed; each line with STOP has its way out$"):
        doctor.report([good, bad], said.append)
    assert said == [good.line, good.line, bad.line]


def test_a_python_that_has_no_vllm(tmp_path: Path):
    place, chosen = "evaluation.vllm.python", config("paper.yaml")
    assert place not in stops(NODE, chosen)  # null: each job has its environment from Snakemake
    vllm = chosen.evaluation.vllm.model_copy(update={"python": str(tmp_path / "python")})
    named = chosen.model_copy(update={"evaluation": chosen.evaluation.model_copy(update={"vllm": vllm})})
    line = stops(NODE, named)[place]
    assert line.startswith(f"STOP {place}: {tmp_path}/python cannot be run (No such file or directory)")
    assert "(expected: vllm 0.32.0, lmms_eval 0.7.3); name the Python of an environment with envs/eval.txt" in line
