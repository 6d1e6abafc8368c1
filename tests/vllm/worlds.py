"""A trained micro base, one adapter and the five benchmarks, made by the workflow itself (at once, if it has them)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from evals.benchmarks import BENCHMARKS
from evals.vllm.job import VllmJob, evaluate
from evals.vllm.settings import Evaluation, VllmSettings

ROOT = Path(__file__).parents[2]
LENGTH = 512  # tokens, more than any prompt and response here
STEPS = 10  # of training the adapter: enough to change answers


@dataclass(frozen=True)
class World:
    """Where the files are, and the Python that has vLLM."""

    results: Path
    python: str

    @property
    def base(self) -> Path:
        return self.results / "models" / "small" / "s1" / "model"

    @property
    def adapter(self) -> Path:
        return self.results / "cells" / "grpo" / "small" / "default" / "s1" / "adapter"

    @property
    def benchmarks(self) -> dict[str, Path]:
        return {name: self.results / "benchmarks" / f"{name}.parquet" for name in BENCHMARKS}

    def settings(self, vllm: dict | None = None, **settings: object) -> Evaluation:
        """Those of the micro world, in one batch, on vLLM."""
        use = VllmSettings(**{"python": self.python, "max_model_len": LENGTH, "enforce_eager": True} | (vllm or {}))
        plain = {"presence_penalty": 0.0, "max_new_tokens": 96, "batch_size": 4096}
        return Evaluation(backend="vllm", vllm=use, **plain | settings)

    def job(self, out: Path, settings: Evaluation, adapter: bool = False, **others: object) -> VllmJob:
        files = {"samples": out / "samples.parquet", "raw": out / "lmms", "benchmarks": self.benchmarks}
        place = {"base": self.base, "adapter": self.adapter if adapter else None}
        return VllmJob(**{"cell_name": "a/b/c/s1", "settings": settings, "seed": 1} | files | place | others)

    def evaluate(self, out: Path, settings: Evaluation, adapter: bool = False, **others: object) -> Path:
        evaluate(self.job(out, settings, adapter, **others))
        return out


def config(results: Path, evaluation: dict) -> dict:
    """The micro world with one scale, one method, few steps. Its base is the micro world's, cached if that was made."""
    micro = yaml.safe_load((ROOT / "workflows" / "configs" / "micro.yaml").read_text())
    options = {"all": micro["options"]["all"] | {"steps": STEPS}}
    small = {"small": micro["scales"]["small"]}
    own = {"results_dir": str(results), "scales": small, "methods": ["grpo"], "options": options, "variants": {}}
    return micro | own | {"check_bases": False, "evaluation": micro["evaluation"] | evaluation}


def make(folder: Path, settings: dict, targets: list[str]) -> None:
    """Let the workflow make ``targets`` of a config."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(settings))
    command = ["snakemake", "--nolock", "--configfile", file, "--workflow-profile", "workflows/profiles/local"]
    command[0] = str(ROOT / ".venv" / "bin" / "snakemake")
    limits = ["--cores", "1", "--resources", "mem_mb=6000", "gpu=0"]
    done = subprocess.run([*map(str, command), *limits, "--", *targets], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
