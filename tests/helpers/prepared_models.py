"""Prepared models of a base that can solve some problems, as small as they can be."""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from contracts.paths import ROOT
from contracts.prepared import PreparedPlan
from methods.base import load_method
from methods.engines.registry import PREPARED
from methods.shared.prepared import deciding

BASE = ROOT / "results" / "bases" / "micro" / "small" / "s1" / "model"  # a committed one
OPTIONS = {"lr": 1e-3, "max_prompt": 256, "max_response": 96, "prompts": 2, "group_size": 4, "minibatch_prompts": 2}
FEW = {"prepared_problems": 8, "prepared_rollouts": 4, "prepared_lr": 1e-3, "prepared_batch": 8}
OF_METHOD = {"prm": FEW | {"prepared_continuations": 1, "prepared_problems": 8}, "cdpo": FEW}


def plan(method: str, **changed: object) -> PreparedPlan:
    """What is prepared for a method."""
    made = load_method(method, OPTIONS | OF_METHOD[method] | changed)
    return PreparedPlan(
        world="micro", kind=made.prepared, scale="small", seed=1, device="cpu", dtype="float32", micro_batch=64,
        grade_deadline=5.0, options=deciding(made.prepared, asdict(made)), digests={},
    )  # fmt: skip


def prepare(wanted: PreparedPlan, data: Path, out: Path) -> Path:
    """Prepare it in ``out``, from the training problems in the folder ``data``."""
    out.mkdir(exist_ok=True)
    import_module(PREPARED[wanted.kind]).prepare(wanted, BASE, data / "train.parquet", out)
    return out
