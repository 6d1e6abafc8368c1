"""The policy: a Qwen3-VL with one LoRA adapter. Prompts and responses are run in separate passes.

All rollouts of a group share the pass over their prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import linear
from transformers import AutoModelForImageTextToText, AutoProcessor

from contracts.errors import DataError
from methods.base import Method
from methods.engines.local.kv_cache import DecodingCache, PromptCache, ScoringCache
from methods.engines.local.lora_folding import Folding
from methods.engines.shared.lora import LANGUAGE_LAYERS
from methods.engines.shared.prompts import PromptBatch, Vision
from methods.shared.barred_tokens import barred_tokens


@dataclass(frozen=True)
class Prefix:
    """The result of a pass over P prompts: keys and values, and the hidden state that predicts the first token."""

    cache: PromptCache
    last_hidden: Float[Tensor, "P hidden"]
    mask: Bool[Tensor, "P L"]
    next_position: Int[Tensor, " P"]


class Policy:
    """A frozen base model with LoRA on every linear layer of the language model, and none on the vision tower."""

    def __init__(self, base: Path, method: Method, device: str, dtype: str, seed: int) -> None:
        self.device = torch.device(device)
        model = load_base(base, dtype)
        self.processor: Any = load_processor(base)
        config = LoraConfig(
            r=method.lora_rank,
            lora_alpha=method.lora_alpha,
            lora_dropout=0.0,
            target_modules=LANGUAGE_LAYERS,
            exclude_modules=r".*visual.*",
            task_type="CAUSAL_LM",
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # LoRA's A matrices are drawn from the global generator
            self.model: PeftModel = get_peft_model(model, config)
        self.model.to(self.device).eval()  # dropout is 0, so training and scoring are the same function
        self.folding = Folding(self.model)
        core: Any = self.model.get_base_model()
        self.language: Any = core.model.language_model
        self.vision: Any = core.model
        self.head: Any = core.lm_head
        self.head_weight = self.head.weight.detach().float()  # of a float32 base the weight itself, else a copy
        self.config: Any = core.config
        self.end_tokens = _token_list(core.generation_config.eos_token_id)
        self.pad_token: int = self.processor.tokenizer.pad_token_id
        barred = barred_tokens(self.processor.tokenizer, self.head.out_features, self.end_tokens)
        self.barred = torch.tensor(barred, dtype=torch.long, device=self.device)

    def logits(self, hidden: Float[Tensor, "*N hidden"]) -> Float[Tensor, "*N V"]:
        """Logits in float32. Their product is made in float32 as well, unless autocast makes it in bfloat16.

        A product in bfloat16 would leave about 0.06 nats of noise in the difference of two log-probs.
        """
        if torch.is_autocast_enabled(self.device.type):
            return self.head(hidden).float()
        return linear(hidden.float(), self.head_weight)

    @property
    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """LoRA parameters by name, in a fixed order."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def vision_tokens(self, sizes: Sequence[tuple[int, int]]) -> list[int]:
        """Count the merged vision tokens of images whose sizes are given as (height, width) in pixels."""
        merge = self.config.vision_config.spatial_merge_size**2
        return [self.processor.image_processor.get_number_of_image_patches(h, w, {}) // merge for h, w in sizes]

    @torch.no_grad()
    def look(self, images: Sequence) -> list[Vision]:
        """Compute vision features of PIL images. The tower is frozen, so once for each image is enough."""
        if not images:
            return []
        pixels = self.processor.image_processor(images=list(images), return_tensors="pt").to(self.device)
        out = self.vision.get_image_features(pixels["pixel_values"], pixels["image_grid_thw"], return_dict=True)
        merge = self.config.vision_config.spatial_merge_size
        grids = [(int(h) // merge, int(w) // merge) for _, h, w in pixels["image_grid_thw"].tolist()]
        layers = zip(*out.deepstack_features, strict=True)
        return [Vision(t, tuple(d), g) for t, d, g in zip(out.pooler_output, layers, grids, strict=True)]

    def read(self, prompts: PromptBatch) -> Prefix:
        """Run one pass over P prompts. Gradients reach the adapter unless under ``torch.no_grad``."""
        embeds = self.language.embed_tokens(prompts.ids)
        visual = (prompts.ids == self.config.image_token_id) & prompts.mask
        deepstack = None
        if prompts.images:
            tokens = torch.cat([v.tokens for v in prompts.images]).to(embeds.dtype)
            embeds = embeds.masked_scatter(visual[..., None], tokens)
            deepstack = [torch.cat(layer) for layer in zip(*(v.deepstack for v in prompts.images), strict=True)]
        length = prompts.ids.shape[1]
        causal = torch.ones((length, length), dtype=torch.bool, device=self.device).tril()
        # A padded position may attend to itself. Without any position to attend to its softmax would be NaN.
        itself = torch.eye(length, dtype=torch.bool, device=self.device)
        cache = PromptCache()
        hidden = self.language(
            inputs_embeds=embeds,
            attention_mask=((prompts.mask[:, None, None, :] & causal) | itself),
            position_ids=prompts.positions,
            past_key_values=cache,
            visual_pos_masks=visual if prompts.images else None,
            deepstack_visual_embeds=deepstack,
        ).last_hidden_state
        return Prefix(cache, hidden[:, -1], prompts.mask, prompts.next_position)

    def hidden(
        self, prefix: Prefix, owner: Int[Tensor, " B"], tokens: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T hidden"]:
        """Hidden states that predict each token of B right-padded responses. ``owner``: the prompt row of each."""
        first = prefix.last_hidden.index_select(0, owner)[:, None]
        size = tokens.shape[1] - 1
        if size == 0:
            return first
        causal = torch.ones((size, size), dtype=torch.bool, device=self.device).tril()
        before = prefix.mask.index_select(0, owner)[:, None, None, :].expand(-1, -1, size, -1)
        mask = torch.cat([before, causal.expand(len(owner), 1, -1, -1)], dim=-1)
        where = prefix.next_position.index_select(0, owner)[:, None] + torch.arange(size, device=self.device)
        rest = self.language(
            input_ids=tokens[:, :-1],
            attention_mask=mask,
            position_ids=where.expand(3, -1, -1),
            past_key_values=ScoringCache(prefix.cache, owner),
        ).last_hidden_state
        return torch.cat([first, rest], dim=1)

    def decode(
        self, tokens: Int[Tensor, " B"], step: int, cache: DecodingCache, mask: Bool[Tensor, "B L"], start: Tensor
    ) -> Float[Tensor, "B hidden"]:
        """Hidden state after one more token. ``mask`` covers the prompt; ``step``: number of response tokens so far."""
        seen = torch.ones((len(tokens), step + 1), dtype=torch.bool, device=self.device)
        return self.language(
            input_ids=tokens[:, None],
            attention_mask=torch.cat([mask, seen], dim=1)[:, None, None, :],
            position_ids=(start + step)[None, :, None].expand(3, -1, -1),
            past_key_values=cache,
        ).last_hidden_state[:, 0]


def load_base(base: Path, dtype: str) -> Any:  # noqa: ANN401 - a transformers class chosen by config.json
    """Load the base model from a local folder, safetensors only. DataError if the folder is missing or no model."""
    if not (base / "config.json").is_file():
        raise DataError(str(base), "no model here (config.json is missing)", "build or fetch the base model first")
    try:
        return AutoModelForImageTextToText.from_pretrained(
            base, dtype=getattr(torch, dtype), trust_remote_code=False, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(
            str(base), f"not a loadable model: {error}", "build or fetch the base model again", delete_and_rerun=True
        ) from error


def load_processor(base: Path) -> Any:  # noqa: ANN401 - likewise
    """Load the tokenizer and the image processor of the base model."""
    try:
        return AutoProcessor.from_pretrained(base, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError) as error:
        raise DataError(
            str(base), f"no loadable processor: {error}", "build or fetch the base model again", delete_and_rerun=True
        ) from error


def _token_list(value: int | list[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)
