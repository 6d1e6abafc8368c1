"""Parts of the EasyR1 engine that are plain tensors and files; none of this needs EasyR1."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from methods.base import Rollouts, load_method
from methods.engines.easyr1 import head as head_module
from methods.engines.easyr1.adapter import delta_norm
from methods.engines.easyr1.base_model import readable_base
from methods.engines.easyr1.head import Head
from methods.engines.easyr1.losses import matching_loss
from methods.engines.easyr1.rollout import TOLD, SeededEngine, Telling, logit_bias

B, T, HIDDEN, V = 3, 5, 7, 11


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A head, hidden states, tokens; chunks of two tokens, so that every boundary is crossed."""
    monkeypatch.setattr(head_module, "TOKENS_AT_ONCE", 2)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    tokens = torch.randint(0, V, (B, T), generator=generator)
    mask = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    return SimpleNamespace(
        weight=normal(V, HIDDEN), student=normal(B, T, HIDDEN), teacher=normal(B, T, HIDDEN), tokens=tokens, mask=mask
    )


def test_log_probs_in_chunks_are_those_of_the_whole(drawn: SimpleNamespace):
    head, hidden, tokens = Head(drawn.weight, "float32"), drawn.student.flatten(0, 1), drawn.tokens.flatten()
    whole = (hidden @ drawn.weight.T / 0.7).log_softmax(-1)
    assert_close(head.logp(hidden, tokens, 0.7), whole.gather(1, tokens[:, None])[:, 0])
    both = head.scores(hidden, tokens, 0.7)
    assert_close(both[:, 1], torch.distributions.Categorical(logits=whole).entropy())
    plain = (hidden @ drawn.weight.T).log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    for temperature in (0.7, 1.0):
        assert_close(head.scores(hidden, tokens, temperature)[:, 2], plain)


def test_gradients_in_chunks_are_those_of_the_whole(drawn: SimpleNamespace):
    hidden, tokens = drawn.student.flatten(0, 1), drawn.tokens.flatten()
    one, other = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    Head(drawn.weight, "float32").logp(one, tokens, 1.0).sum().backward()
    (other @ drawn.weight.T).log_softmax(-1).gather(1, tokens[:, None]).sum().backward()
    assert_close(one.grad, other.grad)


def test_a_bfloat16_head_rounds(drawn: SimpleNamespace):
    logits = Head(drawn.weight, "bfloat16").logits(drawn.student.flatten(0, 1))
    assert logits.dtype == torch.float32
    assert_close(logits, logits.bfloat16().float(), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("method", "options"),
    [("opsd", {}), ("opsd", {"divergence": "jsd"}), ("sdpo", {}), ("sdpo", {"top_k": 3, "is_clip": 2.0})],
)
def test_matching_token_by_token_is_matching_the_whole(drawn: SimpleNamespace, method: str, options: dict):
    """A loss is defined per token: rows of one token each give the same numbers and gradients."""
    made, head = load_method(method, options), Head(drawn.weight, "float32")
    batch = rollouts(drawn)
    one, other = drawn.student.clone().requires_grad_(), drawn.student.clone().requires_grad_()
    found = matching_loss(made, head, one, drawn.teacher, batch)
    expected = made.loss(other @ drawn.weight.T, drawn.teacher @ drawn.weight.T, batch)
    assert_close(found, expected, atol=1e-6, rtol=0)
    assert not found[drawn.mask == 0].any()
    found.sum().backward()
    expected.sum().backward()
    assert_close(one.grad, other.grad, atol=1e-6, rtol=0)


def rollouts(drawn: SimpleNamespace) -> Rollouts:
    ones = torch.ones(B)
    return Rollouts(
        group=torch.arange(B), reward=ones, correct=ones.bool(), advantage=ones, tokens=drawn.tokens, mask=drawn.mask,
        logp={"student": -drawn.mask}, has={"right": torch.tensor([True, False, True])}, seed=0,
    )  # fmt: skip


def test_norm_of_an_update_by_hand():
    # B A = [[3, 4], [0, 0]], norm 5; twice that at scale 2
    tensors = {"layer.lora_A.weight": torch.tensor([[3.0, 4.0]]), "layer.lora_B.weight": torch.tensor([[1.0], [0.0]])}
    assert delta_norm(tensors, 2.0) == pytest.approx(10.0)
    zero = {name: torch.zeros_like(value) for name, value in tensors.items()}
    assert delta_norm(zero, 2.0) == 0.0


@dataclass
class Params:
    n: int
    seed: int
    logprobs: int | None = None

    def clone(self) -> Params:
        return replace(self)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_sample_has_a_seed_of_its_own_whatever_the_number_of_workers(workers: int):
    """Four prompts, three samples each; vLLM gives sample j of a request its seed + j."""
    prompts, seeds = ["a", "b", "c", "d"], []
    for rank in range(workers):
        part = prompts[rank * 4 // workers : (rank + 1) * 4 // workers]
        inner = SimpleNamespace(generate=lambda prompts, sampling_params: sampling_params)
        for params in SeededEngine(inner, rank).generate(part, Params(3, 100)):
            seeds += [params.seed + j for j in range(params.n)]
    assert seeds == list(range(100, 112))


class Batch:
    def __init__(self) -> None:
        self.batch = {"responses": torch.zeros(2, 3, dtype=torch.long)}


@pytest.mark.parametrize("asked", [None, 0])
def test_log_probs_that_were_asked_for_become_a_column(asked: int | None):
    """Two samples to one prompt: tokens 5 and 6, token 7; nothing was sampled elsewhere."""
    samples = [{5: -1.0, 6: -2.0}, {7: -0.5}]
    outputs = [
        SimpleNamespace(token_ids=list(one), logprobs=[{t: SimpleNamespace(logprob=p)} for t, p in one.items()])
        for one in samples
    ]
    engine = SeededEngine(SimpleNamespace(generate=lambda **_: [SimpleNamespace(outputs=outputs)]), rank=0)

    def generate(prompts: Batch) -> Batch:
        engine.generate(["a"], Params(2, 100, asked))
        return prompts

    found = Telling(generate, engine)(Batch()).batch
    assert set(found) == {"responses"} | ({TOLD} if asked == 0 else set())
    if asked == 0:
        assert_close(found[TOLD], torch.tensor([[-1.0, -2.0, nan], [-0.5, nan, nan]]), equal_nan=True)


def test_barred_tokens_get_the_strongest_bias():
    assert logit_bias([6, 7]) == {6: -100.0, 7: -100.0}


def test_a_base_of_transformers_5_becomes_readable(tiny_base: Path, tmp_path: Path):
    made = readable_base(tiny_base, tmp_path / "older")
    config = json.loads((made / "config.json").read_text())
    theta = json.loads((tiny_base / "config.json").read_text())["text_config"]["rope_parameters"]["rope_theta"]
    assert config["text_config"]["rope_theta"] == theta
    assert config["text_config"]["rope_scaling"]["mrope_interleaved"] is True
    assert json.loads((made / "tokenizer_config.json").read_text())["tokenizer_class"] == "Qwen2TokenizerFast"
    assert (made / "preprocessor_config.json").is_file()
    weights = load_file(made / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16} and config["dtype"] == "bfloat16"
    # Without LoRA nothing is rounded.
    whole = readable_base(tiny_base, tmp_path / "whole", rounded=False)
    for name, tensor in load_file(tiny_base / "model.safetensors").items():
        assert_close(load_file(whole / "model.safetensors")[name], tensor, atol=0, rtol=0)
    assert json.loads((whole / "config.json").read_text())["dtype"] == "float32"
    # What transformers 4 wrote is taken as it is.
    assert readable_base(made, tmp_path / "again") == made
