"""docs/findings.md: its two tables are what the committed run says, and the page is short."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest

from contracts.paths import ROOT
from evals.analysis.gradient_results import GradientNumber, read_measured
from evals.analysis.rendering.cell_words import MINUS, points
from evals.analysis.truth_results import read_measured_truth

RUN = ROOT / "results" / "reference" / "micro"
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
WORDS = 1450  # with a picture and two tables of numbers: two pages of A4
SCALES = ("small", "large")
GRADIENTS = {  # row of the first table -> arm
    "Perfect credit": "oracle",
    "CEPO": "cepo",
    "CEPO, evidence on other tokens": "cepo/shuffled",
    "RLSD": "rlsd",
    "Weights by entropy, no teacher": "entropy",
    "SDPO": "sdpo",
    "OPSD": "opsd",
}
ACCURACY = {  # row of the second table -> row of the table of controls
    "Perfect credit": "Oracle",
    "CEPO": "CEPO at 0.001",
    "CEPO, evidence on other tokens": "CEPO, evidence shuffled in each response",
    "CEPO, r\u2212 of another problem": "CEPO, r\u2212 of another problem",
    "RLSD": "RLSD",
    "Weights by entropy, no teacher": "Entropy",
    "SDPO": "SDPO",
    "OPSD": "OPSD",
    "Credit on filler alone": "Anti-oracle",
}


def table(heading: str) -> dict[str, list[str]]:
    """Rows of the table whose first heading this is: name -> entries."""
    lines = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {name: entries for name, *entries in rows}


def shown(number: GradientNumber | None, word: Callable[[float], str]) -> str:
    if number is None or number.low is None or number.high is None:
        return "\u2013"
    return f"{word(number.value)} [{word(number.low)}, {word(number.high)}]"


def two_decimals(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def whole_percent(share: float) -> str:
    return f"{100 * share:z.0f}".replace("-", MINUS)


@pytest.mark.parametrize(("row", "arm"), GRADIENTS.items())
def test_gradients_and_truth_are_the_committed_ones(row: str, arm: str) -> None:
    gradients, truth = read_measured(RUN), read_measured_truth(RUN)
    rollouts = [shown(gradients.number(scale, "base", "samples", arm, "grpo"), two_decimals) for scale in SCALES]
    explained = [shown(truth.number(scale, "base", "explained", arm), whole_percent) for scale in SCALES]
    assert table("Before training")[row] == [*rollouts, *explained]


@pytest.mark.parametrize(("row", "pair"), ACCURACY.items())
def test_differences_to_grpo_are_the_committed_ones(row: str, pair: str) -> None:
    lines = pd.read_csv(RUN / "tables" / "controls.csv").query("quantity == 'difference to partner'")
    partner = "GRPO at 0.001" if pair == "CEPO at 0.001" else "GRPO"
    of_pair = lines[lines["row"] == f"{pair} {MINUS} {partner}"].set_index(["benchmark", "scale"])
    wanted = [of_pair.loc[(where, scale)] for where in ("held-out problems", "average") for scale in SCALES]
    numbers = [[points(one[name] / 100) for name in ("value", "low", "high")] for one in wanted]
    assert table("Minus GRPO")[row] == [f"{value} [{low}, {high}]" for value, low, high in numbers]


def test_the_tables_have_no_other_rows() -> None:
    assert (list(table("Before training")), list(table("Minus GRPO"))) == (list(GRADIENTS), list(ACCURACY))


def test_the_page_is_short() -> None:
    assert len(re.findall(r"\S+", PAGE)) <= WORDS
