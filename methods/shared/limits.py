"""Allowed ranges of the options. A value outside its range cannot work. No torch, so a config can be checked early."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from contracts.errors import ConfigError

LIMITS: dict[str, tuple[float, float]] = {  # option -> lowest, highest
    "lr": (0, 1),
    "warmup_steps": (0, math.inf),
    "weight_decay": (0, math.inf),
    "grad_clip": (1e-6, math.inf),
    "lora_rank": (0, 4096),  # 0: no adapter
    "lora_alpha": (1, math.inf),
    "steps": (1, math.inf),
    "prompts": (1, math.inf),
    "group_size": (1, math.inf),
    "minibatch_prompts": (1, math.inf),
    "temperature": (1e-3, math.inf),
    "rollout_top_p": (1e-3, 1),
    "rollout_top_k": (0, math.inf),  # 0: no limit
    "validation_temperature": (0, math.inf),  # 0: that of the rollouts
    "validation_top_p": (1e-3, 1),
    "max_prompt": (1, math.inf),
    "max_response": (1, math.inf),
    "max_model_len": (0, math.inf),  # 0: no limit
    "clip_low": (0, 0.999),  # the lower bound of the ratio, 1 - clip_low, has a logarithm
    "clip_high": (0, math.inf),
    "dual_clip": (0, math.inf),
    "teacher_sync": (1, math.inf),
    "ema_decay": (0, 1),
    "lam": (0, 1),  # beyond 1 a token's credit could change sign
    "decay_steps": (1, math.inf),
    "share": (0, 1),
    "continuations": (1, math.inf),
    "cut_interval": (1, math.inf),
    "cut_probability": (0, 1),
    "segment_length": (1, math.inf),
    "max_draws": (1, math.inf),
    "privileged_copies": (1, math.inf),
    "distil_weight": (0, math.inf),
    "wrong_reward": (-math.inf, 0.999),  # below the reward of a right answer, 1
    "overlong_share": (0, 1),
    "overlong_penalty": (0, math.inf),
    "eps_w": (0, 1),  # beyond 1 a token's weight could change sign
    "cot_k": (1, math.inf),
    "beta": (0.001, 0.999),  # 0 and 1 are the forward and the reverse KL
    "tau": (1e-3, math.inf),
    "token_clip": (0, math.inf),
    "top_k": (0, math.inf),
    "prepared_problems": (8, math.inf),  # an eighth of them is held out
    "prepared_rollouts": (2, math.inf),
    "prepared_lr": (0, 1),
    "prepared_epochs": (1, math.inf),
    "prepared_batch": (1, math.inf),
    "prepared_continuations": (1, math.inf),
    "prepared_wrong_share": (0, 1),
    "contrast_weight": (0, math.inf),
    "progress_weight": (0, math.inf),
    "preference_scale": (0, math.inf),
    "is_clip": (0, math.inf),
}

ENGINE_LACKS: dict[str, dict[str, str]] = {  # engine -> flags of methods that it cannot train with, and why
    "easyr1": {
        "labels": "labels of tokens, easyr1 has none",
        "valued": "values of prefixes, which easyr1 does not sample",
        "tutored": "privileged rollouts, which easyr1 does not sample",
        "branched": "rollouts sampled as a tree, which easyr1 does not sample",
        "prepared": "a model prepared from the base, which easyr1 does not train",
    }
}
LOCAL_SERVES: dict[str, object] = {  # option -> the only value that the local engine can train with
    "optimizer": "adamw",
    "rollout_top_p": 1.0,
    "rollout_top_k": 0,
    "validation_temperature": 0.0,
    "validation_top_p": 1.0,
}


def check_limits(options: Mapping[str, object], place: str = "") -> None:
    """Raise ConfigError for the first number outside its range. ``place``: where the options were written."""
    for name, value in options.items():
        low, high = LIMITS.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            wanted = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise ConfigError(place or f"option {name}", f"{value:g} is out of range", f"it is {wanted}")
    if "branching" in options and "group_size" in options:
        check_branching(options, place or "option branching")


def branching_of(text: object, place: str = "option branching") -> tuple[int, ...]:
    """``"2-2-2"`` as numbers, () for ``""``; ConfigError for anything else. Each is how often a node is continued."""
    if not re.fullmatch(r"([1-9]\d*(-[1-9]\d*)*)?", str(text)):
        raise ConfigError(place, f"'{text}' names no tree", "write the continuations of each level, such as 2-2-2")
    return tuple(map(int, str(text).split("-"))) if text else ()


def check_branching(options: Mapping[str, object], place: str) -> None:
    """Raise ConfigError if the options of a method ask for a tree of rollouts that cannot be sampled."""
    if not (branching := branching_of(options.get("branching", ""), place)):
        return
    if math.prod(branching) != options["group_size"]:
        cause = f"{options['branching']} has {math.prod(branching)} leaves, the group size is {options['group_size']}"
        raise ConfigError(place, cause, "set group_size to the product of the numbers")
    if options["cut_adds_end"]:
        raise ConfigError(place, "a tree of rollouts cannot end cut responses", "set cut_adds_end to false")


def engine_gives(engine: str, need: str) -> bool:
    """Whether methods can have ``need``, a flag of ``Method``, from ``engine``."""
    return need not in ENGINE_LACKS.get(engine, {})


def check_engine_gives(engine: str, need: str, method: str, place: str = "") -> None:
    """Raise ConfigError if ``method`` has the flag ``need`` and ``engine`` cannot give what it stands for."""
    if not engine_gives(engine, need):
        raise ConfigError(place or "engine", f"{method} needs {ENGINE_LACKS[engine][need]}", "use engine: local")


def engine_serves(engine: str, name: str, value: object) -> bool:
    """Whether ``engine`` can train with this value of an option that only engine easyr1 has other values of."""
    return engine != "local" or value == LOCAL_SERVES.get(name, value)


def check_engine_options(engine: str, options: Mapping[str, object]) -> None:
    """Raise ConfigError for the first of a method's options with which ``engine`` cannot train."""
    for name, value in options.items():
        check_engine_option(engine, name, value)


def check_engine_option(engine: str, name: str, value: object, place: str = "") -> None:
    """Raise ConfigError for an option's value with which ``engine`` cannot train. ``place`` as above."""
    if engine == "local" and name == "lora_rank" and value == 0:
        cause = "0 trains the model's own weights, the local engine trains an adapter"
        raise ConfigError(place or f"options.{name}", cause, "use engine: easyr1, or a rank of at least 1")
    if not engine_serves(engine, name, value):
        cause = f"the local engine does not have {value}, only {LOCAL_SERVES[name]}"
        raise ConfigError(place or f"options.{name}", cause, "use engine: easyr1, or leave the option out")
    if engine == "easyr1" and name == "dynamic_sampling" and value:
        cause = "true draws groups again, for which easyr1 has no hook"
        raise ConfigError(place or f"options.{name}", cause, "set it to false, or use engine: local")
