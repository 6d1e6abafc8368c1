"""Training figures: the numbers behind the curves, deterministic files, every method drawn."""

from pathlib import Path

import numpy as np
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import read_arms
from evals.analysis.figures.curves import Curve, paper_curve, reward, validation, validation_minus
from evals.analysis.figures.style import looks
from evals.analysis.figures.training import figure1, rewards, write
from evals.analysis.published.numbers import load
from tests.helpers.analysis_cells import step, stop_at, write_cell, write_grid

PUBLISHED = ROOT / "results" / "published"


def test_files_are_pictures_with_every_method(tmp_path: Path) -> None:
    cells = [*write_grid(tmp_path / "cells", ("base", "grpo", "cepo")), write_cell(tmp_path / "cells", "my_method")]
    paths = write(cells, PUBLISHED, tmp_path / "figures")
    assert [path.name for path in paths] == ["figure1.svg", "figure1.png", "reward.svg", "reward.png"]
    for path in paths:
        data = path.read_bytes()
        assert len(data) > 10_000
        assert data.startswith(b"\x89PNG") if path.suffix == ".png" else b"</svg>" in data
        if path.suffix == ".svg":
            for name in ("GRPO", "CEPO", "my_method", "micro-qwen3vl-0.6M"):
                assert f"<!-- {name}".encode() in data or f"{name} -->".encode() in data


def test_same_cells_same_bytes(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "cells", ("grpo", "cepo"))
    first, second = (write(cells, PUBLISHED, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_paper_has_a_panel_of_its_own(tmp_path: Path) -> None:
    arms = read_arms(write_grid(tmp_path / "cells", ("grpo", "cepo")))
    paper = load(PUBLISHED).figure1
    axes = figure1(arms, paper).axes
    assert len(axes) == 2 * 3  # below ours: minus GRPO
    assert "the paper" in axes[2].get_title()
    ours = {tuple(line.get_ydata()) for ax in axes[:2] for line in ax.lines}
    theirs = {tuple(line.get_ydata()) for line in axes[2].lines}
    assert len(theirs) == 3
    assert not ours & theirs
    assert len(rewards(arms).axes) == 2


def test_lower_panels_show_each_arm_minus_grpo_seed_by_seed(tmp_path: Path) -> None:
    arms = read_arms([write_cell(tmp_path, name, seed=seed) for name in ("grpo", "cepo") for seed in (1, 2)])
    curve = validation_minus(arms[1], arms[0])
    assert curve is not None
    expected = [100 * ((step(20, 0.55, n).val_accuracy or 0) - (step(20, 0.45, n).val_accuracy or 0)) for n in (1, 2)]
    assert curve.mean[2] == pytest.approx(np.mean(expected))
    assert (curve.low[2], curve.high[2]) == pytest.approx((min(expected), max(expected)))
    without = read_arms([write_cell(tmp_path / "b", "cepo")])
    assert len(figure1(without, load(PUBLISHED).figure1).axes) == 2  # no GRPO, nothing below
    other = read_arms([write_cell(tmp_path / "c", "cepo", seed=3)])
    assert validation_minus(other[0], arms[0]) is None


def test_curve_is_the_mean_over_seeds_from_step_0(tmp_path: Path) -> None:
    (arm,) = read_arms([write_cell(tmp_path, "grpo", seed=seed) for seed in (1, 2)])
    curve = validation(arm)
    assert curve is not None
    assert curve.steps.tolist() == [0, 10, 20, 30, 40, 50]
    assert curve.mean[0] == pytest.approx(35.0)
    expected = [100 * (step(20, 0.45, seed).val_accuracy or 0) for seed in (1, 2)]
    assert curve.mean[2] == pytest.approx(np.mean(expected))
    assert (curve.low[2], curve.high[2]) == pytest.approx((min(expected), max(expected)))


def test_seeds_of_different_length_share_their_common_steps(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path, "grpo", seed=seed) for seed in (1, 2)]
    stop_at(cells[1], 7)
    curve = reward(read_arms(cells)[0])
    assert curve is not None
    assert curve.steps.tolist() == list(range(1, 8))


def test_no_validation_no_curve(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "grpo")
    stop_at(cell, 1)
    run = cell / "run.json"
    run.write_text(run.read_text().replace('"val_accuracy_start":0.35', '"val_accuracy_start":null'))
    (arm,) = read_arms([cell])
    assert validation(arm) is None
    assert write([cell], PUBLISHED, tmp_path / "figures")


def test_smoothing_by_hand() -> None:
    values = np.array([1.0, 2.0, 6.0, 3.0])
    curve = Curve(np.arange(4), values, values, values, 1).smoothed(window=3)
    assert curve.mean.tolist() == pytest.approx([1.5, 3.0, 11 / 3, 4.5])


def test_paper_curve_leaves_out_what_is_unknown() -> None:
    figure = load(PUBLISHED).figure1
    curve = paper_curve(figure, "cepo")
    assert curve is not None
    assert dict(zip(curve.steps.tolist(), curve.mean.tolist(), strict=True)) == {0: 36.5, 25: 37.8, 40: 39.7, 50: 39.4}
    assert paper_curve(figure, "opsd") is None


def test_methods_keep_their_look_and_no_two_share_one() -> None:
    names = [("cepo", f"v{i}") for i in range(20)] + [("grpo", "default"), ("cepo", "default")]
    many = looks(names)
    assert len(set(many.values())) == len(names)
    assert many["cepo", "default"] == looks([("cepo", "default")])["cepo", "default"]


def test_a_broken_log_is_named_with_its_line(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "grpo")
    log = cell / "train.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines[:3], lines[3][:40]]))
    with pytest.raises(DataError, match=r"train\.jsonl:4"):
        write([cell], PUBLISHED, tmp_path / "figures")


def test_only_the_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only the untrained base"):
        write([write_cell(tmp_path, "base")], PUBLISHED, tmp_path / "figures")
