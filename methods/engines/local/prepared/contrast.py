"""Fine-tune a positive and a negative model on right and wrong rollouts of the base, and keep pairs of these rollouts.

arXiv:2411.19943, section 3; github.com/chenzhiling9954/Critical-Tokens-Matter @228991e, src/pipeline.py (which
rollouts) and src/train/train_sft.py (how both models are trained).

Departures: both adapters have the cells' shape (all linear layers of the language model, the cells' rank) where the
released ones have rank 8 on the MLPs; sampling has the cells' temperature; the last checkpoint is kept, not the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from contracts.errors import DataError
from contracts.prepared import PreparedPlan
from methods.engines.local.networks.contrast import ContrastModels
from methods.engines.local.networks.protocol import StoredPairs
from methods.engines.local.passes import Chunk, autocast, chunks, token_logp
from methods.engines.local.prepared.choices import ChosenRollouts, choose
from methods.engines.local.prepared.job import HELD_OUT, Prepared, Workshop, finish, workshop
from methods.engines.local.teacher_weights import Adapter, adapter_swapped, frozen
from methods.engines.shared.responses import Responses
from methods.engines.shared.run_record import Started
from methods.shared import seeding
from methods.shared.discrimination import auroc
from methods.shared.rewards import boxed_answer


def prepare(plan: PreparedPlan, base: Path, data: Path, out: Path) -> None:
    """Leave ``prepared.json``, both adapters and the pairs in ``out``.

    DataError for broken inputs, and for a base that is never right or never wrong.
    """
    started = Started.now()
    with workshop(plan, base, data, out, 0) as shop:
        finish(shop, _trained(shop), out, started)


def _trained(shop: Workshop) -> Prepared:
    choices = _choices(shop)
    size = shop.collector.method.group_size
    learned = [(group * size, one) for group, one in enumerate(choices) if group % HELD_OUT != HELD_OUT - 1]
    right = [first + one.right for first, one in learned if one.right is not None]
    wrong = [first + place for first, one in learned for place in one.wrong]
    if not right or not wrong or not any(_is_pair(one) for one in choices):
        cause = f"{len(right)} right and {len(wrong)} wrong rollouts of the base to learn from"
        raise DataError("prepared model", cause, "use a base that is sometimes right and sometimes wrong")
    adapters, updates = list[Adapter](), []
    with shop.clock.phase("fit"):
        for number, rows in enumerate((right, wrong)):
            updates.append(_fine_tuned(shop, rows, number))
            adapters.append(shop.fitter.adapter())
        shop.fitter.restart()
    weight = float(shop.plan.options["contrast_weight"])
    models = ContrastModels(adapters[0], adapters[1], weight, _pairs(shop, choices))
    with shop.clock.phase("measure"):
        quality = _quality(shop, models)
    named = ("positive", "negative")
    examples = dict(zip(named, map(len, (right, wrong)), strict=True)) | {"pairs": len(models.pairs.problem)}
    return Prepared(models, examples, dict(zip(named, updates, strict=True)), quality)


def _fine_tuned(shop: Workshop, rows: Sequence[int], number: int) -> int:
    """Train the adapter to write these rollouts; returns the number of updates."""

    def loss(chunk: Chunk) -> Float[Tensor, "b T"]:
        return -token_logp(shop.policy, chunk, 1.0)

    chosen = torch.tensor(rows, device=shop.policy.device)
    return shop.fitter.fit(chosen, loss, shop.collected.responses.mask, shop.fitting(number))


def _choices(shop: Workshop) -> list[ChosenRollouts]:
    """The choice among the rollouts of each problem, with random numbers of its own."""
    collected, size = shop.collected, shop.collector.method.group_size
    texts = shop.policy.processor.tokenizer.batch_decode(collected.responses.every_id(), skip_special_tokens=True)
    answers, correct = [boxed_answer(text) for text in texts], collected.correct.tolist()
    share, found = float(shop.plan.options["prepared_wrong_share"]), []
    for group in range(len(collected.problems)):
        rows = slice(group * size, (group + 1) * size)
        rng = seeding.generator(shop.plan.seed, "prepare", 100 + group)
        found.append(choose(answers[rows], correct[rows], share, rng))
    return found


def _is_pair(choice: ChosenRollouts) -> bool:
    return choice.right is not None and choice.rejected is not None


def _pairs(shop: Workshop, choices: Sequence[ChosenRollouts]) -> StoredPairs:
    """A right and a wrong rollout of each problem that has both."""
    collected, size = shop.collected, shop.collector.method.group_size
    paired = [group for group, one in enumerate(choices) if _is_pair(one)]
    rows = [group * size + place for group in paired for place in (choices[group].right, choices[group].rejected)]  # pyright: ignore[reportOperatorIssue]
    chosen, r = torch.tensor(rows, device=shop.policy.device), collected.responses
    owner = torch.arange(len(paired), device=shop.policy.device).repeat_interleave(2)
    own = (r.tokens[chosen], r.mask[chosen], r.logp[chosen], r.entropy[chosen])
    return StoredPairs([collected.problems[group] for group in paired], Responses(*own, owner, r.truncated[chosen]))


def _quality(shop: Workshop, models: ContrastModels) -> dict[str, float]:
    """On held-out problems: nats per token of right and wrong rollouts under each model, and who tells them apart."""
    rows, right = shop.held_out, shop.collected.correct
    lengths = shop.collected.responses.mask.sum(1)
    found = {
        "base": _logp(shop, rows, None), "positive": _logp(shop, rows, models.positive),
        "negative": _logp(shop, rows, models.negative),
    }  # fmt: skip
    quality: dict[str, float] = {}
    for kind, which in (("right", rows[right[rows]]), ("wrong", rows[~right[rows]])):
        if len(which):
            tokens = lengths[which].sum()
            quality |= {f"{name}_on_{kind}": float(logp[which].sum() / tokens) for name, logp in found.items()}
    area = auroc((found["positive"] - found["negative"])[rows], right[rows])
    return quality | ({} if area is None else {"auroc": area})


def _logp(shop: Workshop, rows: Tensor, adapter: Adapter | None) -> Float[Tensor, " B"]:
    """Log-prob in nats of each of these rollouts; of the base without an adapter."""
    policy, responses = shop.policy, shop.collected.responses
    total = torch.zeros_like(responses.mask[:, 0])
    contexts = shop.fitter.contexts(rows)
    with autocast(policy, shop.collector.method.score_dtype), adapter_swapped(policy, adapter), frozen(policy):
        for chunk in chunks(policy, contexts, rows, responses, shop.plan.micro_batch):
            total[chunk.rows] = token_logp(policy, chunk, 1.0).sum(1)
    return total
