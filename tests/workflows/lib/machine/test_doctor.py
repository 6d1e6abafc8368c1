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
from workflows.lib.cache.digest import pins
from workflows.lib.config.loading import read_yaml
from workflows.lib.config.schema import Config
from workflows.lib.hub.needs import Locked, LockedFile, needs, snapshot
from workflows.lib.machine import doctor, role_environments, role_imports
from workflows.lib.machine.facts import Gpu, Machine, packages_of, wanted_mb
from workflows.lib.machine.role_environments import ENVS, import_findings
from workflows.lib.machine.role_imports import ROLES, ImportReport, Role

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
    assert found["GPUs"].startswith("STOP GPUs: 0 (nvidia-smi names none) (expected: 1); run it on a GPU node")
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
    assert stops(NODE, chosen, lock).keys() == {"environment eval (evaluation.vllm.python)"}
    chosen = chosen.model_copy(update={"evaluation": chosen.evaluation.model_copy(update={"backend": "local"})})
    assert stops(NODE, chosen, lock) == {}
    lock["models/Qwen/Qwen3-VL-4B-Instruct"].files["model.safetensors"] = LockedFile(size=10**11, digest="git:0")
    assert stops(NODE, chosen, lock).keys() == {"GPU memory", "model Qwen/Qwen3-VL-4B-Instruct"}
    old = Machine((3, 12), 64, 1_000_000, (Gpu("H", 200_000, "470.1"),) * 4, {})
    assert {"GPU driver for training", "GPU driver for evaluation"} < stops(old, chosen, lock).keys()


def test_a_checkout_of_another_commit(tmp_path: Path):
    easyr1 = config("paper.yaml").easyr1.model_copy(update={"checkout": str(tmp_path)})
    found = stops(NODE, config("paper.yaml", easyr1=easyr1))["EasyR1"]
    assert found.startswith(f"STOP EasyR1: {tmp_path} is no checkout of EasyR1 (expected: commit b44b311")


def test_gpus_that_are_hidden_and_a_driver_that_does_not_answer():
    chosen = config("paper-8gpus.yaml", engine="local")
    hidden = replace(NODE, environment={"CUDA_VISIBLE_DEVICES": "0, 1"})
    assert stops(hidden, chosen)["GPUs"].startswith("STOP GPUs: 2 (8 H, the others hidden) (expected: 8); name more in")
    broken = replace(LAPTOP, driver_trouble="couldn't communicate with the NVIDIA driver")
    assert "nvidia-smi fails: couldn't communicate" in stops(broken, chosen)["GPUs"]
    mixed = replace(NODE, gpus=(*NODE.gpus[:7], Gpu("old", 8_000, "470.1")))
    line = stops(mixed, chosen)["GPU driver for training"]
    assert line.startswith("STOP GPU driver for training: 470.1 (expected: 580 or later)")


def test_each_environment_asks_for_the_driver_of_its_own_cuda():
    older = replace(NODE, gpus=(Gpu("H", 80_000, "550.54"),))
    found = {what for what in stops(older, config("paper.yaml")) if what.startswith("GPU driver")}
    assert found == {"GPU driver for evaluation"}  # EasyR1's environment has CUDA 12


def test_cells_side_by_side_want_a_disk_for_each():
    one, eight = (wanted_mb("paper", gpus, 1) for gpus in (1, 8))
    assert eight - one == 7 * 36_000 and wanted_mb("paper", 8, 8) == one == wanted_mb("paper", None, 1)
    assert wanted_mb("micro", 8, 0) == 500


def lines_of(chosen: Config, deployed: bool = False) -> dict[str, str]:
    found = doctor.examine(chosen, NODE, {}, Path("results/x"), deployed)
    return {finding.what: finding.line for finding in found}


def with_pythons(easyr1: str | None = None, evaluation: str | None = None) -> Config:
    chosen = config("paper.yaml")
    vllm = chosen.evaluation.vllm.model_copy(update={"python": evaluation})
    return chosen.model_copy(
        update={
            "easyr1": chosen.easyr1.model_copy(update={"python": easyr1}),
            "evaluation": chosen.evaluation.model_copy(update={"vllm": vllm}),
        }
    )


@pytest.mark.parametrize(("role", "key"), [("easyr1", "easyr1.python"), ("eval", "evaluation.vllm.python")])
def test_a_role_without_a_python_stops(role: str, key: str):
    what = f"environment {role} ({key})"
    assert lines_of(with_pythons())[what].startswith(f"STOP {what}: {key} names none, so the packages of envs/local")
    assert lines_of(with_pythons(), deployed=True)[what].startswith(f"ok   {what}: made by --sdm")
    nowhere = lines_of(with_pythons("/no/python", "/no/python"))
    assert f"/no/python cannot be run (expected: the {len(pins(ENVS / f'{role}.txt'))} of" in nowhere[what]


def test_rollouts_on_vllm_need_a_python_whatever_sdm_makes():
    chosen = config("paper.yaml", engine="local")
    settings = chosen.engine_settings.model_copy(update={"rollouts": "vllm"})
    found = lines_of(chosen.model_copy(update={"engine_settings": settings}), deployed=True)
    assert found["environment eval (engine_settings.vllm.python)"].startswith("STOP ")
    assert found["environment eval (evaluation.vllm.python)"].startswith("ok ")


def test_another_environment_is_compared_with_its_lock_and_imports_what_runs_in_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(role_imports.ROLES, "eval", Role("3.11", ("json", "no_such_module"), triton=True))
    found = lines_of(with_pythons(sys.executable, sys.executable).model_copy(update={"engine": "local"}))
    line = found["environment eval (evaluation.vllm.python)"]
    assert re.search(r": \d+ differ: no [\w.-]+, ", line)
    assert line.endswith(f"{sys.executable} -m pip install --no-deps --require-hashes -r envs/eval.txt")
    line = found[f"imports of {sys.executable}"]
    assert "no_such_module (ModuleNotFoundError: No module named 'no_such_module')" in line and "json" not in line
    names = [f"{name}=={found}" for name, found in (packages_of(sys.executable) or {}).items()]
    monkeypatch.setattr(role_environments, "pins", lambda path: dict(name.split("==") for name in names))
    monkeypatch.setitem(role_imports.ROLES, "eval", Role("3.11", ("json",), triton=True))
    found = lines_of(with_pythons(sys.executable, sys.executable).model_copy(update={"engine": "local"}))
    assert "all as locked" in found["environment eval (evaluation.vllm.python)"]
    assert found[f"imports of {sys.executable}"].startswith("ok ")


def test_a_compiler_and_headers_are_asked_for_where_kernels_are_compiled():
    bare = ImportReport(python="3.12", failed={}, compiler=None, headers=False)
    found = [finding.line for finding in import_findings("easyr1", "/envs/python", bare)]
    assert found[0].startswith("ok ")
    assert found[1].startswith("STOP compiler for /envs/python: none (expected: gcc, clang or $CC); install gcc")
    assert found[2].endswith("not here (expected: Python.h); install Python's headers (Debian: python3.12-dev)")
    assert len(list(import_findings("local", "/envs/python", bare))) == 1


def test_a_python_that_dies_while_it_imports_is_reported(tmp_path: Path):
    (tmp_path / "killer.py").write_text("import os; os._exit(9)")
    report = role_imports.try_imports(sys.executable, ["json", "killer"], tmp_path)
    assert report.failed == dict.fromkeys(["json", "killer"], "Python ended with status 9: it said nothing")


def test_every_module_that_a_role_imports_exists_in_this_project():
    own = [name for role in ROLES.values() for name in (*role.modules, *role.of_checkout)]
    own = [name for name in own if name.startswith(("methods.", "evals.", "workflows."))]
    assert len(own) > 15
    assert [name for name in own if not (ROOT / (name.replace(".", "/") + ".py")).is_file()] == []


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


def test_a_build_of_vllm_for_cpus_is_asked_for_its_version(tmp_path: Path):
    chosen = with_pythons(evaluation=str(tmp_path / "python"))
    on_cpu = chosen.evaluation.model_copy(update={"device": "cpu"})
    line = lines_of(chosen.model_copy(update={"evaluation": on_cpu}))["environment eval (evaluation.vllm.python)"]
    assert line.endswith("python cannot be run (expected: vllm 0.32.0, lmms_eval 0.7.3); " + line.rpartition("; ")[2])
