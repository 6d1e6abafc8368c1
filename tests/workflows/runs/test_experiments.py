"""The experiments of the micro world: what each makes, and which cells they share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.helpers.copies import ROOT, Project

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
    "noise": {"table_noise"},
}
DEFAULT = "train cepo small default 1"


@cache
def plan_of(project: Path, experiments: str, *seeds: str) -> frozenset[str]:
    """Jobs of these experiments in a copy that nobody changes, planned once for all tests of this file."""
    return frozenset(Project(project).planned("--config", f"experiments=[{experiments}]", *seeds, config=MICRO))


@pytest.mark.parametrize("name", MADE)
def test_an_experiment_makes_its_tables_and_figures_and_is_tracked(fresh: Project, name: str):
    planned = plan_of(fresh.root, name)
    products = {job for job in planned if job.startswith(("table_", "figure_"))}
    assert products == MADE[name]
    assert {"track", DEFAULT} <= planned
    scales = {job.split()[2] for job in planned if job.startswith("train ")}
    assert scales == ({"small", "large"} if name == "table2" else {"small"})
    assert ("base_model large" in planned) == (name == "table2")


ONE_SEED = {"audit", "tuning", "noise"}  # by their own files


def test_everything_trains_shared_cells_once(fresh: Project):
    def trained(experiments: str, *seeds: str) -> set[str]:
        planned = plan_of(fresh.root, experiments, *seeds)
        assert all(planned > products for products in [MADE[name] for name in experiments.split(",")])
        return {job for job in planned if job.startswith("train ")}

    each = [trained(name) for name in MADE]
    assert all(DEFAULT in cells for cells in each)
    together = trained(",".join(MADE))
    assert together == set.union(*each)
    assert len(together) < sum(map(len, each))
    assert len(trained(",".join(MADE), "seeds=[1,2,3]", "every_seed=true")) == 3 * len(together)
    several = trained(",".join(name for name in MADE if name not in ONE_SEED))
    assert len(trained(",".join(MADE), "seeds=[1,2,3]")) == len(together) + 2 * len(several)


def test_make_everything_runs_every_experiment():
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("EVERYTHING")]
    assert set(line.partition(":= ")[2].split(",")) == MADE.keys()
    named = {path.stem for path in (ROOT / "workflows/configs/experiments").glob("*.yaml")}
    assert named == MADE.keys() | {"smoke"}
