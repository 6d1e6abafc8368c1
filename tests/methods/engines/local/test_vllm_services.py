"""What methods ask for besides rollouts, through the sampler that scores what vLLM drew, with draws of the policy.

tests/vllm/test_services.py asks vLLM itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from contracts.records import TrainingStep
from methods.base import load_method
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.train import train
from methods.engines.local.vllm import train as vllm_train
from methods.engines.local.vllm.rollout import Sampled, VllmRollouts
from methods.engines.local.vllm.settings import LocalSettings, RolloutEngine
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.settings import SharedSettings
from tests.methods.engines.local.test_local_train import adapter_of, make_cell

pytestmark = pytest.mark.usefixtures("kept_graders")
SERVED = {
    "vineppo": {"continuations": 2},
    "spo": {"branching": "2-2", "segment_length": 4},
    "hdpo": {"privileged_copies": 2, "context_style": "inline"},
}


class OwnDraws(VllmRollouts):
    """The sampler without vLLM: the policy draws in its place."""

    def _sample(self, policy: Policy, prompts: list[Prompt], sampling: Sampling, seed: int) -> Sampled:
        with frozen(policy):
            own = roll_out(policy, prompts, sampling, seed, 256)
        lengths = own.mask.sum(1).int().tolist()
        return [(list(own.ids(row)), own.logp[row, :length].tolist()) for row, length in enumerate(lengths)]


@pytest.mark.usefixtures("every_teacher_right")
@pytest.mark.parametrize("method", SERVED)
def test_services_train_as_with_the_engines_own_sampler(method: str, tiny_base: Path, micro_data: Path, tmp_path: Path):
    cell, settings = (
        make_cell(method, **SERVED[method], steps=1, prompts=8, minibatch_prompts=8),
        SharedSettings(validation_problems=2),
    )
    files = (micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base)

    def trained(sampler: Sampler, out: Path) -> tuple[TrainingStep, dict[str, torch.Tensor]]:
        train(cell, *files, out, settings, sampler)
        return TrainingStep.model_validate_json((out / "train.jsonl").read_text()), adapter_of(out)

    with OwnDraws(tiny_base, RolloutEngine(), "float32", "cpu", 16, 64) as sampler:
        theirs, moved = trained(sampler, tmp_path / "theirs")
    ours, wanted = trained(roll_out, tmp_path / "ours")
    assert theirs.rollout_gap is not None
    assert theirs.rollout_gap.max < 1e-4
    assert (theirs.tokens, theirs.extra_tokens, theirs.privileged) == (ours.tokens, ours.extra_tokens, ours.privileged)
    assert theirs.extra_tokens
    assert theirs.loss == pytest.approx(ours.loss, abs=1e-4)
    assert any(v.abs().max() > 0 for k, v in moved.items() if "lora_B" in k)
    assert moved.keys() == wanted.keys()


@pytest.mark.parametrize(("method", "longest"), [("grpo", 768), *((name, 768 + 16) for name in SERVED)])
def test_the_worker_has_room_for_prompts_that_hold_more(method: str, longest: int, tmp_path: Path, monkeypatch):
    """Prompts that hold the beginning of a response, or a reference, are longer than those of training."""
    made = []

    class Noted(VllmRollouts):
        def __init__(self, *asked: object) -> None:
            made.append(asked[-1])
            super().__init__(*asked)  # pyright: ignore

    monkeypatch.setattr(vllm_train, "VllmRollouts", Noted)
    monkeypatch.setattr(vllm_train.plain, "train", lambda *_: None)
    cell = make_cell(method, **SERVED.get(method, {}))
    assert load_method(method, dict(cell.options)).max_response == 16
    vllm_train.train(cell, *[tmp_path] * 4, LocalSettings(rollouts="vllm"))
    assert made == [longest]
