"""The checks of base models: what passes, and the one line that says why something does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.errors import DataError
from methods.micro.checks import check_benchmarks, check_rollouts, judge, rollouts
from methods.micro.data import write_splits
from methods.micro.evidence import evidence_of
from methods.micro.settings import MicroSettings
from methods.shared.references import Member

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
        judge(Path("model"), [member for members in groups for member in members])
    assert "\n" not in str(error.value)


def test_a_base_that_passes_is_measured():
    assert judge(Path("model"), group(3) * 4) == {
        "accuracy": 0.375,
        "mixed": 1.0,
        "format": 1.0,
        "problems": 4,
        "group_size": 8,
    }


def test_rollouts_come_in_groups_and_an_untrained_base_fails_the_check(tiny_base: Path, validation: Path):
    from methods.engines.shared.problems import load_problems

    assert len(rollouts(tiny_base, load_problems(validation)[:2], 0)) == 16
    with pytest.raises(DataError, match="rollout accuracy"):
        check_rollouts(tiny_base, validation, limit=2)


def test_evidence_is_measured_for_both_places_of_an_answer(tiny_base: Path):
    found = evidence_of(tiny_base, 0)
    assert set(found) == {"inline", "user_turn"}
    assert all(0 <= one["auroc"] <= 1 and one["decisive"] >= 0 and one["other"] >= 0 for one in found.values())
