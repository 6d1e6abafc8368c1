"""Train one cell with the local engine, its rollouts sampled by vLLM."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from contracts.errors import ConfigError
from contracts.records import Cell
from contracts.rollouts import Label
from methods.base import load_method
from methods.engines.local import train as plain
from methods.engines.local.vllm.rollout import VllmRollouts
from methods.engines.local.vllm.settings import LocalSettings
from methods.shared.limits import check_engine_options

SETTINGS = LocalSettings  # the settings that ``train`` takes


def train(
    cell: Cell, data: Path, validation: Path, base: Path, out: Path, settings: LocalSettings,
    label: Label | None = None, prepared: Path | None = None,
) -> None:  # fmt: skip
    """Like ``train.train``, with the same files and errors; vLLM samples the rollouts and the answers of validation."""
    method = load_method(cell.method, dict(cell.options))
    check_engine_options("local", asdict(method))
    if not method.student_image:
        cause = "vLLM counts positions of a prompt without its image otherwise than the engine"
        raise ConfigError("engine_settings.rollouts", cause, "use rollouts: hf for student_image=false")
    asked = (method.prefix_values(), method.rollout_tree(), method.privileged_rollouts())
    further = any(one is not None for one in asked)  # then prompts hold parts of responses, or references
    longest = method.max_prompt + (method.max_response if further else 0)
    with VllmRollouts(base, settings.vllm, settings.dtype, cell.device, method.lora_rank, longest) as sampler:
        plain.train(cell, data, validation, base, out, settings, sampler, label, prepared)
