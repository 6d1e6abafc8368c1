"""The experiments of the micro world: what each makes, and which cells they share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.helpers.copies import ROOT, Project
from workflows.lib.config.loading import read_experiments

MICRO: tuple[str, ...] = ()  # the config that is used where none is named
CURVES = {"figure_figure1", "figure_figure4"}
MADE = {
    "table2": {"table_table2", "table_table3", "table_credit", "table_publishedcheck", "table_claims", *CURVES},
    "table4": {"table_table4", "table_credit"},
    "table5": {"table_table5", "table_credit"},
    "figure3": {"table_sweeps", "table_credit", "figure_figure3"},
    "controls": {"table_controls", "table_credit"},
    "audit": {"table_audit", "table_credit"},
    "tuning": {"table_tuning"},
    "budgets": {"table_budgets"},
    "noise": {"table_noise"},
    "gradients": {"table_gradients", "figure_gradient_signal"},
    "truth": {"table_truth", "figure_truth"},
    "table1": {"table_table1"},
    "teachers": {"table_teachers", "figure_teacher_knowledge"},
}
# What trains more than the policies that are measured, from the usual bases.
CELLS = [name for name in MADE if name not in ("gradients", "truth", "table1", "teachers")]
DEFAULT = "train cepo small default 1"
UNTRAINED = {"bases"}


@cache
def plan_of(project: Path, experiments: str, *seeds: str) -> frozenset[str]:
    """Jobs of these experiments in a copy that nobody changes, planned once for all tests of this file."""
    return frozenset(Project(project).planned("--config", f"experiments=[{experiments}]", *seeds, config=MICRO))


@pytest.mark.parametrize("name", CELLS)
def test_an_experiment_makes_its_tables_and_figures_and_is_tracked(fresh: Project, name: str):
    planned = plan_of(fresh.root, name)
    products = {job for job in planned if job.startswith(("table_", "figure_"))}
    assert products == MADE[name]
    assert {"track", DEFAULT} <= planned
    scales = {job.split()[2] for job in planned if job.startswith("train ")}
    both = name in ("table2", "controls")
    assert scales == ({"small", "large"} if both else {"small"})
    assert ("base_model large/s1" in planned) == both


def test_gradients_are_measured_where_the_config_says_and_no_cell_is_evaluated(fresh: Project):
    planned = plan_of(fresh.root, "gradients")
    assert {job for job in planned if job.startswith(("table_", "figure_"))} == MADE["gradients"]
    states = ("base", "default", "steps=8")
    measured = {f"gradients {scale} {state} 1" for scale in ("small", "large") for state in states}
    assert measured | {"gradient_estimates", "track"} <= planned
    trained = {f"train grpo {scale} {variant} 1" for scale in ("small", "large") for variant in states[1:]}
    assert {job for job in planned if job.startswith("train ")} == trained
    assert not any(job.startswith(("evaluate", "check_benchmarks")) for job in planned)


def test_truth_is_measured_without_training_and_table1_takes_all_together(fresh: Project):
    planned = plan_of(fresh.root, "truth")
    assert {job for job in planned if job.startswith(("table_", "figure_"))} == MADE["truth"]
    assert {"truth small base 1", "truth large base 1", "truth_estimates"} <= planned
    assert not any(job.startswith(("train ", "evaluate")) for job in planned)
    planned = plan_of(fresh.root, "table1")
    assert {job for job in planned if job.startswith(("table_", "figure_"))} == MADE["table1"]
    assert {"gradient_estimates", "truth_estimates", "train hdpo large default 1"} <= planned


def test_teachers_are_compared_from_three_bases_of_which_two_are_only_measured(fresh: Project):
    planned = plan_of(fresh.root, "teachers")
    assert {job for job in planned if job.startswith(("table_", "figure_"))} == MADE["teachers"]
    scales = ("small_none", "small_half", "small")
    methods = ("grpo", "opsd", "sdpo", "rlsd", "cepo", "entropy", "oracle")
    trained = {f"train {method} {scale} default 1" for method in methods for scale in scales}
    assert {job for job in planned if job.startswith("train ")} == trained
    assert {f"check_rollouts {scale}/s1" for scale in scales} <= planned
    assert {job for job in planned if job.startswith("evaluate base")} == {"evaluate base small default 1"}
    assert {job.split()[2] for job in plan_of(fresh.root, "table2") if job.startswith("train ")} == {"small", "large"}


def test_bases_are_evaluated_under_each_sampling_and_nothing_is_trained(fresh: Project):
    planned = fresh.planned("--config", "experiments=bases", config=MICRO)
    evaluated = {job for job in planned if job.startswith("evaluate ")}
    assert evaluated == {f"evaluate base {s} {v} 1" for s in ("small", "large") for v in ("default", "as_passed")}
    assert not any(job.startswith("train ") for job in planned) and "table_bases" in planned


ONE_SEED = {"audit", "tuning", "noise"}  # by their own files


def trained(project: Path, experiments: str, *seeds: str) -> set[str]:
    planned = plan_of(project, experiments, *seeds)
    assert all(planned > products for products in [MADE[name] for name in experiments.split(",")])
    return {job for job in planned if job.startswith("train ")}


def test_everything_trains_shared_cells_once(fresh: Project):
    each = [trained(fresh.root, name) for name in CELLS]
    assert all(DEFAULT in cells for cells in each)
    together = trained(fresh.root, ",".join(CELLS))
    assert together == set.union(*each)
    assert len(together) < sum(map(len, each))


def test_more_seeds_repeat_every_cell_except_where_an_experiment_has_one_seed(fresh: Project):
    assert {name for name, one in read_experiments().items() if one.seeds == [1] and name in CELLS} == ONE_SEED
    every = ",".join(CELLS)
    together = trained(fresh.root, every)
    assert len(trained(fresh.root, every, "seeds=[1,2]", "every_seed=true")) == 2 * len(together)
    several = set.union(*(trained(fresh.root, name) for name in CELLS if name not in ONE_SEED))
    assert len(trained(fresh.root, every, "seeds=[1,2]")) == len(together) + len(several)


def test_make_everything_runs_every_experiment():
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("EVERYTHING")]
    assert set(line.partition(":= ")[2].split(",")) == MADE.keys() | UNTRAINED
    named = {path.stem for path in (ROOT / "workflows/configs/experiments").glob("*.yaml")}
    assert named == MADE.keys() | UNTRAINED | {"smoke"}
