"""Sentences for captions that say where numbers come from: seeds, dates, code, machine, versions, sampling."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.records import OptionValue, Run
from evals.analysis.cells import Arm
from evals.analysis.display import listed

WORDS = {
    "top_p": "top-p {}",
    "top_k": "top-k {}",
    "presence_penalty": "presence penalty {}",
    "max_new_tokens": "at most {} tokens",
}


def _runs(arms: Sequence[Arm]) -> list[Run]:
    return [folder.run for arm in arms for folder in arm.folders if folder.run is not None]


def seeds(arms: Sequence[Arm]) -> str:
    """Seeds of the trained cells, ``seed 1`` or ``seeds 1, 2 and 3``; arms with other seeds are named."""
    trained = [arm for arm in arms if arm.method != "base"] or list(arms)
    usual = max((arm.seeds for arm in trained), key=lambda seeds: sum(arm.seeds == seeds for arm in trained))
    others = [f"{arm.name} {arm.scale}: {_numbers(arm.seeds)}" for arm in trained if arm.seeds != usual]
    return f"seed{'s' if len(usual) > 1 else ''} {_numbers(usual)}" + (f" ({'; '.join(others)})" if others else "")


def _numbers(values: Sequence[int]) -> str:
    return listed([str(value) for value in values])


def origin(arms: Sequence[Arm]) -> str:
    """Date and code of training, ``Trained 2026-11-23, code 0123456789``; empty if nothing was trained."""
    if not (runs := _runs(arms)):
        return ""
    days = sorted({run.started[:10] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Trained {when}, {listed(sorted({_code(run) for run in runs}))}"


def training(arms: Sequence[Arm]) -> str:
    """:func:`origin` with machines and packages, as a sentence; empty if nothing was trained."""
    if not (runs := _runs(arms)):
        return ""
    machines = listed(sorted({f"{run.machine} ({run.device}, threads: {run.threads})" for run in runs}))
    versions = sorted({f"{name} {version}" for run in runs for name, version in run.versions.items()})
    return f"{origin(arms)}, {machines}; {', '.join(versions)}."


def _code(run: Run) -> str:
    if run.git_sha is None:
        return "code outside git"
    return f"code {run.git_sha[:10]}" + (" and uncommitted changes" if run.git_dirty else "")


def sampling(generation: dict[str, OptionValue]) -> str:
    """Sampling settings in words: ``temperature 1, top-p 1, top-k 40, presence penalty 2, at most 96 tokens``."""
    shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in generation.items()}
    return ", ".join(WORDS.get(name, name + " {}").format(text) for name, text in shown.items())
