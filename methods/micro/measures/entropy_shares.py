"""Where a policy is unsure: how much of its entropy lies on filler, on decisive tokens and on slips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from methods.engines.shared.responses import Responses, token_texts
from methods.micro.labels import label

KINDS = ("filler", "decisive", "slipped")
Labelled = tuple[Sequence[float], Sequence[bool], Sequence[bool]]  # entropy in nats, decisive, slipped; one per token


@dataclass(frozen=True)
class EntropyShares:
    """The entropy of responses by kind of token; ``decisive`` are the decisive tokens that are right."""

    share: dict[str, float]  # of all entropy; they add to 1
    nats: dict[str, float]  # per token; a kind without a token is absent
    read: float  # share of the responses whose chain can be read, so that its tokens have a kind


def entropy_shares(tokenizer: PreTrainedTokenizerFast, problems: Sequence[str], responses: Responses) -> EntropyShares:
    """The entropy of ``responses`` to the problems of these ids."""
    labelled: list[Labelled] = []
    for row, problem in enumerate(problems):
        ids = responses.ids(row)
        flags = label(problem, token_texts(tokenizer, ids), bool(responses.truncated[row]))
        if flags is not None:
            labelled.append((responses.entropy[row, : len(ids)].tolist(), *flags))
    return shares(labelled, len(labelled) / len(problems))


def shares(rows: Iterable[Labelled], read: float) -> EntropyShares:
    """The entropies of readable responses added up by kind."""
    sums, counts = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0)
    for entropies, decisive, slipped in rows:
        for entropy, of_content, wrong in zip(entropies, decisive, slipped, strict=True):
            kind = "slipped" if wrong else "decisive" if of_content else "filler"
            sums[kind] += entropy
            counts[kind] += 1
    total = sum(sums.values())
    share = {kind: value / total if total else 0.0 for kind, value in sums.items()}
    return EntropyShares(share, {kind: sums[kind] / counts[kind] for kind in KINDS if counts[kind]}, read)
