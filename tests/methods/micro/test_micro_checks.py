"""The checks of base models: what passes, and the one line that says why something does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import DataError
from methods.engines.local.gradients.meter import GradientSettings
from methods.engines.local.policy import Policy
from methods.micro.checks import (
    METHOD,
    Rolled,
    check_benchmarks,
    check_rollouts,
    judge,
    judge_evidence,
    judge_oracle,
    rollouts,
)
from methods.micro.data import write_splits
from methods.micro.measures import evidence
from methods.micro.measures.entropy_shares import EntropyShares, shares
from methods.micro.measures.evidence import auroc_within, evidence_of, summary
from methods.micro.measures.oracle_ratio import oracle_ratio
from methods.micro.settings import MicroSettings
from methods.shared.references import Member

pytestmark = pytest.mark.usefixtures("kept_graders")
FAIR = {"dynamath": 0.3, "logicvista": 0.5, "wemath": 0.5, "mathvision": 0.3, "mmmu": 0.6}


def write_scores(path: Path, accuracies: dict[str, float], cell: str) -> Path:
    bench = {"n": 200, "low": 0.0, "high": 1.0, "unparsed_rate": 0.0, "truncated_rate": 0.0, "metric": "acc"}
    average = sum(accuracies.values()) / len(accuracies)
    scores = {
        "cell": cell,
        "cell_digest": "0",
        "generation": {},
        "benchmarks": {name: bench | {"accuracy": accuracy} for name, accuracy in accuracies.items()},
        "average": average,
        "average_low": average,
        "average_high": average,
        "seconds": 1.0,
    }
    path.write_text(json.dumps(scores))
    return path


def test_bases_within_the_bands_pass_and_are_reported(tmp_path: Path):
    small = write_scores(tmp_path / "small.json", FAIR, "base/small/default/s1")
    large = write_scores(tmp_path / "large.json", FAIR | {"dynamath": 0.4}, "base/large/default/s1")
    found = check_benchmarks([small, large])
    assert found["base/small/default/s1"] == FAIR
    assert found["base/large/default/s1"]["dynamath"] == 0.4


@pytest.mark.parametrize(
    ("bench", "accuracy"), [("mmmu", 0.19), ("wemath", 0.81), ("dynamath", 0.0), ("mathvision", 0.9)]
)
def test_a_benchmark_at_chance_or_nearly_solved_fails(tmp_path: Path, bench: str, accuracy: float):
    path = write_scores(tmp_path / "scores.json", FAIR | {bench: accuracy}, "base/small/default/s1")
    with pytest.raises(DataError, match=f"accuracy on micro-{bench} is {accuracy:.3f}") as error:
        check_benchmarks([path])
    assert "\n" not in str(error.value)


def test_a_large_base_that_is_no_better_fails(tmp_path: Path):
    small = write_scores(tmp_path / "small.json", FAIR, "base/small/default/s1")
    large = write_scores(tmp_path / "large.json", FAIR, "base/large/default/s1")
    with pytest.raises(
        DataError, match=r"^base/large/default: average 0.440 is not above 0.440 of base/small/default; "
    ):
        check_benchmarks([small, large])


def test_base_draws_of_a_scale_count_together(tmp_path: Path):
    names = ["base/small/default/s1", "base/small/default/s2", "base/large/default/s1", "base/large/default/s2"]
    accuracies = [0.3, 0.4, 0.6, 0.2]  # of the second draw the small one is better, on average the large one
    paths = [
        write_scores(tmp_path / f"{i}.json", FAIR | {"dynamath": accuracy}, name)
        for i, (name, accuracy) in enumerate(zip(names, accuracies, strict=True))
    ]
    assert list(check_benchmarks(paths)) == names
    with pytest.raises(DataError, match="is not above"):
        check_benchmarks([*paths[:2], paths[3]])


@pytest.mark.parametrize("text", ["", "{}", '{"cell": 1}'])
def test_broken_scores_fail_in_one_line(tmp_path: Path, text: str):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(DataError, match="not readable as scores") as error:
        check_benchmarks([path])
    assert "\n" not in str(error.value)


@pytest.fixture
def validation(tmp_path: Path) -> Path:
    write_splits(MicroSettings(train=1, validation=4, test=1), tmp_path)
    return tmp_path / "validation.parquet"


ENTROPY = EntropyShares({"filler": 0.6, "decisive": 0.3, "slipped": 0.1}, {"filler": 0.4}, 1.0)
GOOD = {"slips": 3.0, "decisive": 0.2, "other": 0.0, "auroc": 0.95}


def group(right: int, boxed: int = 8) -> list[Member]:
    answers = ["7" if i < boxed else None for i in range(8)]
    return [Member(a, i < right and a is not None, 0.0, (1,), "") for i, a in enumerate(answers)]


@pytest.mark.parametrize(
    ("groups", "cause"),
    [
        ([group(0)] * 4, "rollout accuracy is 0.000"),
        ([group(8)] * 4, "rollout accuracy is 1.000"),
        ([group(8), group(0), group(0), group(4)], "share of mixed groups is 0.250"),
        ([group(3, boxed=7)] * 4, "format rate is 0.875"),
    ],
)
def test_a_base_that_leaves_nothing_to_learn_fails(groups, cause: str):
    with pytest.raises(DataError, match=cause) as error:
        judge(Path("model"), Rolled([member for members in groups for member in members], ENTROPY))
    assert "\n" not in str(error.value)


def test_a_base_that_passes_is_measured():
    assert judge(Path("model"), Rolled(group(3) * 4, ENTROPY)) == {
        "accuracy": 0.375,
        "mixed": 1.0,
        "format": 1.0,
        "entropy": {"share": ENTROPY.share, "nats": {"filler": 0.4}, "read": 1.0},
        "problems": 4,
        "group_size": 8,
    }
    assert judge_evidence(Path("model"), {"inline": GOOD}) == {"inline": GOOD}


@pytest.mark.parametrize(
    ("entropy", "cause"),
    [
        ({"share": {"filler": 0.4}}, "share of entropy on filler is 0.400"),
        ({"read": 0.8}, "rollouts that can be read is 0.800"),
    ],
)
def test_a_base_that_is_sure_of_its_filler_or_cannot_be_read_fails(entropy, cause: str):
    with pytest.raises(DataError, match=cause):
        judge(Path("model"), Rolled(group(3) * 4, replace(ENTROPY, **entropy)))


@pytest.mark.parametrize(
    ("weak", "cause"),
    [({"slips": 0.9}, r"evidence on slips \(inline, nats\) is 0.900"), ({"auroc": 0.79}, "AUROC of slips .* 0.790")],
)
def test_a_base_whose_teachers_do_not_know_fails(weak, cause: str):
    with pytest.raises(DataError, match=cause) as error:
        judge_evidence(Path("model"), {"user_turn": GOOD, "inline": GOOD | weak})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("ratio", "cause"), [({"samples": 0.61}, "oracle's samples ratio is 0.610"), ({}, "too noisy for a samples ratio")]
)
def test_a_base_that_credit_could_not_help_fails(ratio: dict[str, float], cause: str):
    with pytest.raises(DataError, match=cause) as error:
        judge_oracle(Path("model"), ratio)
    assert "\n" not in str(error.value)
    assert judge_oracle(Path("model"), {"samples": 0.5}) == {"samples": 0.5}


def test_no_ratio_comes_of_a_base_that_is_never_right(tiny_base: Path, validation: Path):
    from methods.engines.shared.problems import load_problems

    policy = Policy(tiny_base, METHOD, "cpu", "float32", 0)
    settings = GradientSettings(batches=2, prompts=2, group_size=2)
    assert oracle_ratio(policy, load_problems(validation), {"max_response": 16}, 0, settings) == {}


def test_shares_of_entropy_by_hand():
    rows = [([0.5, 1.0, 0.25], [False, True, False], [False, False, False]), ([0.25, 0.0], [True, True], [True, False])]
    share = {"filler": 0.375, "decisive": 0.5, "slipped": 0.125}
    nats = {"filler": 0.375, "decisive": 0.5, "slipped": 0.25}
    assert shares(rows, 1.0) == EntropyShares(share, nats, 1.0)
    assert shares([], 0.0) == EntropyShares({"filler": 0.0, "decisive": 0.0, "slipped": 0.0}, {}, 0.0)


AGAINST = np.array([[9.0, 0.0, 2.0, 1.0], [-1.0, 1.0, 3.0, 0.0]])
DECISIVE = np.array([[False, True, True, True], [True, True, True, False]])
SLIPPED = np.array([[False, False, True, False], [False, True, False, False]])


def test_evidence_finds_the_slip_among_the_decisive_tokens_of_its_own_chain():
    assert auroc_within(AGAINST, DECISIVE, SLIPPED) == pytest.approx((1.0 + 0.5) / 2)
    assert auroc_within(np.zeros((2, 4)), DECISIVE, SLIPPED) == 0.5


def test_summary_of_evidence_by_hand():
    found = summary(AGAINST, np.ones((2, 4), dtype=bool), DECISIVE, SLIPPED)
    assert found == pytest.approx({"slips": 1.5, "decisive": 5 / 4, "other": 4.5, "auroc": 0.75})


def test_rollouts_come_in_groups_and_an_untrained_base_fails_the_check(tiny_base: Path, validation: Path):
    from methods.engines.shared.problems import load_problems

    rolled = rollouts(tiny_base, load_problems(validation)[:2], 0)
    assert len(rolled.members) == 16
    assert rolled.entropy.read == 0
    with pytest.raises(DataError, match="rollout accuracy"):
        check_rollouts(tiny_base, validation, limit=2)


def test_evidence_is_measured_for_both_places_of_an_answer(tiny_base: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evidence, "PROBLEMS", 32)  # the values of an untrained base are in range for any number
    found = evidence_of(tiny_base, 0)
    assert set(found) == {"inline", "user_turn"}
    assert all(0 <= one["auroc"] <= 1 and one["slips"] >= 0 and one["other"] >= 0 for one in found.values())
