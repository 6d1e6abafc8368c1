"""Where a policy is unsure: how much of its entropy lies on filler, on decisive tokens and on slips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerFast

from methods.engines.shared.responses import Responses
from methods.micro.labels import label

Labelled = tuple[Sequence[float], Sequence[bool], Sequence[bool]]  # entropy in nats, decisive, slipped; one per token


def entropy_shares(
    tokenizer: PreTrainedTokenizerFast, problems: Sequence[str], responses: Responses
) -> dict[str, float]:
    """Shares of the entropy of ``responses`` to the problems of these ids, and how many of them could be read."""
    found: list[Labelled] = []
    for row, problem in enumerate(problems):
        ids = responses.ids(row)
        texts = tokenizer.batch_decode([[i] for i in ids], clean_up_tokenization_spaces=False)
        flags = label(problem, texts, bool(responses.truncated[row]))
        if flags is not None:
            found.append((responses.entropy[row, : len(ids)].tolist(), *flags))
    return {**shares(found), "read": len(found) / len(problems)}


def shares(rows: Iterable[Labelled]) -> dict[str, float]:
    """Shares of all entropy that lie on filler, on decisive tokens that are right, and on slips; they add to 1."""
    sums = {"filler": 0.0, "decisive": 0.0, "slipped": 0.0}
    for entropies, decisive, slipped in rows:
        for entropy, of_content, wrong in zip(entropies, decisive, slipped, strict=True):
            sums["slipped" if wrong else "decisive" if of_content else "filler"] += entropy
    total = sum(sums.values())
    return {kind: value / total if total else 0.0 for kind, value in sums.items()}
