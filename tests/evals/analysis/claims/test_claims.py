"""Verdicts: by hand, on worlds where the truth is known, on missing cells; the file of claims; the table they make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.gradients import GradientLine
from contracts.paths import ROOT
from contracts.records import TrainingStep
from evals.analysis.cells import read_arms
from evals.analysis.claims.measuring import ClaimEvidence, measure
from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import Accuracy, Claim, Gradients, Training, load_claims
from evals.analysis.claims.verdicts import judge, seeds_needed
from evals.analysis.published.numbers import load
from evals.analysis.tables.claims import write
from evals.statistics.variance import ContrastVariance
from evals.statistics.verdict_rule import decide
from tests.helpers.analysis_cells import options, write_cell, write_experiment, write_grid
from workflows.lib.config.loading import read_experiments, read_yaml
from workflows.lib.config.schema import Config

PUBLISHED = ROOT / "results" / "published"
COMMON = {"scale": "small", "ours": "cepo", "expect": "higher", "tolerance": 1.0}
LOGGED = {*TrainingStep.model_fields, "auroc"}


def arms_of(cells: list[Path]) -> ClaimEvidence:
    return ClaimEvidence({(arm.scale, arm.method, arm.variant): arm for arm in read_arms(cells)})


def accuracy(**changed: object) -> Accuracy:
    return Accuracy.model_validate(COMMON | {"kind": "accuracy", "theirs": "grpo"} | changed)


def claim(*parts: Accuracy | Training | Gradients) -> Claim:
    return Claim(id="x", topic="t", says="s", where="w", source="", parts=list(parts))


@pytest.mark.parametrize(
    ("expect", "low", "high", "verdict"),
    [
        ("higher", 0.1, 3.0, "supported"),
        ("higher", -0.1, 3.0, "undecided"),
        ("higher", -3.0, -0.1, "contradicted"),
        ("higher", -0.4, 0.4, "contradicted"),  # no room for the one point that counts
        ("lower", -3.0, -0.1, "supported"),
        ("lower", 0.1, 3.0, "contradicted"),
        ("lower", -3.0, 0.1, "undecided"),
        ("similar", -0.9, 0.9, "supported"),
        ("similar", -0.9, 1.1, "undecided"),
        ("similar", 1.1, 2.0, "contradicted"),
    ],
)
def test_verdicts_of_intervals(expect: str, low: float, high: float, verdict: str) -> None:
    assert decide(expect, low, high, tolerance=1.0)[0] == verdict


def with_oracle(folder: Path, skill: float, **changed: int) -> ClaimEvidence:
    cells = write_grid(folder / "a", ("grpo", "opsd", "cepo"), seeds=(1, 2, 3))
    return arms_of([*cells, *oracle(folder, skill, **changed)])


def oracle(folder: Path, skill: float, **changed: int) -> list[Path]:
    budget = options("grpo", {}) | changed
    return [write_cell(folder / "o", "oracle", seed=seed, skill=skill, changed=budget) for seed in (1, 2, 3)]


def test_a_large_effect_is_supported_and_its_reverse_contradicted(tmp_path: Path) -> None:
    evidence = with_oracle(tmp_path, 0.8)
    up, down = accuracy(theirs="opsd"), accuracy(theirs="opsd", expect="lower")
    verdicts = {name: judge(claim(part), evidence).verdict for name, part in (("up", up), ("down", down))}
    assert verdicts == {"up": "supported", "down": "contradicted"}
    assert judge(claim(up, down), evidence).verdict == "contradicted"
    assert judge(claim(up, accuracy(theirs="opsd", benchmarks=["mmmu"])), evidence).verdict == "supported"
    assert judge(claim(down), evidence).parts[0].control.works


@pytest.mark.parametrize(("skill", "changed"), [(0.45, {}), (0.8, {"prompts": 4}), (None, {})])
def test_without_a_working_control_nothing_is_contradicted(
    tmp_path: Path, skill: float | None, changed: dict[str, int]
) -> None:
    """The oracle does not lead; it leads at another budget; it was not run."""
    cells = write_grid(tmp_path / "a", ("grpo", "opsd", "cepo"), seeds=(1, 2, 3))
    evidence = arms_of([*cells, *(oracle(tmp_path, skill, **changed) if skill else [])])
    judged = judge(claim(accuracy(theirs="opsd", expect="lower")), evidence)
    assert judged.verdict == "undecided"
    assert judged.why.startswith("the world could not have shown it (")
    assert ("oracle over GRPO" if skill == 0.45 else "no control was run") in judged.why
    assert judge(claim(accuracy(theirs="opsd")), evidence).verdict == "supported"


def test_gradients_need_base_draws_and_their_own_control() -> None:
    part = Gradients(
        kind="gradients", scale="small", ours="cepo", theirs="grpo", quantity="samples", than=1.0, expect="lower",
        tolerance=0.05,
    )  # fmt: skip

    def lines(method: str, values: list[float]) -> list[GradientLine]:
        one = {"scale": "small", "state": "base", "method": method, "theirs": "grpo", "quantity": "samples", "n": 32}
        return [
            GradientLine.model_validate(one | {"seed": seed, "value": value, "low": value - 0.01, "high": value + 0.01})
            for seed, value in enumerate(values)
        ]

    noisier, works = lines("cepo", [1.07, 1.08, 1.09]), lines("oracle", [0.6, 0.62, 0.61])
    assert judge(claim(part), ClaimEvidence({})).why == "not measured: there is no file of gradients"
    assert judge(claim(part), ClaimEvidence({}, [*noisier, *works])).verdict == "contradicted"
    assert judge(claim(part), ClaimEvidence({}, noisier)).verdict == "undecided"
    assert judge(claim(part), ClaimEvidence({}, lines("cepo", [0.8]))).verdict == "undecided"
    assert judge(claim(part), ClaimEvidence({}, lines("cepo", [0.8, 0.81, 0.82]))).verdict == "supported"


def test_one_seed_decides_nothing_and_says_so(tmp_path: Path) -> None:
    found = judge(claim(accuracy(theirs="opsd")), arms_of(write_grid(tmp_path, ("opsd", "cepo"))))
    assert (found.verdict, found.seeds_needed) == ("undecided", 2)
    assert found.why == "the interval lies above 0, for one seed; at least 2 seeds would decide"
    assert isinstance(part := found.parts[0].number, Measured)
    assert (part.covers, part.seeds) == ("questions only", 1)


def test_cells_that_were_not_run_are_named_and_never_0(tmp_path: Path) -> None:
    arms = arms_of(write_grid(tmp_path, ("cepo",)))
    found = judge(claim(accuracy(theirs="cepo/eps_w=0.1")), arms)
    assert (found.verdict, found.why) == ("undecided", "not run: cepo/small/eps_w=0.1")
    assert found.parts[0].number == Missing("not run: cepo/small/eps_w=0.1", ["cepo/small/default/s1"])


def test_gain_beyond_other_benchmarks_by_hand(tmp_path: Path) -> None:
    arms = arms_of(write_grid(tmp_path, ("grpo", "cepo")))
    found = measure(accuracy(benchmarks=["mathvision"], beyond=["mmmu", "wemath"]), arms)
    gain = {
        name: np.mean([*arms.arms["small", "cepo", "default"].panels[name].values[0]])
        - np.mean([*arms.arms["small", "grpo", "default"].panels[name].values[0]])
        for name in ("mathvision", "mmmu", "wemath")
    }
    assert isinstance(found, Measured)
    assert found.value == pytest.approx(100 * (gain["mathvision"] - (gain["mmmu"] + gain["wemath"]) / 2))


def test_training_quantities_by_hand(tmp_path: Path) -> None:
    arms = arms_of(write_grid(tmp_path, ("grpo", "cepo"), seeds=(1, 2, 3)))
    logged = Training.model_validate_json(
        json.dumps(COMMON | {"kind": "training", "quantity": "accuracy", "steps": [21, 40], "minus_steps": [1, 10]})
    )
    found = measure(logged, arms)
    steps = [[step.accuracy for step in folder.steps] for folder in arms.arms["small", "cepo", "default"].folders]
    assert isinstance(found, Measured)
    assert found.value == pytest.approx(100 * np.mean([np.mean(one[20:40]) - np.mean(one[:10]) for one in steps]))
    assert found.low is not None
    assert found.low > 0


def test_credit_per_step_is_read_where_it_is_there(tmp_path: Path) -> None:
    (cell,) = [write_cell(tmp_path, "cepo")]
    part = Training.model_validate_json(
        json.dumps(COMMON | {"kind": "training", "quantity": "credit.auroc", "steps": [1, 50], "than": 50.0})
    )
    assert isinstance(measure(part, arms_of([cell])), Missing)
    lines = [{"step": step, "auroc": 0.8 if step < 20 else None} for step in range(1, 51)]
    (cell / "credit.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = measure(part, arms_of([cell]))
    assert isinstance(found, Measured)
    assert (found.value, found.low, found.high) == pytest.approx((30, 30, 30))


def test_seeds_needed_falls_with_the_effect_and_is_none_if_questions_are_too_few() -> None:
    noisy = ContrastVariance(known=0.01**2, df=200, terms=())
    needed = [seeds_needed("higher", effect, 0.001, noisy) or 999 for effect in (0.005, 0.01, 0.03)]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == 3
    assert seeds_needed("higher", 0.0001, 0.0002, noisy) is None


def test_every_claim_of_the_file_names_arms_and_quantities_that_exist() -> None:
    config = read_yaml(Config, ROOT / "workflows" / "configs" / "micro.yaml")
    variants = {name for experiment in read_experiments().values() for name in experiment.variants}
    variants |= {"default", *config.variants}
    methods = {"base", "grpo", "opsd", "sdpo", "rlsd", "cepo"}
    for one in load_claims(PUBLISHED).claims:
        for part in one.parts:
            for name in part.arms:
                method, _, variant = name.partition("/")
                assert method in methods
                assert (variant or "default") in variants
            if isinstance(part, Training) and "." not in part.quantity:
                assert part.quantity in LOGGED


def test_sizes_are_those_of_table_2() -> None:
    table = load(PUBLISHED).table2
    for one in load_claims(PUBLISHED).claims:
        for part in one.parts:
            if one.where == "Table 2" and isinstance(part, Accuracy):
                ours, theirs = table.row(part.scale, part.ours), table.row(part.scale, part.theirs)
                assert ours is not None
                assert theirs is not None
                gains = [(ours.cells[name] or 0) - (theirs.cells[name] or 0) for name in part.benchmarks]
                assert part.size == pytest.approx(np.mean(gains), abs=0.011)


def test_the_table_has_every_claim_in_four_formats_and_json(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "a", seeds=(1, 2)) + write_experiment(tmp_path / "b", "table4", skip=("default",))
    paths = write([*cells, write_cell(tmp_path / "c", "mine")], PUBLISHED, tmp_path)
    assert [path.suffix for path in paths] == [".md", ".csv", ".tex", ".html", ".json"]
    record, table = json.loads(paths[4].read_text()), pd.read_csv(paths[1])
    claims = load_claims(PUBLISHED).claims
    assert [one["id"] for one in record["claims"]][: len(claims)] == [one.id for one in claims]
    assert record["world"] == "micro"
    assert set(table["world"]) == {"micro"}
    assert "nothing" in paths[0].read_text() or "this reproduces none" in paths[0].read_text()
    own = [one for one in record["claims"] if one["topic"].startswith("Methods that are not")]
    assert [one["id"] for one in own] == [f"mine_over_{rival}_small" for rival in ("base", "grpo", "cepo")]
    for one in record["claims"]:
        for part in one["parts"]:
            assert part["cells"] or part["why"].startswith(("not run", "not measured"))
            assert (part["value"] is None) == ("not " in part["why"] and part["low"] is None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source: readme", "source: hearsay", "no source named hearsay"),
        ("benchmarks: [mmmu]", "benchmarks: [mmlu]", "no benchmark named mmlu"),
        ("id: cepo_over_base_small", "id: cepo_over_grpo_small", "two claims are called cepo_over_grpo_small"),
        ("expect: higher", "expect: better", "Input should be 'higher', 'lower' or 'similar'"),
        ("claims:", "claims: [", "cannot be read"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (PUBLISHED / "claims.yaml").read_text()
    (tmp_path / "claims.yaml").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=r"claims\.yaml") as error:
        load_claims(tmp_path)
    assert message in str(error.value)


def test_gradients_beside_the_tables_are_read(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "cells", ("grpo", "cepo"))
    line = {"scale": "small", "state": "base", "seed": 1, "method": "opsd", "quantity": "direction"}
    (tmp_path / "gradients").mkdir()
    (tmp_path / "gradients" / "estimates.jsonl").write_text(
        json.dumps(line | {"value": 0.1, "low": 0.0, "high": 0.2, "n": 32}) + "\n"
    )
    record = json.loads(write(cells, PUBLISHED, tmp_path / "tables")[4].read_text())
    (claim_,) = [one for one in record["claims"] if one["id"] == "matching_redirects_the_gradient"]
    assert [part["value"] for part in claim_["parts"]] == [0.1, None]
