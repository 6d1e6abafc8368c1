"""What each role's environment must be able to import, and the check that it can. Imports no torch itself."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from contracts.paths import ROOT

PROBE = Path(__file__).with_name("import_probe.py")
FLASH_ATTENTION = "flash_attn"  # in no package index: envs/easyr1-wheels.txt


@dataclass(frozen=True)
class Role:
    """One lock of ``envs/``: the modules that run in its environment, and its Python."""

    python: str  # major.minor
    modules: tuple[str, ...]
    of_checkout: tuple[str, ...] = ()  # those that need EasyR1's checkout on the path
    triton: bool = False  # kernels are compiled when they first run: a compiler and Python's headers are needed


_LMMS_TASKS = (  # the functions of the five tasks' YAML files
    "lmms_eval.tasks.dynamath.reasoning.utils",
    "lmms_eval.tasks.logicvista.reasoning.utils",
    "lmms_eval.tasks.mathvision.utils",
    "lmms_eval.tasks.mmmu.utils",
    "lmms_eval.tasks.wemath.reasoning.utils",
)
ROLES: dict[str, Role] = {
    "local": Role(
        python="3.11",
        modules=(
            *("snakemake", "mlflow", "datasets", "pyarrow.parquet", "torch", "torchvision", "transformers", "peft"),
            *("lmms_eval.evaluator", *_LMMS_TASKS, "evals.run", "evals.local_model"),
            *("methods.engines.local.train", "methods.engines.local.vllm.train", "methods.engines.easyr1.train"),
            *("methods.micro.bases", "methods.micro.benchmarks", "evals.analysis.report.page"),
            *("workflows.lib.dag.study", "workflows.lib.publish.tracking"),
        ),
    ),
    "easyr1": Role(
        python="3.12",
        modules=(
            *("snakemake", "datasets", "pyarrow.parquet", "torch", "torchvision", "torchdata", "tensordict", "ray"),
            *("transformers", "peft", "vllm", "mathruler.grader", "math_verify", "qwen_vl_utils"),
            *("methods.engines.easyr1.train", "methods.engines.easyr1.run", "methods.engines.easyr1.reward"),
        ),
        of_checkout=(
            *("verl.trainer.main", "verl.workers.fsdp_workers", "verl.workers.actor.dp_actor"),
            *("verl.workers.rollout.vllm_rollout_spmd", "verl.workers.sharding_manager.fsdp_vllm"),
            *("methods.engines.easyr1.config", "methods.engines.easyr1.data"),
            *("methods.engines.easyr1.trainer", "methods.engines.easyr1.worker"),
        ),
        triton=True,
    ),
    "eval": Role(
        python="3.12",
        modules=(
            *("snakemake", "datasets", "pyarrow.parquet", "torch", "torchvision", "transformers", "peft", "vllm"),
            *("lmms_eval.evaluator", "lmms_eval.models.chat.vllm", *_LMMS_TASKS),
            *("evals.vllm.run", "evals.vllm.model", "methods.engines.local.vllm.worker"),
        ),
        triton=True,
    ),
}


class ImportReport(BaseModel):
    """What ``import_probe.py`` found in one Python."""

    python: str  # major.minor
    failed: dict[str, str]  # module -> why
    compiler: str | None
    headers: bool


def modules_of(role: str, checkout: Path | None, flash_attention: bool) -> list[str]:
    """Modules to import for a role; those of EasyR1 only with its ``checkout``."""
    found = ROLES[role]
    more = (FLASH_ATTENTION,) if role == "easyr1" and flash_attention else ()
    return [*found.modules, *more, *(found.of_checkout if checkout is not None else ())]


def try_imports(python: str, modules: list[str], checkout: Path | None = None) -> ImportReport:
    """Import ``modules`` in another Python, with this project (and ``checkout``) on its path; takes up to minutes.

    A Python that ends before it can answer, for instance in a crash of a compiled module, is reported as a failure of
    all modules.
    """
    given = [str(ROOT), *([str(checkout)] if checkout is not None else []), os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, given)), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([python, str(PROBE), *modules], env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode == 0:
        return ImportReport.model_validate(json.loads(done.stdout.splitlines()[-1]))
    word = (done.stderr.splitlines() or ["it said nothing"])[-1][:300]
    ended = f"Python ended with status {done.returncode}: {word}"
    return ImportReport(python="unknown", failed=dict.fromkeys(modules, ended), compiler=None, headers=False)
