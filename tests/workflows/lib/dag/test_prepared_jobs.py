"""Which models are prepared for which cells: shared, keyed by what decides them, refused where no engine has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import ConfigError
from contracts.gradients import GradientPlan
from contracts.prepared import PreparedPlan
from methods.engines.registry import PREPARED
from methods.shared.prepared import KINDS
from tests.workflows.lib.dag.test_gradient_jobs import at
from tests.workflows.lib.dag.test_grid import grid, key
from workflows.lib.dag.gradient_jobs import GradientJobs
from workflows.lib.dag.prepared_jobs import PreparedJobs
from workflows.lib.dag.result_files import ResultFiles

VARIANTS = {
    "gentle": {"methods": ["prm"], "set": {"progress_weight": 0.5, "step_credit": "progress"}},
    "soft": {"methods": ["prm"], "set": {"prepared_labels": "soft"}},
    "short": {"methods": ["prm", "grpo"], "set": {"max_response": 48}},
}


def jobs(**change: Any) -> PreparedJobs:
    return PreparedJobs(ResultFiles(grid(methods=["grpo", "prm", "cdpo"], variants=VARIANTS, **change)))


def of(made: PreparedJobs, name: str) -> list[str]:
    return made.of_cell(key(name))


def named(path: str) -> Any:
    """The wildcards of a prepared model's path."""
    kind, scale, options, seed = path.split("/")[3:7]
    return SimpleNamespace(kind=kind, scale=scale, options=options, seed=seed.removeprefix("s"))


def test_a_method_that_needs_none_has_none():
    assert of(jobs(), "grpo/small/default/s1") == of(jobs(), "base/small/default/s1") == []


def test_cells_share_a_model_unless_an_option_that_decides_it_differs():
    made = jobs()
    record, tensors = of(made, "prm/small/default/s1")
    assert record.startswith("results/micro/prepared/step_scorer/small/")
    assert tensors == record.replace("prepared.json", "model")
    assert of(made, "prm/small/progress/s1") == of(made, "prm/small/gentle/s1") == [record, tensors]
    others = [of(made, name)[0] for name in ("prm/small/soft/s1", "prm/small/short/s1", "cdpo/small/default/s1")]
    others += [of(made, name)[0] for name in ("prm/large/default/s1", "prm/small/default/s2")]
    assert len({record, *others}) == 6


def test_a_folder_names_the_plan_that_its_cells_asked_for():
    made = jobs()
    for name in ("prm/small/soft/s1", "prm/large/short/s2", "cdpo/small/on_policy/s1"):
        plan = PreparedPlan.model_validate_json(made.plan(named(of(made, name)[0])))
        assert plan == made.files.grid.prepared(key(name))
        assert plan.digest == made.files.grid.cell(key(name)).digests["prepared"]
    with pytest.raises(ConfigError, match="no method and variant of this config has these options"):
        made.plan(named("results/micro/prepared/contrast/small/01234567/s1/model"))


def test_what_decides_the_model_decides_the_cell_and_code_of_the_method_does_not_decide_the_model(monkeypatch):
    monkeypatch.setattr("workflows.lib.dag.recipes.code_digest", lambda *modules: " ".join(modules))
    plan = jobs().files.grid.prepared(key("prm/small/default/s1"))
    assert plan is not None
    assert plan.digests["code"] == PREPARED["step_scorer"]
    before, after = (
        jobs(options={"prm": {"prepared_continuations": n}}).files.grid.cell(key("prm/small/default/s1"))
        for n in (1, 2)
    )
    assert before.digests["prepared"] != after.digests["prepared"]
    assert "prepared" not in jobs().files.grid.cell(key("grpo/small/default/s1")).digests


def test_easyr1_refuses_what_needs_a_prepared_model_and_leaves_it_out_of_all_methods():
    one = {"mine": {"title": "", "arms": [{"methods": ["grpo", "prm"]}]}}
    line = "prm needs a model prepared from the base, which easyr1 does not train; use engine: local"
    with pytest.raises(ConfigError, match=line):
        grid(one, experiments=["mine"], engine="easyr1")
    served = {"dapo": {"dynamic_sampling": False}}
    everything = grid(methods=None, engine="easyr1", experiments=["table2"], options=served)
    assert not {"prm", "cdpo", "vineppo"} & set(everything.rivals)


def test_measured_gradients_wait_for_the_models_of_their_arms():
    one = {
        "one": {
            "title": "t",
            "gradients": [{"methods": ["prm", "cdpo"]}, {"methods": ["prm"], "variants": ["progress"]}],
        }
    }
    made = GradientJobs(ResultFiles(grid(one, experiments=["one"])))
    inputs = made.prepared(at("base"))
    assert [path.split("/")[3] for path in inputs] == ["step_scorer", "step_scorer", "contrast", "contrast"]
    found = {arm.name: arm.prepared for arm in GradientPlan.model_validate_json(made.plan(at("base"))).arms}
    assert found["grpo"] is None
    assert found["prm"] == found["prm/progress"] != found["cdpo"]


def test_every_kind_has_options_and_code():
    assert KINDS.keys() == PREPARED.keys()
