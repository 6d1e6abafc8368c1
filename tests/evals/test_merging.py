"""What merging an adapter into bfloat16 weights keeps of its update."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from evals.merging import merge_rounded, round_trained


class Linear(nn.Module):
    """One layer of one weight."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.layer.weight.data = weight.clone()

    def forward(self, x: Tensor) -> Tensor:
        """The layer of ``x``."""
        return self.layer(x)


def adapted(weight: Tensor, update: Tensor) -> Any:
    """The layer with a LoRA of full rank whose product is ``update``."""
    rank = weight.shape[1]
    model = get_peft_model(Linear(weight), LoraConfig(r=rank, lora_alpha=rank, target_modules=["layer"]))
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            parameter.data = torch.eye(rank)
        if "lora_B" in name:
            parameter.data = update.clone()
    return model


@pytest.mark.parametrize("weights", ["rounded_bf16", "merged_bf16"])
def test_an_update_below_half_a_step_of_bfloat16_is_lost(weights: str):
    # Numbers in [1, 2) are 1/128 apart in bfloat16: 1 + 1/512 is 1 again, 1 + 1/64 stays.
    small, kept = merge_rounded(adapted(torch.ones(1, 1), torch.full((1, 1), 1 / 512)), weights)
    assert (small.layer.weight.item(), kept) == (1.0, 0.0)
    large, kept = merge_rounded(adapted(torch.ones(1, 1), torch.full((1, 1), 1 / 64)), weights)
    assert (large.layer.weight.item(), kept) == (1 + 1 / 64, 1.0)


def test_rounding_once_or_twice_by_hand():
    # The base 1 + 1/256 is halfway and rounds to even, 1; with 1/512 on top float32 has 1 + 3/512, nearer to 1 + 1/128.
    weight, update = torch.full((1, 1), 1 + 1 / 256), torch.full((1, 1), 1 / 512)
    once, kept_once = merge_rounded(adapted(weight, update), "rounded_bf16")
    twice, kept_twice = merge_rounded(adapted(weight, update), "merged_bf16")
    assert (once.layer.weight.item(), kept_once) == (1 + 1 / 128, 4.0)  # moved by 1/128, four times the update
    assert (twice.layer.weight.item(), kept_twice) == (1.0, 0.0)


def test_weights_trained_without_an_adapter_are_rounded_once():
    # As above with 1/512 (lost) and 1/64 (kept); a weight that is the base's own stays as it is, rounded or not.
    for update, (weight, share) in {1 / 512: (1.0, 0.0), 1 / 64: (1 + 1 / 64, 1.0)}.items():
        model = Linear(torch.full((1, 1), 1 + update))
        kept = round_trained(model, Linear(torch.ones(1, 1)))
        assert (model.layer.weight.item(), kept) == (weight, share)
    model = Linear(torch.full((1, 1), 1 + 1 / 512))
    assert round_trained(model, Linear(torch.full((1, 1), 1 + 1 / 512))) is None
    assert model.layer.weight.item() == 1 + 1 / 512


def test_a_smaller_update_loses_more():
    generator = torch.Generator().manual_seed(0)
    weight, direction = torch.randn(64, 64, generator=generator) * 0.05, torch.randn(64, 64, generator=generator)
    shares = [merge_rounded(adapted(weight, scale * direction), "merged_bf16")[1] for scale in (1e-6, 1e-5, 1e-4, 1e-2)]
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] == pytest.approx(1, abs=0.01)


def test_no_update_has_no_share():
    model, kept = merge_rounded(adapted(torch.ones(2, 2), torch.zeros(2, 2)), "merged_bf16")
    assert kept is None
    assert torch.equal(model.layer.weight, torch.ones(2, 2))
