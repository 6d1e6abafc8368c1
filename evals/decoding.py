"""Decode with a Hugging Face model, and stop computing a response once it has ended.

``generate`` carries every row of a batch until the last one has ended. Where most responses are a third as long as the
limit, that is two thirds of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList

ENDED = 0.125  # share of ended rows from which copying the caches of the others costs less than carrying these


@torch.inference_mode()
def decode(
    model: Any,  # noqa: ANN401 - transformers' or PEFT's, chosen by the checkpoint
    inputs: Mapping[str, Tensor],
    limit: int,
    ends: Sequence[int],
    pad: int,
    processors: Callable[[Int[Tensor, " K"]], LogitsProcessorList],
) -> Int[Tensor, "B T"]:
    """Responses to the prompts ``inputs`` (of a processor that pads on the left), ``pad`` after their end.

    ``limit``: most tokens of a response; ``ends``: tokens that end one. ``processors``: what is done to the logits of
    some rows of the batch before the largest one is taken.
    """
    ids, mask, used = inputs["input_ids"], inputs["attention_mask"], 0
    tokens = torch.full((len(ids), limit), pad, dtype=torch.long, device=ids.device)
    rows, stop = torch.arange(len(ids), device=ids.device), torch.tensor(list(ends), device=ids.device)
    process: Any = processors(rows)  # transformers types its tokens as LongTensor, which no operation returns
    alive, cache = torch.ones_like(rows, dtype=torch.bool), DynamicCache(config=model.config)
    logits, shift = _read_prompts(model, inputs, cache)
    while True:
        drawn = process(ids, logits[:, -1].float()).argmax(-1)
        tokens[rows[alive], used] = drawn[alive]
        alive, used = alive & ~torch.isin(drawn, stop), used + 1
        if used == limit or not alive.any():
            return tokens[:, :used]
        ids, mask = torch.cat([ids, drawn[:, None]], 1), torch.cat([mask, mask.new_ones((len(mask), 1))], 1)
        if alive.float().mean() <= 1 - ENDED:
            cache.batch_select_indices(alive.nonzero()[:, 0])
            rows, ids, mask, shift = rows[alive], ids[alive], mask[alive], shift[alive]
            alive, process = alive[alive], processors(rows)
        where = (mask.sum(-1, keepdim=True) - 1 + shift).expand(3, -1, -1)  # alike for time, height and width
        logits = model(ids[:, -1:], mask, position_ids=where, past_key_values=cache, use_cache=True).logits


def _read_prompts(
    model: Any,  # noqa: ANN401
    inputs: Mapping[str, Tensor],
    cache: DynamicCache,
) -> tuple[Float[Tensor, "B 1 V"], Int[Tensor, "B 1"]]:
    """Logits of the first token of each response, and how far positions run ahead of the count of tokens.

    An image has fewer positions than tokens, so behind images the difference is below 0. Without images the model does
    not look at the padding, so it is told the positions.
    """
    known: dict[str, Tensor] = {}
    if (images := inputs.get("image_grid_thw")) is None:
        known["position_ids"] = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0).expand(3, -1, -1)
    logits = model(**inputs, **known, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    return logits, torch.zeros_like(inputs["input_ids"][:, :1]) if images is None else core.model.rope_deltas
