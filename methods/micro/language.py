"""Second stage of a base model: next-token training on demonstrations, on top of the frozen vision features.

Muon for the layers' matrices and a wider start than transformers' 0.02 learn several times faster than AdamW alone.
Plain calculations beside the demonstrations matter as much: reading comes early, arithmetic is what a tiny model lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen3VLForConditionalGeneration

from methods.engines.shared.prompts import mrope_positions
from methods.micro.model import IMAGE_TOKENS
from methods.micro.muon import Float32Muon
from methods.micro.samples import Sample
from methods.micro.settings import BaseTraining
from methods.micro.vision import SIDE

INIT_SCALE = 3.0  # times transformers' standard deviation of 0.02, for the text model's matrices
FLOOR = 0.03  # share of the peak learning rate at the end
LONGEST = 256  # tokens; no sample is longer


class LanguageTrainer:
    """The text model, its two optimizers and the features it sees."""

    def __init__(
        self,
        model: Qwen3VLForConditionalGeneration,
        features: tuple[Float[Tensor, "N tokens hidden"], Float[Tensor, "N tokens hidden"]],
        budget: BaseTraining,
    ) -> None:
        self.model, self.budget = model, budget
        self.tokens, self.deepstack = features
        self.image_token: int = model.config.image_token_id
        self.positions = lru_cache(maxsize=None)(self._positions)
        matrices, others = split_parameters(model)
        self.optimizers: list[torch.optim.Optimizer] = [
            Float32Muon(matrices, budget.matrix_lr, momentum=0.95, weight_decay=budget.weight_decay),
            torch.optim.AdamW(others, lr=budget.lr, betas=(0.9, 0.98), weight_decay=budget.weight_decay),
        ]
        self.peaks = [budget.matrix_lr, budget.lr]

    def step(self, samples: Sequence[Sample], factor: float) -> float:
        """One update at ``factor`` times the peak learning rates; returns the mean loss per learned token, in nats."""
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            optimizer.zero_grad()
            optimizer.param_groups[0]["lr"] = peak * factor
        total = sum(sum(s.learned) for s in samples)
        ordered = sorted(samples, key=lambda s: len(s.tokens))
        loss = 0.0
        for start in range(0, len(ordered), self.budget.part):
            part = self._loss(ordered[start : start + self.budget.part]) / total
            part.backward()
            loss += float(part.detach())
        torch.nn.utils.clip_grad_norm_([p for o in self.optimizers for p in o.param_groups[0]["params"]], 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def _loss(self, samples: Sequence[Sample]) -> Float[Tensor, ""]:
        """Summed cross-entropy of the learned tokens of right-padded samples, in nats."""
        ids = pad_sequence([torch.tensor(s.tokens) for s in samples], batch_first=True)
        learned = pad_sequence([torch.tensor(s.learned) for s in samples], batch_first=True)
        images = torch.tensor([s.image for s in samples if s.image is not None], dtype=torch.long)
        visual = ids == self.image_token
        text = self.model.model.language_model
        hidden = text(
            inputs_embeds=text.embed_tokens(ids).masked_scatter(visual[..., None], self.tokens[images]),
            position_ids=torch.stack([self.positions(_first(s, self.image_token)) for s in samples], 1)[
                ..., : ids.shape[1]
            ],
            visual_pos_masks=visual,
            deepstack_visual_embeds=[self.deepstack[images].flatten(0, 1)],
            use_cache=False,
        ).last_hidden_state
        logits = self.model.lm_head(hidden[:, :-1][learned[:, 1:]])
        return functional.cross_entropy(logits, ids[learned], reduction="sum")

    def _positions(self, image: int | None) -> Int[Tensor, "3 L"]:
        """M-RoPE positions of a sample whose image starts at token ``image``; right padding may go on counting."""
        if image is None:
            return torch.arange(LONGEST).expand(3, -1)
        ids = [0] * image + [self.image_token] * IMAGE_TOKENS + [0] * (LONGEST - image - IMAGE_TOKENS)
        return mrope_positions(ids, self.image_token, [(SIDE, SIDE)])


def _first(sample: Sample, token: int) -> int | None:
    return None if sample.image is None else sample.tokens.index(token)


def split_parameters(
    model: Qwen3VLForConditionalGeneration,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """The text layers' matrices, and the rest of the text model; the vision tower stays as it is."""
    matrices = [p for p in model.model.language_model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for n, p in model.named_parameters() if "visual" not in n and id(p) not in chosen]
    return matrices, rest


def train_language(
    model: Qwen3VLForConditionalGeneration,
    features: tuple[Float[Tensor, "N tokens hidden"], Float[Tensor, "N tokens hidden"]],
    draw: Callable[[int], Sequence[Sample]],
    budget: BaseTraining,
    report: Callable[[int, float], None],
) -> float | None:
    """Train for ``budget.steps`` steps on ``draw(step)``, then return the last loss; None for a budget of no steps."""
    with torch.no_grad():
        for parameter in [p for group in split_parameters(model) for p in group if p.dim() == 2]:
            parameter.mul_(INIT_SCALE)
    trainer = LanguageTrainer(model, features, budget)
    loss = None
    for step in range(budget.steps):
        warm = min(1.0, (step + 1) / budget.warmup_steps)
        loss = trainer.step(draw(step), warm * max(FLOOR, 1 - step / budget.steps))
        report(step + 1, loss)
    return loss
