"""Prompts as tensors: M-RoPE positions, left padding, and the vision features that go into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Vision:
    """Features of one image: of its N merged tokens, the same for each DeepStack layer, and the size of its grid."""

    tokens: Float[Tensor, "N hidden"]
    deepstack: tuple[Float[Tensor, "N hidden"], ...]
    grid: tuple[int, int]  # height, width in merged tokens


@dataclass(frozen=True)
class Prompt:
    """One context: token ids with placeholders for images, and the images (none for a teacher without images)."""

    ids: tuple[int, ...]
    images: tuple[Vision, ...]
    positions: Int[Tensor, "3 L"]


@dataclass(frozen=True)
class PromptBatch:
    """P left-padded prompts of length L."""

    ids: Int[Tensor, "P L"]
    mask: Bool[Tensor, "P L"]
    positions: Int[Tensor, "3 P L"]
    images: tuple[Vision, ...]  # in the order of the placeholders, row by row
    next_position: Int[Tensor, " P"]  # of the first response token


def mrope_positions(ids: Sequence[int], image_token: int, grids: Sequence[tuple[int, int]]) -> Int[Tensor, "3 L"]:
    """Temporal, height and width positions of one unpadded prompt, as Qwen3-VL counts them for images.

    A text token adds one to all three. The tokens of an image of ``height x width`` merged tokens are counted on a grid
    that starts at the next free position; the text after it goes on ``max(height, width)`` further.
    """
    columns: list[Tensor] = []
    start, i, image = 0, 0, 0
    while i < len(ids):
        if ids[i] == image_token:
            height, width = grids[image]
            rows = torch.arange(height).repeat_interleave(width) + start
            cols = torch.arange(width).repeat(height) + start
            columns.append(torch.stack([torch.full_like(rows, start), rows, cols]))
            start, i, image = start + max(height, width), i + height * width, image + 1
        else:
            end = i
            while end < len(ids) and ids[end] != image_token:
                end += 1
            columns.append((torch.arange(end - i) + start).expand(3, -1))
            start, i = start + end - i, end
    return torch.cat(columns, dim=1)


def make_prompt(
    ids: Sequence[int],
    images: Sequence[Vision],
    image_token: int,
    positions: str = "mrope",
    blind_pad: int | None = None,
) -> Prompt:
    """Make a prompt. Its image placeholders are filled, or replaced by ``blind_pad`` for a teacher without images.

    ``positions="arange"`` numbers the tokens 0, 1, 2, ... instead of by M-RoPE. The released CEPO teachers see no image
    and are numbered so (verl/trainer/ray_trainer.py:688-723).
    """
    grids = [v.grid for v in images]
    where = torch.arange(len(ids)).expand(3, -1) if positions == "arange" else mrope_positions(ids, image_token, grids)
    if blind_pad is None:
        return Prompt(tuple(ids), tuple(images), where)
    return Prompt(tuple(blind_pad if i == image_token else i for i in ids), (), where)


def continued(prompt: Prompt, response: Sequence[int]) -> Prompt:
    """The prompt with the beginning of a response behind it, which counts as text does."""
    if not response:
        return prompt
    where = torch.arange(len(response)).expand(3, -1) + prompt.positions.max() + 1
    return Prompt((*prompt.ids, *response), prompt.images, torch.cat([prompt.positions, where], dim=1))


def pad_prompts(prompts: Sequence[Prompt], pad_token: int, device: torch.device) -> PromptBatch:
    """Pad prompts on the left to the longest. Padding is masked and has position 0."""
    length = max(len(p.ids) for p in prompts)
    ids = torch.full((len(prompts), length), pad_token)
    mask = torch.zeros((len(prompts), length), dtype=torch.bool)
    positions = torch.zeros((3, len(prompts), length), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        size = len(prompt.ids)
        ids[row, length - size :] = torch.tensor(prompt.ids)
        mask[row, length - size :] = True
        positions[:, row, length - size :] = prompt.positions
    following = torch.stack([p.positions.max() + 1 for p in prompts])
    images = tuple(v for p in prompts for v in p.images)
    return PromptBatch(ids.to(device), mask.to(device), positions.to(device), images, following.to(device))
