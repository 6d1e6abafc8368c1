"""Steps as the paper counts them, of its 50, and the same shares of a run of another length."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.records import OptionValue

PAPER_STEPS = 50  # rollout steps of the paper's runs


def of_paper_steps(options: Mapping[str, OptionValue], name: str) -> float:
    """An option counted in rollout steps as the same share of the paper's 50: 10 of 20 steps are 25 of 50."""
    return float(options[name]) * PAPER_STEPS / float(options["steps"])


def of_run(window: tuple[int, int], length: int) -> tuple[int, int]:
    """The same share of a run of ``length`` steps as ``window`` is of the paper's 50; both ends count.

    Steps 16 to 25 of 50 are steps 7 to 10 of 20.
    """
    first, last = ((window[0] - 1) * length // PAPER_STEPS + 1, window[1] * length // PAPER_STEPS)
    return first, max(first, last)
