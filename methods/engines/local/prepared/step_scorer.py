"""Train a process reward model from automatic labels.

Labels: Math-Shepherd (arXiv:2312.08935), section 3: a line is as good as what the base makes of it. ``hard``: 1 if one
of the continuations is right; ``soft``: the share of right ones. The loss is the cross-entropy of the score.

Departures: the base itself completes, and an adapter on it is trained, not another model; the prompt is scored too,
because advantages of progress need the value before the first line.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from contracts.errors import DataError
from contracts.prepared import PreparedPlan
from methods.engines.local.networks.step_scores import StepScores
from methods.engines.local.passes import Chunk
from methods.engines.local.prepared.job import Preparation, Prepared, finish, preparation
from methods.engines.shared.responses import taken
from methods.engines.shared.run_record import Started
from methods.shared.discrimination import auroc


def prepare(plan: PreparedPlan, base: Path, data: Path, out: Path) -> None:
    """Leave ``prepared.json`` and the network in ``out``. DataError for broken inputs or rollouts without lines."""
    started = Started.now()
    with preparation(plan, base, data, out, int(plan.options["prepared_continuations"])) as prep:
        finish(prep, _trained(prep), out, started)


def labels(values: dict[str, Tensor], hard: bool, width: int) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """The label of the prefix before each token, and 1 where there is one: before the first, and after known tokens.

    ``values``: shares of right continuations in the layout of ``Rollouts.values``; ``width``: T.
    """
    share = pad(values["prefix"], (1, 0))[:, :width]
    there = pad(values["known"].float(), (1, 0))[:, :width]
    share[:, 0], there[:, 0] = values["start"], 1.0
    return ((share > 0).float() if hard else share) * there, there


def _trained(prep: Preparation) -> Prepared:
    responses, values = prep.collected.responses, prep.collected.values
    if not bool(values["known"].any()):
        raise DataError("prepared model", "no response has a second line to score", "use a base that writes lines")
    wanted, there = labels(values, prep.plan.options["prepared_labels"] == "hard", responses.mask.shape[1])
    head = torch.nn.Linear(prep.policy.head.in_features, 1).to(prep.policy.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)

    def loss(chunk: Chunk) -> Float[Tensor, "b T"]:
        logits = head(chunk.hidden.float())[..., 0]
        return binary_cross_entropy_with_logits(logits, wanted[chunk.rows, : logits.shape[1]], reduction="none")

    with prep.clock.phase("fit"):
        updates = prep.fitter.fit(prep.learned, loss, there, prep.fitting(), list(head.parameters()))
        scores = StepScores(prep.fitter.adapter(), head.weight.detach(), head.bias.detach())
        prep.fitter.restart()
    with prep.clock.phase("measure"):
        quality = _quality(prep, scores, wanted, there.bool())
    examples = int(there[prep.learned].sum())
    return Prepared(scores, {"scorer": examples}, {"scorer": updates}, quality)


def _quality(
    prep: Preparation, scores: StepScores, wanted: Float[Tensor, "B T"], there: Bool[Tensor, "B T"]
) -> dict[str, float]:
    """How well the scores tell the labels of held-out problems: accuracy, AUROC, and what a constant would get."""
    rows, responses = prep.held_out, prep.collected.responses
    part = taken(responses, rows)
    contexts = [context for context in prep.fitter.contexts(rows) if context is not None]
    told = scores.scores(prep.policy, contexts, part, prep.collector.method.score_dtype, prep.plan.micro_batch)
    length = part.mask.shape[1]  # no label stands behind a response's last token
    found = pad(told["prefix"], (1, 0))[:, :length]
    found[:, 0] = told["start"]
    marked = there[rows, :length]
    score, label = found[marked], wanted[rows, :length][marked]
    right = label >= 0.5
    share = float(right.float().mean())
    quality = {
        "prefixes": float(marked.sum()),
        "accuracy": float(((score >= 0.5) == right).float().mean()),
        "accuracy_of_a_constant": max(share, 1 - share),
        "brier": float((score - label).square().mean()),
    }
    area = auroc(right.cpu().numpy(), score.cpu().numpy())
    return quality | ({} if area is None else {"auroc": area})
