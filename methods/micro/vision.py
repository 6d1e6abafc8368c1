"""First stage of a base model: the vision tower learns to name the glyph in each patch.

Without it the language model never attends to the image. The head that names glyphs is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen3VLForConditionalGeneration

from methods.micro.canvas import CELLS, GLYPHS, PATCH, Canvas
from methods.micro.model import FRAMES, MERGE
from methods.micro.settings import BaseTraining

CLASSES = len(GLYPHS) + 1  # 0 is an empty patch
EMPTY_WEIGHT = 0.1  # nearly all patches are empty
SIDE = CELLS // MERGE  # merged tokens per side
LOOK = 256  # diagrams per pass when features are taken


def patches(canvas: Canvas) -> Float[np.ndarray, "cells values"]:
    """Pixels of one diagram as the image processor hands them to the vision tower: scaled to [-1, 1], merge order."""
    pixels = np.asarray(canvas.image, dtype=np.float32) / 127.5 - 1
    blocks = pixels.reshape(SIDE, MERGE, PATCH, SIDE, MERGE, PATCH).transpose(0, 3, 1, 4, 2, 5)
    flat = blocks.reshape(CELLS * CELLS, 1, 1, PATCH * PATCH)
    return np.broadcast_to(flat, (CELLS * CELLS, 3, FRAMES, PATCH * PATCH)).reshape(CELLS * CELLS, -1)


def glyph_classes(canvas: Canvas) -> Int[np.ndarray, "tokens patches"]:
    """Class of the glyph in each patch, grouped by merged token."""
    grid = canvas.grid.reshape(SIDE, MERGE, SIDE, MERGE).transpose(0, 2, 1, 3)
    return grid.reshape(SIDE * SIDE, MERGE * MERGE)


def look(
    model: Qwen3VLForConditionalGeneration, canvases: Sequence[Canvas]
) -> tuple[Float[Tensor, "B tokens hidden"], Float[Tensor, "B tokens hidden"]]:
    """Merged vision features of B diagrams, and the one DeepStack set."""
    pixels = torch.from_numpy(np.concatenate([patches(c) for c in canvases]))
    grid = torch.tensor([[1, CELLS, CELLS]] * len(canvases))
    seen = model.model.visual(pixels, grid_thw=grid, return_dict=True)
    shape = (len(canvases), SIDE * SIDE, -1)
    return seen.pooler_output.view(shape), seen.deepstack_features[0].view(shape)


@torch.no_grad()
def look_at_all(
    model: Qwen3VLForConditionalGeneration, canvases: Sequence[Canvas]
) -> tuple[Float[Tensor, "N tokens hidden"], Float[Tensor, "N tokens hidden"]]:
    """Features of all diagrams; the tower does not train any more, so once is enough."""
    parts = [look(model, canvases[i : i + LOOK]) for i in range(0, len(canvases), LOOK)]
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def train_vision(
    model: Qwen3VLForConditionalGeneration,
    canvases: Sequence[Canvas],
    budget: BaseTraining,
    seed: int,
    report: Callable[[int, float], None],
) -> float | None:
    """Train the tower; returns the share of glyphs named right in the last step, None for a budget of no steps."""
    rng = np.random.default_rng(seed)
    classes = torch.from_numpy(np.stack([glyph_classes(c) for c in canvases]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(model.lm_head.in_features, MERGE * MERGE * CLASSES)
    weights = [*model.model.visual.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=budget.vision_lr, weight_decay=0.0)
    accuracy = None
    for step in range(budget.vision_steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.vision_lr * min(1, (step + 1) / 20) * (1 - step / (budget.vision_steps + 5))
        chosen = rng.integers(0, len(canvases), budget.vision_batch)
        logits = head(look(model, [canvases[i] for i in chosen])[0]).view(-1, CLASSES)
        target = classes[chosen].flatten()
        weight = torch.where(target > 0, 1.0, EMPTY_WEIGHT)
        loss = (functional.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        accuracy = float((logits.argmax(-1) == target)[target > 0].float().mean())
        report(step + 1, float(loss.detach()))
    return accuracy
