"""Could credit help a base at all? How many rollouts oracle credit needs where GRPO needs one, from their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from evals.statistics.gradient_signal import products_of_gram, ratio_estimate, samples
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings
from methods.engines.local.policy import Policy
from methods.engines.shared.problems import Problem
from methods.grpo import Grpo
from methods.micro.labels import label
from methods.oracle import Oracle
from methods.shared.rewards import Grader

SETTINGS = GradientSettings(batches=32, prompts=8, group_size=8)


def oracle_ratio(
    policy: Policy, problems: Sequence[Problem], options: dict[str, Any], seed: int,
    settings: GradientSettings = SETTINGS,
) -> dict[str, float]:  # fmt: skip
    """The oracle's samples ratio to GRPO and its 95 % interval over batches; what cannot be computed is left out.

    ``options`` are those of both methods; ``seed`` decides problems and rollouts.
    """
    methods = {"grpo": Grpo(**options), "oracle": Oracle(**options)}
    with Grader() as grader:
        meter = GradientMeter(policy, methods, problems, grader, settings, seed, label)
        batches = [meter.gradients(b, *meter.experience(b))[: len(methods)] for b in range(settings.batches)]
    rows = torch.cat(batches)
    gram = (rows @ rows.T).reshape(settings.batches, len(methods), settings.batches, len(methods))
    ratio = ratio_estimate(products_of_gram(gram.numpy()), samples(1, 0))
    values = {} if ratio is None else {"samples": ratio.value, "low": ratio.low, "high": ratio.high}
    return {name: value for name, value in values.items() if value is not None}
