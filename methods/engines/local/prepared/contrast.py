"""Fine-tune a positive and a negative model on right and wrong rollouts of the base, and keep pairs of these rollouts.

arXiv:2411.19943, section 3; github.com/chenzhiling9954/Critical-Tokens-Matter @228991e, src/pipeline.py (which
rollouts) and src/train/train_sft.py (how both models are trained).

Departures: both adapters have the cells' shape (all linear layers of the language model, the cells' rank) where the
released ones have rank 8 on the MLPs; sampling has the cells' temperature; the last checkpoint is kept, not the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from methods.engines.local.prepared.job import HELD_OUT, Preparation, Prepared, finish, preparation
from methods.engines.local.teacher_weights import Adapter, adapter_swapped, frozen
from methods.engines.shared.responses import taken
from methods.engines.shared.run_record import Started
from methods.shared import seeding
from methods.shared.discrimination import auroc
from methods.shared.rewards import boxed_answer


def prepare(plan: PreparedPlan, base: Path, data: Path, out: Path) -> None:
    """Leave ``prepared.json``, both adapters and the pairs in ``out``.

    DataError for broken inputs, and for a base that is never right or never wrong.
    """
    started = Started.now()
    with preparation(plan, base, data, out, 0) as prep:
        finish(prep, _trained(prep), out, started)


def _trained(prep: Preparation) -> Prepared:
    choices = _choices(prep)
    size = prep.collector.method.group_size
    learned = [(group * size, one) for group, one in enumerate(choices) if group % HELD_OUT != HELD_OUT - 1]
    right = [first + one.right for first, one in learned if one.right is not None]
    wrong = [first + place for first, one in learned for place in one.wrong]
    if not right or not wrong or not any(_is_pair(one) for one in choices):
        cause = f"{len(right)} right and {len(wrong)} wrong rollouts of the base to learn from"
        raise DataError("prepared model", cause, "use a base that is sometimes right and sometimes wrong")
    adapters, updates = list[Adapter](), []
    with prep.clock.phase("fit"):
        for number, rows in enumerate((right, wrong)):
            updates.append(_fine_tuned(prep, rows, number))
            adapters.append(prep.fitter.adapter())
        prep.fitter.restart()
    weight = float(prep.plan.options["contrast_weight"])
    models = ContrastModels(adapters[0], adapters[1], weight, _pairs(prep, choices))
    with prep.clock.phase("measure"):
        quality = _quality(prep, models)
    named = ("positive", "negative")
    examples = dict(zip(named, map(len, (right, wrong)), strict=True)) | {"pairs": len(models.pairs.problem)}
    return Prepared(models, examples, dict(zip(named, updates, strict=True)), quality)


def _fine_tuned(prep: Preparation, rows: Sequence[int], number: int) -> int:
    """Train the adapter to write these rollouts; returns the number of updates."""

    def loss(chunk: Chunk) -> Float[Tensor, "b T"]:
        return -token_logp(prep.policy, chunk, 1.0)

    chosen = torch.tensor(rows, device=prep.policy.device)
    return prep.fitter.fit(chosen, loss, prep.collected.responses.mask, prep.fitting(number))


def _choices(prep: Preparation) -> list[ChosenRollouts]:
    """The choice among the rollouts of each problem, with random numbers of its own."""
    collected, size = prep.collected, prep.collector.method.group_size
    texts = prep.policy.processor.tokenizer.batch_decode(collected.responses.every_id(), skip_special_tokens=True)
    answers, correct = [boxed_answer(text) for text in texts], collected.correct.tolist()
    share, found = float(prep.plan.options["prepared_wrong_share"]), []
    for group in range(len(collected.problems)):
        rows = slice(group * size, (group + 1) * size)
        rng = seeding.generator(prep.plan.seed, "prepare", 100 + group)
        found.append(choose(answers[rows], correct[rows], share, rng))
    return found


def _is_pair(choice: ChosenRollouts) -> bool:
    return choice.right is not None and choice.rejected is not None


def _pairs(prep: Preparation, choices: Sequence[ChosenRollouts]) -> StoredPairs:
    """A right and a wrong rollout of each problem that has both."""
    collected, size = prep.collected, prep.collector.method.group_size
    paired = [group for group, one in enumerate(choices) if _is_pair(one)]
    rows = [group * size + place for group in paired for place in (choices[group].right, choices[group].rejected)]  # pyright: ignore[reportOperatorIssue]
    owner = torch.arange(len(paired), device=prep.policy.device).repeat_interleave(2)
    responses = replace(taken(collected.responses, torch.tensor(rows, device=prep.policy.device)), owner=owner)
    return StoredPairs([collected.problems[group] for group in paired], responses)


def _quality(prep: Preparation, models: ContrastModels) -> dict[str, float]:
    """On held-out problems: nats per token of right and wrong rollouts under each model, and who tells them apart."""
    rows, right = prep.held_out, prep.collected.correct
    lengths = prep.collected.responses.mask.sum(1)
    found = {
        "base": _logp(prep, rows, None), "positive": _logp(prep, rows, models.positive),
        "negative": _logp(prep, rows, models.negative),
    }  # fmt: skip
    quality: dict[str, float] = {}
    for kind, which in (("right", rows[right[rows]]), ("wrong", rows[~right[rows]])):
        if len(which):
            tokens = lengths[which].sum()
            quality |= {f"{name}_on_{kind}": float(logp[which].sum() / tokens) for name, logp in found.items()}
    area = auroc(right[rows].cpu().numpy(), (found["positive"] - found["negative"])[rows].cpu().numpy())
    return quality | ({} if area is None else {"auroc": area})


def _logp(prep: Preparation, rows: Tensor, adapter: Adapter | None) -> Float[Tensor, " B"]:
    """Log-prob in nats of each of these rollouts; of the base without an adapter."""
    policy, responses = prep.policy, prep.collected.responses
    total = torch.zeros_like(responses.mask[:, 0])
    contexts = prep.fitter.contexts(rows)
    with autocast(policy, prep.collector.method.score_dtype), adapter_swapped(policy, adapter), frozen(policy):
        for chunk in chunks(policy, contexts, rows, responses, prep.plan.micro_batch):
            total[chunk.rows] = token_logp(policy, chunk, 1.0).sum(1)
    return total
