"""The matrix products of one rollout step of the local engine, counted from shapes. No torch.

Counted is what the engine runs when all responses have the same number of tokens and every rollout is trained: the
vision tower once for each image, the prompt of a group once for each pass, sampling with stored keys and values, and
for each optimizer update a forward and a backward pass over prompts and responses. The adapter is folded into the
weights, so a layer is one product, its weight gets a gradient, and that gradient reaches the adapter by two more
products. Not counted: everything that is no matrix product, and what attention computes again for its backward pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class MatrixProduct:
    """``times`` products of ``batch`` matrices m x k with as many matrices k x n, in one phase of a step."""

    phase: str
    m: int
    k: int
    n: int
    batch: int = 1
    times: int = 1

    @property
    def flops(self) -> int:
        """Floating-point operations: a multiplication and an addition for each of batch * m * k * n, each time."""
        return 2 * self.batch * self.m * self.k * self.n * self.times

    @property
    def size(self) -> tuple[int, int, int, int]:
        """Batch, m, k and n."""
        return self.batch, self.m, self.k, self.n


@dataclass(frozen=True)
class Shape:
    """The parts of a Qwen3-VL's shape that its products depend on."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_heads: int
    head: int  # dimensions per attention head
    vocabulary: int
    rank: int  # of the adapter
    vision_hidden: int
    vision_intermediate: int
    vision_depth: int
    vision_heads: int
    mergers: int  # one at the end of the tower, and one for each DeepStack layer
    patch: int  # numbers in one patch
    merge: int  # patches in one merged token

    @property
    def linear(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the linear layers of one layer of the language model: q, k, v, o, gate, up, down."""
        queries, keys, hidden, inner = (
            self.heads * self.head,
            self.key_heads * self.head,
            self.hidden,
            self.intermediate,
        )
        return [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden), (hidden, inner), (hidden, inner),
                (inner, hidden)]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a step does: prompts x rollouts, prompt and response tokens, updates, and patches of all images."""

    prompts: int
    group: int
    prompt: int  # tokens of the longest prompt; the others are padded to it
    response: int
    updates: int
    patches: int  # of one image

    @property
    def rollouts(self) -> int:
        """Rollouts of a step."""
        return self.prompts * self.group


def shape_of(config: Mapping[str, Any], rank: int) -> Shape:
    """The shape in a Qwen3-VL's ``config.json``."""
    text, vision = config["text_config"], config["vision_config"]
    return Shape(
        hidden=text["hidden_size"],
        intermediate=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=text["num_attention_heads"],
        key_heads=text["num_key_value_heads"],
        head=text["head_dim"],
        vocabulary=text["vocab_size"],
        rank=rank,
        vision_hidden=vision["hidden_size"],
        vision_intermediate=vision["intermediate_size"],
        vision_depth=vision["depth"],
        vision_heads=vision["num_heads"],
        mergers=1 + len(vision["deepstack_visual_indexes"]),
        patch=vision["in_channels"] * vision["temporal_patch_size"] * vision["patch_size"] ** 2,
        merge=vision["spatial_merge_size"] ** 2,
    )


def layers(shape: Shape, rows: int) -> list[MatrixProduct]:
    """The linear layers of the language model over ``rows`` tokens."""
    return [MatrixProduct("", rows, k, n, times=shape.layers) for k, n in shape.linear]


def attention(heads: int, head: int, rows: int, queries: int, keys: int, times: int) -> list[MatrixProduct]:
    """Scores and weighted values of ``rows`` sequences."""
    scores = MatrixProduct("", queries, head, keys, batch=rows * heads, times=times)
    return [scores, MatrixProduct("", queries, keys, head, batch=rows * heads, times=times)]


def language_attention(shape: Shape, rows: int, queries: int, keys: int) -> list[MatrixProduct]:
    """Attention of all layers of the language model."""
    return attention(shape.heads, shape.head, rows, queries, keys, shape.layers)


def vision(shape: Shape, images: int, patches: int) -> list[MatrixProduct]:
    """The vision tower over ``images`` images of ``patches`` patches, and the mergers behind it."""
    rows, hidden, inner, merged = images * patches, shape.vision_hidden, shape.vision_intermediate, shape.merge
    sides = [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden)]
    joined = merged * hidden
    return [
        MatrixProduct("", rows, shape.patch, hidden),
        *(MatrixProduct("", rows, k, n, times=shape.vision_depth) for k, n in sides),
        *attention(shape.vision_heads, hidden // shape.vision_heads, images, patches, patches, shape.vision_depth),
        MatrixProduct("", rows // merged, joined, joined, times=shape.mergers),
        MatrixProduct("", rows // merged, joined, shape.hidden, times=shape.mergers),
    ]


def folding(shape: Shape) -> list[MatrixProduct]:
    """The adapter's product B A of every linear layer."""
    return [MatrixProduct("", n, shape.rank, k, times=shape.layers) for k, n in shape.linear]


def back(forward: Iterable[MatrixProduct]) -> list[MatrixProduct]:
    """The two products that carry a gradient to both factors of each product."""
    found = []
    for one in forward:
        found += [replace(one, k=one.n, n=one.k), replace(one, m=one.k, k=one.m)]
    return found


def sampled(shape: Shape, work: Work) -> list[MatrixProduct]:
    """One pass over the prompts, then one token of every rollout at a time."""
    rows, steps = work.rollouts, work.response - 1
    pieces = [*folding(shape), *layers(shape, work.prompts * work.prompt)]
    pieces += language_attention(shape, work.prompts, work.prompt, work.prompt)
    pieces += [replace(one, times=one.times * steps) for one in layers(shape, rows)]
    for seen in range(1, work.response):
        pieces += language_attention(shape, rows, 1, work.prompt + seen)
    return [*pieces, MatrixProduct("", rows, shape.hidden, shape.vocabulary, times=work.response)]


def scored(shape: Shape, work: Work, rows: int, prompts: int) -> tuple[list[MatrixProduct], list[MatrixProduct]]:
    """The passes of one update over ``rows`` rollouts of ``prompts`` prompts: forward, and backward."""
    behind = work.response - 1  # tokens that follow the first, which the prompt's last hidden state predicts
    linear = [*layers(shape, prompts * work.prompt), *layers(shape, rows * behind)]
    read = language_attention(shape, prompts, work.prompt, work.prompt)
    read += language_attention(shape, rows, behind, work.prompt + behind)
    head = MatrixProduct("", rows * work.response, shape.hidden, shape.vocabulary)
    forward = [*folding(shape), *linear, *read, head]
    # The head is frozen, and what enters the first layer's q, k and v has no gradient.
    backward = [*back(folding(shape)), *back(linear), *back(read), replace(head, k=head.n, n=head.k)]
    for tokens in (prompts * work.prompt, rows * behind):
        backward += [MatrixProduct("", tokens, n, k, times=-1) for k, n in shape.linear[:3]]
    return forward, backward


def step_products(shape: Shape, work: Work, prompts_of_updates: Iterable[int]) -> list[MatrixProduct]:
    """All products of a step by phase. ``prompts_of_updates``: how many prompts each update's rollouts belong to."""
    found = [replace(one, phase="vision") for one in vision(shape, work.prompts, work.patches)]
    found += [replace(one, phase="rollout") for one in sampled(shape, work)]
    for prompts in prompts_of_updates:
        forward, backward = scored(shape, work, work.rollouts // work.updates, prompts)
        found += [replace(one, phase="update, forward") for one in forward]
        found += [replace(one, phase="update, backward") for one in backward]
    return found + [replace(one, phase="norm of the adapter") for one in folding(shape)]


def flops_by_phase(products: Iterable[MatrixProduct]) -> dict[str, int]:
    """Floating-point operations of each phase, in the order of a step."""
    found: dict[str, int] = {}
    for one in products:
        found[one.phase] = found.get(one.phase, 0) + one.flops
    return found
