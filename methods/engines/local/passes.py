"""Forward passes over responses, in chunks of similar length. Each distinct context of a chunk is read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from methods.engines.local.policy import Policy, Prefix
from methods.engines.shared.prompts import Prompt, pad_prompts
from methods.engines.shared.responses import Responses
from methods.engines.shared.token_chunks import in_chunks
from methods.shared.divergence import tempered

TOKENS_PER_HEAD = 4096  # hidden states for which logits (tokens, V) are computed at a time, at most
LOGITS_AT_ONCE = 2**27  # numbers in those logits, at most: 0.5 GB of float32, 883 tokens of Qwen3-VL
ROWS_PER_PASS = 32  # responses of similar length run together, so that few positions are padding


@dataclass(frozen=True)
class Chunk:
    """The rollouts of one pass. T is the length of the longest response among them."""

    rows: Int[Tensor, " b"]
    tokens: Int[Tensor, "b T"]
    mask: Float[Tensor, "b T"]
    hidden: Float[Tensor, "b T hidden"]


def chunks(
    policy: Policy, contexts: Sequence[Prompt | None], rows: Int[Tensor, " R"], responses: Responses, size: int
) -> Iterator[Chunk]:
    """Run the given rows in passes of at most ``size`` rollouts, the longest responses first.

    The context of each row must not be None. Contexts that are the same object are read once per chunk. Without rows
    nothing is run.
    """
    if not len(rows):
        return
    lengths = responses.mask[rows].sum(1)
    ordered = rows[torch.argsort(lengths, descending=True, stable=True)]
    for part in ordered.split(rows_at_a_time(policy, size)):
        distinct = list({id(contexts[r]): contexts[r] for r in part.tolist()}.values())
        place = {id(prompt): i for i, prompt in enumerate(distinct)}
        owner = torch.tensor([place[id(contexts[r])] for r in part.tolist()], device=policy.device)
        length = int(responses.mask[part].sum(1).max())
        tokens, mask = responses.tokens[part, :length], responses.mask[part, :length]
        prefix = policy.read(pad_prompts(distinct, policy.pad_token, policy.device))
        yield Chunk(part, tokens, mask, _hidden(policy, prefix, owner, tokens, mask.sum(1).int().tolist()))


def rows_at_a_time(policy: Policy, size: int) -> int:
    """Rollouts in one pass: ``size``, or half of it where autocast keeps a bfloat16 copy of each layer's input."""
    copied = policy.folding.exact and not policy.folding.applies(policy.device)
    return max(1, size // 2) if copied else size


def _hidden(
    policy: Policy, prefix: Prefix, owner: Int[Tensor, " b"], tokens: Int[Tensor, "b T"], lengths: Sequence[int]
) -> Float[Tensor, "b T hidden"]:
    """Hidden states of responses that are sorted from long to short, computed a few rows at a time; padding is 0."""
    parts = []
    for start in range(0, len(lengths), ROWS_PER_PASS):
        rows, length = slice(start, start + ROWS_PER_PASS), lengths[start]
        part = policy.hidden(prefix, owner[rows], tokens[rows, :length])
        parts.append(pad(part, (0, 0, 0, tokens.shape[1] - length)))
    return torch.cat(parts)


def token_logp(policy: Policy, chunk: Chunk, temperature: float) -> Float[Tensor, "b T"]:
    """Log-probs in nats of the sampled tokens at ``temperature``; padding is 0."""
    valid = chunk.mask.bool()
    hidden, tokens, size = chunk.hidden[valid], chunk.tokens[valid], tokens_at_once(policy)

    def of_tokens(some: Tensor, theirs: Tensor) -> Tensor:
        return -cross_entropy(tempered(policy.logits(some), temperature), theirs, reduction="none")

    if size < TOKENS_PER_HEAD:  # a large vocabulary: logits are computed again for the backward pass, and not kept
        found = in_chunks(of_tokens, size, hidden, tokens)
    else:
        parts = zip(hidden.split(size), tokens.split(size), strict=True)
        found = torch.cat([of_tokens(some, theirs) for some, theirs in parts])
    return torch.zeros_like(chunk.mask).masked_scatter(valid, found)


def tokens_at_once(policy: Policy) -> int:
    """Hidden states for which logits over the vocabulary may be computed at a time."""
    return min(TOKENS_PER_HEAD, max(1, LOGITS_AT_ONCE // len(policy.head_weight)))


def autocast(policy: Policy, dtype: str) -> torch.autocast:
    """Within this context matrix products are made in bfloat16 if ``dtype`` says so."""
    return torch.autocast(policy.device.type, dtype=torch.bfloat16, enabled=dtype == "bfloat16")
