"""lmms-eval's traps: what its scorers do with right, wrong, oddly written and endless answers.

A model that looks the answers up replies in a given style; everything between it and the score is lmms-eval's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.model import lmms

from contracts.errors import EvalError
from contracts.paths import ROOT
from evals.benchmarks import BENCHMARKS
from evals.harness import run_lmms_eval
from evals.inputs import read_benchmark
from evals.local_model import Answer
from evals.run import collect
from evals.scoring_process import ScoringProcess
from evals.settings import EvalSettings
from tests.helpers.eval_fixtures import ROWS, write_benchmark, write_benchmarks

REAL = ROOT.parent / "shared" / "benchmarks"  # real rows, where they lie beside the checkout
SETTINGS = EvalSettings(max_new_tokens=16)


class Oracle(lmms):
    """Knows the gold answer g of every question and replies ``style(g)``."""

    is_simple = False

    def __init__(self, style: Callable[[str], str] | dict[str, Callable[[str], str]]) -> None:
        """``style``: one for all benchmarks, or by the benchmark's name."""
        super().__init__()
        self.styles = style if isinstance(style, dict) else dict.fromkeys(BENCHMARKS, style)
        self.answers: dict[tuple[str, int], Answer] = {}

    def generate_until(self, requests: list) -> list[str]:
        """Replies in the order of the requests."""
        return [self.reply(*request.args[3:6]) for request in requests]

    def reply(self, row: int, task: str, split: str) -> str:
        """Reply to one question."""
        (bench,) = [b for b in BENCHMARKS.values() if b.task == task]
        self.answers[task, row] = Answer("prompt", 1, False, SETTINGS.generation())
        return self.styles[bench.name](str(self.task_dict[task][split][row][bench.gold]))

    def loglikelihood(self, requests: list) -> list:
        """Not asked for."""
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list) -> list:
        """Not asked for."""
        raise NotImplementedError


Style = Callable[[str], str]


def ask(style: Style | dict[str, Style], data: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Rows of samples.parquet per benchmark. Ask for several at once where that will do: a run takes a second."""
    model = Oracle(style)
    rows = {name: read_benchmark(name, path, None) for name, path in data.items()}
    table = collect(run_lmms_eval(model, data, SETTINGS), rows, model.answers, "ask again")
    return {name: [row for row in table if row["benchmark"] == name] for name in data}


def one_by_one(replies: list[str]) -> Style:
    """Gives the replies in their order, whatever is asked."""
    left = iter(replies)
    return lambda _: next(left)


def accuracy(rows: list[dict[str, Any]]) -> float:
    return sum(row["correct"] for row in rows) / len(rows)


def plain(gold: str) -> str:
    """Right in MMMU."""
    return f"The answer is {gold}."


def boxed(gold: str) -> str:
    return rf"Hence \boxed{{{gold}}}"


def tagged(gold: str) -> str:
    return f"<think>So 3 + 4 = 7.</think> <answer>{gold}</answer>"


RIGHT = {"dynamath": tagged, "logicvista": tagged, "mathvision": boxed, "mmmu": plain, "wemath": tagged}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_benchmarks(tmp_path_factory.mktemp("benchmarks"), 12)


@pytest.fixture(scope="module")
def right(ours: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Rows of all benchmarks, each answered in the style that it reads."""
    return ask(RIGHT, ours)


@pytest.mark.parametrize("name", list(RIGHT))
def test_a_right_answer_counts(name: str, right: dict[str, list[dict[str, Any]]]):
    rows = right[name]
    assert accuracy(rows) == 1.0 and all(row["parsed"] for row in rows)


@pytest.mark.parametrize("name", list(RIGHT))
def test_a_right_answer_counts_on_real_rows(name: str):
    path = REAL / name / f"{BENCHMARKS[name].split}.parquet"
    if not path.is_file():
        pytest.skip("no real rows beside the checkout")
    rows = ask(RIGHT[name], {name: path})[name]
    assert accuracy(rows) == 1.0 and all(row["parsed"] for row in rows)


def test_boxed_answers_count_everywhere_but_in_mmmu(ours: dict[str, Path]):
    found = ask(boxed, ours)
    assert {name: accuracy(rows) for name, rows in found.items() if name != "mmmu"} == dict.fromkeys(
        ("dynamath", "logicvista", "mathvision", "wemath"), 1.0
    )
    choices = [row for row in found["mmmu"] if row["answer"] in "ABC"]
    assert not any(row["parsed"] for row in choices) and 0 < accuracy(choices) < 1  # a random option


def test_the_sentence_of_mmmu_is_not_read_by_the_reasoning_tasks(ours: dict[str, Path]):
    found = ask(plain, {name: ours[name] for name in ("logicvista", "wemath")})
    assert all(row["correct"] == 0 and not row["parsed"] for rows in found.values() for row in rows)


def test_what_mmmu_parses(tmp_path: Path):
    parsed = ("{g}", "({g})", "The answer is {g}.", "<think>A or B</think> {g}")
    unparsed = (r"\boxed{{{g}}}", "**{g}**", "<answer>{g}</answer>", "")
    rows = [ROWS["mmmu"](3 * i + 1) for i in range(8)]  # multiple choice only
    data = {"mmmu": write_benchmark("mmmu", rows, tmp_path / "b.parquet")}
    styles = iter(parsed + unparsed)
    found = ask(lambda g: next(styles).format(g=g), data)["mmmu"]
    assert [row["parsed"] for row in found] == [True] * 4 + [False] * 4
    assert [row["prediction"] for row in found] == [row["answer"] for row in rows[:4]] + [None] * 4
    assert [row["correct"] for row in found[:4]] == [1.0] * 4


def test_thinking_is_stripped_before_scoring_as_the_command_line_does(ours: dict[str, Path]):
    data = {name: ours[name] for name in ("logicvista", "mmmu")}
    model = Oracle(lambda gold: f"<think>not (A), not (B), not (C)</think> {gold} <answer>{gold}</answer>")
    results = run_lmms_eval(model, data, SETTINGS)
    assert results["results"]["logicvista_reasoning"]["acc_score,none"] == 1.0
    # The format score looks for the tags that were stripped: a right format counts 0, as on the command line.
    assert results["results"]["logicvista_reasoning"]["format_score,none"] == 0.0
    sample = results["samples"]["mmmu_val"][0]
    assert "<think>" in sample["resps"][0] and "<think>" not in sample["filtered_resps"][0]


def test_math_is_compared_by_value(tmp_path: Path):
    rows = [ROWS["dynamath"](i) | {"ground_truth": "7.0"} for i in range(12)]
    data = {"dynamath": write_benchmark("dynamath", rows, tmp_path / "b.parquet")}
    replies = iter(["7", "14/2", "8"] * 4)
    found = ask(lambda _: f"<answer>{next(replies)}</answer>", data)["dynamath"]
    right = {"<answer>7</answer>": 1.0, "<answer>14/2</answer>": 1.0, "<answer>8</answer>": 0.0}
    assert [(row["response"], row["correct"]) for row in found] == [*right.items()] * 4


def test_wemath_survives_when_no_multi_step_question_is_right(ours: dict[str, Path]):
    results = run_lmms_eval(Oracle(lambda _: "<answer>E</answer>"), {"wemath": ours["wemath"]}, SETTINGS)
    assert results["results"]["wemath_testmini_reasoning"]["acc_score,none"] == 0.0
    assert len(results["samples"]["wemath_testmini_reasoning"]) == 12


def test_what_mathvision_parses(tmp_path: Path):
    replies = {
        r"\boxed{12}": "12",
        r"\boxed{7} no, \boxed{12}": "12",
        r"\boxed{}": None,
        "12": "12",
        "the answer is 12. Good": "12",
        "I choose B.": "b",
        r"So it is \boxed{4} units and the total is 12.": "12",
        r"\boxed{B}, but not (C).": "c",
        r"hence \boxed{12": None,
        "I cannot tell": None,
        "": None,
    }
    rows = [ROWS["mathvision"](0) | {"id": str(i), "answer": "12"} for i in range(len(replies))]
    data = {"mathvision": write_benchmark("mathvision", rows, tmp_path / "b.parquet")}
    responses = iter(replies)
    found = ask(lambda _: next(responses), data)["mathvision"]
    assert {row["response"]: row["prediction"] for row in found} == replies
    assert all(row["correct"] == (row["prediction"] == "12") for row in found)


def test_an_answer_too_big_to_compute_is_wrong_and_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("evals.harness.ScoringProcess", partial(ScoringProcess, seconds=0.5))
    rows = [ROWS["mathvision"](2 * i) for i in range(3)]
    data = {"mathvision": write_benchmark("mathvision", rows, tmp_path / "b.parquet")}
    replies = iter([r"\boxed{9^{9^{9^{9}}}}", r"\boxed{99999999!}", r"\boxed{14}"])
    started = time.monotonic()
    rows = ask(lambda _: next(replies), data)["mathvision"]
    assert [row["correct"] for row in rows] == [0.0, 0.0, 1.0] and all(row["parsed"] for row in rows)
    assert time.monotonic() - started < 20


def test_several_letters_are_stored_as_the_scorer_reads_them(tmp_path: Path):
    rows = [ROWS["logicvista"](i) | {"answer": "A, C"} for i in range(3)]
    data = {"logicvista": write_benchmark("logicvista", rows, tmp_path / "b.parquet")}
    replies = iter(["A", "C, A", "Figure C"])
    found = ask(lambda _: f"<answer>{next(replies)}</answer>", data)["logicvista"]
    assert [(row["prediction"], row["correct"]) for row in found] == [("A", 1.0), ("C", 0.0), ("F", 0.0)]


def test_an_open_question_is_stored_as_the_scorer_reads_it(tmp_path: Path):
    rows = [ROWS["mmmu"](0) | {"answer": "7"}]
    data = {"mmmu": write_benchmark("mmmu", rows, tmp_path / "b.parquet")}
    (row,) = ask(lambda _: "We add 3 and 4. So x is 7", data)["mmmu"]
    assert (row["prediction"], row["correct"]) == ("7.0", 1.0)


def test_missing_and_extra_samples_are_an_error(ours: dict[str, Path]):
    model, data = Oracle(tagged), {"wemath": ours["wemath"]}
    rows, results = {"wemath": read_benchmark("wemath", ours["wemath"], None)}, run_lmms_eval(model, data, SETTINGS)
    samples = results["samples"]["wemath_testmini_reasoning"]
    del samples[4], samples[7]
    with pytest.raises(EvalError, match=r"wemath: 10 of 12 samples scored; missing ids: 2steps_1/2steps_2, 2steps_2/2"):
        collect(results, rows, model.answers, "evaluate again")
    samples.extend([samples[0]] * 2)
    with pytest.raises(EvalError, match="10 of 12"):
        collect(results, rows, model.answers, "evaluate again")
    results["samples"] = {}
    with pytest.raises(EvalError, match=r"0 of 12 .* and 2 more"):
        collect(results, rows, model.answers, "evaluate again")


def test_a_sample_scored_twice_is_an_error(ours: dict[str, Path]):
    model, data = Oracle(boxed), {"mathvision": ours["mathvision"]}
    rows = {"mathvision": read_benchmark("mathvision", ours["mathvision"], None)}
    results = run_lmms_eval(model, data, SETTINGS)
    results["samples"]["mathvision_testmini"].append(results["samples"]["mathvision_testmini"][3])
    with pytest.raises(EvalError, match="13 samples for 12 questions"):
        collect(results, rows, model.answers, "evaluate again")


MISREAD = {  # benchmark -> response, gold answer, right by the scorer, right by the careful reading
    "mathvision": [
        (r"\boxed{\frac12}", r"\frac{1}{2}", 0.0, 1.0),
        (r"\boxed{\sqrt[3]{8}}", "2", 0.0, 1.0),
        (r"\boxed{\text{Friday}}", "Friday", 0.0, 1.0),
        (r"\boxed{0.001}", "0.003", 1.0, 0.0),
        (r"So it is \boxed{4} units and the total is 6.", "6", 1.0, 0.0),
    ],
    "dynamath": [("<answer>Blue</answer>", "Black", 1.0, 0.0), ("The answer is -7", "-7", 0.0, 1.0)],
    "mmmu": [("MgS", "['$MgS$', 'MgS']", 0.0, 1.0)],
}


@pytest.fixture(scope="module")
def misread(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Rows of the benchmarks of MISREAD, with its answers."""
    folder, data, styles = tmp_path_factory.mktemp("misread"), {}, {}
    for name, cases in MISREAD.items():
        gold = BENCHMARKS[name].gold
        rows = [ROWS[name](6 * i) | {gold: answer} for i, (_, answer, *_) in enumerate(cases)]  # free answers all
        data[name] = write_benchmark(name, rows, folder / f"{name}.parquet")
        styles[name] = one_by_one([response for response, *_ in cases])
    return ask(styles, data)


@pytest.mark.parametrize("name", list(MISREAD))
def test_what_the_page_of_second_readings_says_of_both(name: str, misread: dict[str, list[dict[str, Any]]]):
    read = {row["response"]: [row["correct"], row["careful"]] for row in misread[name]}
    assert read == {response: said for response, _, *said in MISREAD[name]}
