"""Computed memory against the tensors that layers of Qwen3-VL-2B's shape keep, on torch's meta device."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForImageTextToText, Qwen3VLConfig

from methods.base import load_method
from methods.engines.local import passes
from methods.engines.local.passes import Chunk, token_logp
from methods.engines.local.peak_memory import (
    LOGIT_COPIES,
    TextShape,
    kept_for_backward,
    sampling_peak,
    update_peak,
)
from methods.engines.local.policy import Policy
from methods.engines.local.update import matching_loss
from methods.engines.shared.lora import LANGUAGE_LAYERS
from tests.helpers.method_batches import random_rollouts

RANK, PROMPT, ROLLOUTS, RESPONSE = 16, 200, 4, 512
TEXT = {  # Qwen3-VL-2B-Instruct, but for the number of layers
    "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "default", "mrope_section": [24, 20, 20], "mrope_interleaved": True,
                        "rope_theta": 5e6},
}  # fmt: skip
SHAPE = TextShape.of(TEXT)


def on_meta(layers: int) -> Any:
    """The language model with as many layers, in bfloat16, with a float32 adapter; its vision tower is a dwarf."""
    vision = {"depth": 1, "hidden_size": 64, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 2048}
    config = Qwen3VLConfig(
        text_config=TEXT | {"num_hidden_layers": layers}, vision_config=vision | {"deepstack_visual_indexes": []}
    )
    lora = LoraConfig(r=RANK, target_modules=LANGUAGE_LAYERS, exclude_modules=r".*visual.*", task_type="CAUSAL_LM")
    with torch.device("meta"):
        model = get_peft_model(AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16), lora)
    core: Any = model.get_base_model()
    return SimpleNamespace(
        model=model, language=core.model.language_model, config=core.config, device=torch.device("meta")
    )


class Fused(torch.autograd.Function):
    """Attention as GPUs have it: it keeps its inputs, its output and a normaliser, and no scores."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, output, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return output


def fused(query: Tensor, key: Tensor, value: Tensor, *_: object, **__: object) -> Tensor:
    return Fused.apply(query, key, value)  # pyright: ignore[reportReturnType]


def kept(policy: Any) -> int:
    """Bytes that a pass over one prompt and its responses keeps for backward, weights left out."""
    storages: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage()._cdata] = tensor
        return tensor

    ids = torch.zeros((1, PROMPT), dtype=torch.long, device="meta")
    prompt: Any = SimpleNamespace(
        ids=ids, mask=ids.bool(), images=[], positions=ids.expand(3, 1, PROMPT), next_position=ids[0, :1]
    )
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        prefix = Policy.read(policy, prompt)
        tokens = torch.zeros((ROLLOUTS, RESPONSE + 1), dtype=torch.long, device="meta")
        Policy.hidden(policy, prefix, tokens[:, 0], tokens)
    weights = {parameter.untyped_storage()._cdata for parameter in policy.model.parameters()}
    return sum(t.untyped_storage().nbytes() for key, t in storages.items() if key not in weights)


def test_a_layer_keeps_what_is_computed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
    one, two = kept(on_meta(1)), kept(on_meta(2))
    computed = kept_for_backward(SHAPE, RANK) * (PROMPT + ROLLOUTS * RESPONSE)
    assert two - one == pytest.approx(computed, rel=0.05)


class Peak(TorchDispatchMode):
    """Notes the largest number of bytes that large tensors made within the block hold at a time."""

    def __init__(self, at_least: int) -> None:
        super().__init__()
        self.at_least, self.most, self.alive = at_least, 0, dict[int, Any]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes() >= self.at_least:
                storage = tensor.untyped_storage()
                self.alive[storage._cdata] = torch.multiprocessing.reductions.StorageWeakRef(storage)
        self.alive = {key: ref for key, ref in self.alive.items() if not ref.expired()}
        self.most = max(self.most, len(self.alive))
        return out


@pytest.mark.parametrize(("kind", "method"), [("credit", "grpo"), ("matching", "opsd"), ("matching", "sdpo")])
def test_logits_exist_for_some_tokens_at_a_time(kind: str, method: str, monkeypatch: pytest.MonkeyPatch):
    """24 tokens at Qwen3-VL's vocabulary, four at a time: the most copies of four tokens' logits at any moment."""
    vocabulary, hidden, at_once = SHAPE.vocabulary, 8, 4
    monkeypatch.setattr(passes, "LOGITS_AT_ONCE", at_once * vocabulary)
    weight = torch.randn(vocabulary, hidden)
    policy: Any = SimpleNamespace(
        head_weight=weight, device=torch.device("cpu"), logits=lambda h: torch.nn.functional.linear(h, weight)
    )
    batch = random_rollouts(0, groups=1)
    rows, student = torch.arange(4), torch.randn(4, 6, hidden, requires_grad=True)
    chunk = Chunk(rows, batch.tokens, batch.mask, student)
    with Peak(at_once * vocabulary * 4) as peak:
        if kind == "credit":
            loss = token_logp(policy, chunk, 1.0)
        else:
            loss, _ = matching_loss(policy, load_method(method, {}), batch, torch.randn(4, 6, hidden))(chunk)
        loss.sum().backward()
    assert student.grad is not None and 0 < peak.most <= LOGIT_COPIES[kind]


def test_peaks_of_qwen3_vl_2b():
    """4.3 GB of weights; the numbers that docs/paper-world.md names."""
    update = update_peak(SHAPE, 4_255_140_312, RANK, 4 * 2048, 4 * 400)
    assert update["head in float32"] == pytest.approx(1.245, abs=1e-3)
    assert update["adapter, gradient, moments"] == pytest.approx(16 * 17_432_576 / 1e9)
    assert update["total"] == pytest.approx(sum(v for k, v in update.items() if k != "total"))
    assert sampling_peak(SHAPE, 0, 64, 2448)["keys and values"] == pytest.approx(17.97, abs=0.01)
