"""Names and order in tables and figures. Other methods than the paper's follow under the names of their files."""

from __future__ import annotations

from collections.abc import Sequence

PAPER_ORDER = ("base", "grpo", "opsd", "sdpo", "rlsd", "cepo")  # rows of the paper's Table 2
WRITTEN = {name.lower(): name for name in ("DAPO", "VinePPO", "SPO", "HDPO", "PRM", "cDPO")}  # as their papers do


def method_name(method: str, variant: str = "default") -> str:
    """Name of a method as its paper writes it, or else of its file; a variant follows in brackets."""
    shown = method.upper() if method in PAPER_ORDER else WRITTEN.get(method, method)
    shown = "Base" if method == "base" else shown
    return shown if variant == "default" else f"{shown} ({variant})"


def baseline_name(baseline: str) -> str:
    """Name of a baseline in words: a method's name, or ``the default``."""
    return method_name(baseline) if baseline in PAPER_ORDER else f"the {baseline}"


def method_rank(method: str, variant: str) -> tuple[int, str, bool, str]:
    """Sort key: the paper's order, then other methods by name; default variants first."""
    place = PAPER_ORDER.index(method) if method in PAPER_ORDER else len(PAPER_ORDER)
    return place, method, variant != "default", variant


def listed(words: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def in_a_row(seeds: Sequence[int]) -> bool:
    """Whether there are several seeds, each the one before plus 1."""
    return len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))


def listed_seeds(seeds: Sequence[int]) -> str:
    """``1, 2 and 5``; more than three that follow each other as ``1 to 10``."""
    if len(seeds) > 3 and in_a_row(seeds):
        return f"{seeds[0]} to {seeds[-1]}"
    return listed([str(seed) for seed in seeds])
