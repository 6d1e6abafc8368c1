"""Checks before EasyR1 starts. Each problem is an error of one line that says what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from packaging.specifiers import SpecifierSet

from contracts.errors import ConfigError
from contracts.versions import installed
from methods.engines.easyr1.checkout import COMMIT
from methods.engines.easyr1.job import TrainingJob
from methods.shared.limits import ENGINE_LACKS, check_engine_gives, check_engine_option

# sha256 of its package verl at COMMIT, see source_digest
EASYR1_SOURCE = "728ad0238d11f45ca5ee1885fae6347f40ead81a8c4d105372c14ef9e0573cd8"
TESTED = {  # package -> versions tested with (flash-attn: that EasyR1 asks for), and what goes wrong outside
    "transformers": (">=4.57,<5", "EasyR1 is written for transformers 4; Qwen3-VL came with 4.57"),
    "peft": (">=0.18,<=0.20.0", "later ones give EasyR1 no LoRA tensors, so vLLM would roll out the base model"),
    "vllm": (">=0.11.0,<0.12", "0.12 drops a symbol that EasyR1 imports"),
    "flash-attn": (">=2.4.3,<3", "EasyR1 loads its model with it, packed or not; it is in envs/easyr1-wheels.txt"),
    "omegaconf": ("<2.4", "2.4 refuses EasyR1's config classes"),
}
VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # LoRA ranks that vLLM 0.11 has kernels for


def check_job(job: TrainingJob) -> None:
    """Raise ConfigError for an option that EasyR1 does not have or would silently do wrong."""
    _check_lengths(job)
    _check_shares(job)
    method, easyr1 = job.method, job.easyr1
    for need in (name for name in ENGINE_LACKS["easyr1"] if getattr(method, name)):
        check_engine_gives("easyr1", need, job.cell.method)
    if method.draws() > 1:
        check_engine_option("easyr1", "dynamic_sampling", True)
    if not method.student_image:
        cause = "vLLM counts the positions of a prompt without its image in another way than the updates would"
        raise ConfigError("option student_image", cause, "leave it true, or use engine: local")
    if method.lora_rank and method.lora_rank not in VLLM_RANKS:
        known = ", ".join(map(str, VLLM_RANKS))
        raise ConfigError("option lora_rank", f"vLLM has no kernels for rank {method.lora_rank}", f"use one of {known}")
    if easyr1.nodes > 1 and easyr1.ray_address is None:
        raise ConfigError(
            "easyr1.ray_address", f"{easyr1.nodes} nodes need a running Ray cluster",
            "start one with `ray start` on every node and set ray_address: auto",
        )  # fmt: skip


def _check_lengths(job: TrainingJob) -> None:
    method, most = job.method, job.easyr1.max_batched_tokens
    needed = method.max_prompt + method.max_response
    parts = f"max_prompt {method.max_prompt} + max_response {method.max_response} = {needed}"
    if 0 < method.max_model_len < needed and not method.cut_adds_end:
        cause = f"{method.max_model_len} is below {parts}: EasyR1 pads a response that is cut with a token that ends it"
        raise ConfigError("option max_model_len", cause, f"set it to 0 or at least {needed}, or cut_adds_end to true")
    if most < needed:
        raise ConfigError("easyr1.max_batched_tokens", f"{most} is below {parts}", f"raise it to {needed} at least")


def _check_shares(job: TrainingJob) -> None:
    """Raise ConfigError unless prompts, mini-batches and rollouts can be divided equally among the workers."""
    method, workers = job.method, job.workers
    if method.prompts % method.minibatch_prompts:
        raise ConfigError(
            "option minibatch_prompts", f"EasyR1 cannot cut {method.prompts} prompts into parts of "
            f"{method.minibatch_prompts}", "choose a divisor of `prompts`",
        )  # fmt: skip
    if method.prompts % workers:
        cause = f"{method.prompts} prompts cannot be shared evenly by {workers} workers"
        raise ConfigError("option prompts", cause, "change prompts, easyr1.nodes or easyr1.gpus_per_node")
    rollouts = method.minibatch_prompts * method.group_size
    if rollouts % workers:
        cause = f"{rollouts} rollouts of a mini-batch cannot be shared evenly by {workers} workers"
        raise ConfigError("option minibatch_prompts", cause, "change it, easyr1.nodes or easyr1.gpus_per_node")
    if workers % job.easyr1.tensor_parallel:
        cause = f"{workers} workers cannot be grouped by {job.easyr1.tensor_parallel}"
        raise ConfigError("easyr1.tensor_parallel", cause, "choose a divisor of the number of GPUs")


def check_versions(versions: Mapping[str, str | None]) -> None:
    """Raise ConfigError for a package outside the tested range; None means it is not installed."""
    for name, (tested, reason) in TESTED.items():
        installed = versions.get(name)
        if installed is None or not SpecifierSet(tested).contains(installed, prereleases=True):
            cause = f"{name} {installed or '(not installed)'} is outside the tested range {tested}: {reason}"
            raise ConfigError("environment", cause, "install envs/easyr1.txt and set easyr1.python to its Python")


def installed_versions() -> dict[str, str | None]:
    """Versions of the packages of :data:`TESTED` in this environment."""
    return {name: installed(name) for name in TESTED}


def check_checkout(checkout: Path) -> None:
    """Raise ConfigError unless ``checkout`` holds EasyR1 as it was at :data:`COMMIT`, unmodified."""
    if not (checkout / "verl" / "trainer" / "main.py").is_file():
        raise ConfigError(
            "easyr1.checkout", f"no EasyR1 in {checkout}",
            "run `make fetch`, or name the folder of a checkout",
        )  # fmt: skip
    if source_digest(checkout) != EASYR1_SOURCE:
        raise ConfigError(
            "easyr1.checkout", f"{checkout} is not EasyR1 as of commit {COMMIT[:7]}, unmodified",
            f"git -C {checkout} checkout --force {COMMIT[:7]}",
        )  # fmt: skip


def source_digest(checkout: Path) -> str:
    """sha256 over the Python files of the package ``verl``, names and contents."""
    digest = hashlib.sha256()
    for file in sorted((checkout / "verl").rglob("*.py")):
        digest.update(f"{file.relative_to(checkout).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()
