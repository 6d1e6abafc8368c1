"""Sentences for captions that say where numbers come from: seeds, dates, code, machine, versions, sampling."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.records import OptionValue, Run
from evals.analysis.cells import Arm
from evals.analysis.display import listed, listed_seeds

NAMED = 3  # arms with other seeds that a caption names at most
WORDS = {
    "top_p": "top-p {}",
    "top_k": "top-k {}",
    "presence_penalty": "presence penalty {}",
    "max_new_tokens": "at most {} tokens",
}


def _runs(arms: Sequence[Arm]) -> list[Run]:
    return [folder.run for arm in arms for folder in arm.folders if folder.run is not None]


def seeds(arms: Sequence[Arm]) -> str:
    """Seeds of the trained cells, ``seed 1`` or ``seeds 1, 2 and 3``; arms that differ are named if they are few.

    More than :data:`NAMED` of them are counted: ``seeds 1, 2 and 3 (45 arms) and seed 1 (59 arms)``.
    """
    trained = [arm for arm in arms if arm.method != "base"] or list(arms)
    groups: dict[tuple[int, ...], list[Arm]] = {}
    for arm in trained:
        groups.setdefault(arm.seeds, []).append(arm)
    usual = max(groups, key=lambda seeds: len(groups[seeds]))
    others = [f"{arm.name} {arm.scale}: {listed_seeds(arm.seeds)}" for arm in trained if arm.seeds != usual]
    if len(others) > NAMED:
        most = sorted(groups, key=len, reverse=True)
        return listed([f"{_named(seeds)} ({len(groups[seeds])} arms)" for seeds in most])
    return _named(usual) + (f" ({'; '.join(others)})" if others else "")


def _named(seeds: tuple[int, ...]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {listed_seeds(seeds)}"


def trained_with(arms: Sequence[Arm]) -> str:
    """:func:`seeds` as a sentence, which says where every seed has a base model of its own."""
    several = [[folder.cell.digests.get("base") for folder in arm.folders] for arm in arms if len(arm.folders) > 1]
    own = several and all(None not in bases and len(set(bases)) == len(bases) for bases in several)
    return f"Trained with {seeds(arms)}{'; each has a base model of its own' if own else ''}."


def origin(arms: Sequence[Arm]) -> str:
    """Date and code of training, ``Trained 2026-11-23, code 0123456789``; empty if nothing was trained."""
    if not (runs := _runs(arms)):
        return ""
    days = sorted({run.started[:10] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Trained {when}, {_code(runs)}"


def training(arms: Sequence[Arm]) -> str:
    """:func:`origin` with machines and packages, as a sentence; empty if nothing was trained."""
    if not (runs := _runs(arms)):
        return ""
    machines = listed(sorted({f"{run.machine} ({run.device}, threads: {run.threads})" for run in runs}))
    versions = sorted({f"{name} {version}" for run in runs for name, version in run.versions.items()})
    return f"{origin(arms)}, {machines}; {', '.join(versions)}."


def _code(runs: Sequence[Run]) -> str:
    """Each commit once: ``code 0d4c799f64 (in part with uncommitted changes) and ddad8b000f``."""
    commits = dict.fromkeys(sorted(run.git_sha or "" for run in runs))
    shown = []
    for commit in commits:
        dirty = [bool(run.git_dirty) for run in runs if (run.git_sha or "") == commit]
        share = "" if not any(dirty) else "with" if all(dirty) else "in part with"
        shown.append((commit[:10] or "outside git") + (f" ({share} uncommitted changes)" if share else ""))
    return f"code {listed(shown)}"


def sampling(generation: dict[str, OptionValue]) -> str:
    """Sampling settings in words: ``temperature 1, top-p 1, top-k 40, presence penalty 2, at most 96 tokens``."""
    shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in generation.items()}
    return ", ".join(WORDS.get(name, name + " {}").format(text) for name, text in shown.items())
