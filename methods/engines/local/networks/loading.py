"""Load the networks that were prepared for a method, by their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from contracts.errors import ConfigError
from contracts.gradients import GradientArm
from contracts.prepared import MODEL, read_prepared
from methods.base import Method
from methods.engines.local.networks.contrast import ContrastModels
from methods.engines.local.networks.protocol import Networks
from methods.engines.local.networks.step_scores import StepScores
from methods.engines.local.policy import Policy

LOADERS: Mapping[str, Callable[[Path, Policy, Mapping[str, object]], Networks]] = {
    "step_scorer": lambda folder, policy, options: StepScores.load(folder, policy),
    "contrast": lambda folder, policy, options: ContrastModels.load(
        folder, policy, float(str(options["contrast_weight"]))
    ),
}


def load_networks(method: Method, folder: Path | None, policy: Policy) -> Networks | None:
    """The networks of ``method`` from the folder of its prepared model; None if the method needs none.

    Raises ConfigError if it needs some and there is no folder, DataError if the folder holds another kind of model or
    its files are broken.
    """
    if not method.prepared:
        return None
    if folder is None:
        cause = f"{type(method).__name__} needs a prepared model of kind {method.prepared}"
        raise ConfigError("prepared", cause, "prepare it first (the workflow's rule does)")
    plan = read_prepared(folder).plan
    if plan.kind != method.prepared:
        cause = f"a prepared model of kind {plan.kind} in {folder}, not {method.prepared}"
        raise ConfigError("prepared", cause, "name the folder of the right one")
    return LOADERS[plan.kind](folder / MODEL, policy, plan.options)


def networks_of_arms(
    arms: Sequence[GradientArm], methods: Mapping[str, Method], folders: Sequence[Path], policy: Policy
) -> dict[str, Networks | None]:
    """What was prepared for each arm, by name; arms that share a model share its tensors. ``folders``: all models."""
    there = {read_prepared(folder).digest: folder for folder in folders}
    loaded: dict[str, Networks | None] = {}
    for arm in arms:
        if arm.prepared is not None and arm.prepared not in loaded:
            loaded[arm.prepared] = load_networks(methods[arm.name], there.get(arm.prepared), policy)
    return {arm.name: loaded[arm.prepared] for arm in arms if arm.prepared is not None}
