"""Which gradients are measured: arms, policies, files and keys."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import ConfigError
from contracts.gradients import GradientPlan
from tests.workflows.lib.dag.test_grid import SOURCE, grid
from workflows.lib.config.method_options import read_methods
from workflows.lib.dag.gradient_jobs import GradientJobs
from workflows.lib.dag.result_files import ResultFiles
from workflows.lib.dag.study import Study

ONE = {"one": {"title": "t", "gradients": [{}, {"methods": ["cepo"], "variants": ["lam=1"]}],
               "variants": {"lam=1": {"methods": ["cepo"], "set": {"lam": 1.0}},
                            "steps=9": {"methods": ["grpo"], "set": {"steps": 9}}}}}  # fmt: skip


def jobs(files: dict[str, Any] = ONE, **change: Any) -> GradientJobs:
    return GradientJobs(ResultFiles(grid(files, experiments=list(files)[:1], **change)))


def at(state: str, scale: str = "small", seed: int = 1) -> Any:
    return SimpleNamespace(scale=scale, state=state, seed=str(seed))


def plan(made: GradientJobs, state: str = "base") -> GradientPlan:
    return GradientPlan.model_validate_json(made.plan(at(state)))


def test_every_method_and_every_control_is_measured_and_grpo_first():
    assert [arm.name for arm in plan(jobs()).arms] == ["grpo", "cepo", "anti_oracle", "entropy", "oracle", "cepo/lam=1"]
    everything = [arm.name for arm in plan(jobs(methods=None)).arms]
    assert set(everything) == {*read_methods(), "cepo/lam=1"}
    assert [arm.options["lam"] for arm in plan(jobs()).arms if arm.method == "cepo"] == [0.5, 1.0]


def test_a_file_more_in_methods_is_an_arm_more():
    made = jobs(methods=None)
    known = made.files.grid.methods
    more = GradientJobs(ResultFiles(type(made.files.grid)(
        made.files.grid.config, made.files.grid.experiments, known | {"mine": known["grpo"]}, made.files.grid.recipes,
        SOURCE,
    )))  # fmt: skip
    assert "mine" in more._everything()


def test_policies_are_scales_states_and_seeds():
    made = jobs(gradients={"states": ["base", "steps=9"]})
    assert len(made.wanted) == 2 * 2 * 2
    assert made.adapter(at("base")) == []
    assert made.adapter(at("steps=9", seed=2)) == "results/micro/cells/grpo/small/steps=9/s2/adapter"
    assert made.files.grid.wanted == []  # they are trained where they are needed, not evaluated
    assert made.products == [f"results/micro/gradients/{name}.jsonl" for name in ("estimates", "measurements")]


def test_what_decides_the_numbers_is_in_the_plan():
    base = plan(jobs())
    assert base.digests.keys() == {"base", "data", "code", "env"}
    assert plan(jobs(gradients={"states": ["steps=9"]}), "steps=9").digests.keys() == base.digests.keys() | {"adapter"}
    assert plan(jobs(options={"cepo": {"eps_w": 0.3}})) != base
    assert plan(jobs(gradients={"batches": 5})).batches == 5
    assert jobs(gradients={"batches": 5}).estimates(None) != jobs().estimates(None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gradients": {"states": ["nowhere"]}}, "my.yaml: gradients.states: no variant 'nowhere'"),
        ({"gradients": {"states": ["lam=1"]}}, "variant 'lam=1' is for cepo, not grpo"),
        ({"gradients": {"batches": 1}}, "gradients.batches"),
    ],
)
def test_mistakes_are_one_line(change: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as error:
        jobs(**change).check()
    assert message in str(error.value)


def test_a_world_without_labels_has_the_controls_that_need_none():
    from tests.helpers.copies import ROOT
    from workflows.lib.config.loading import load_config
    from workflows.lib.config.yaml_file import read_table

    raw = read_table(ROOT / "workflows" / "configs" / "paper.yaml") | {"experiments": ["gradients"]}
    study = Study.of(load_config(raw, {}, SOURCE), SOURCE)
    found = GradientPlan.model_validate_json(study.gradients.plan(at("base")))
    assert {"entropy", "cepo/shuffled"} <= {arm.name for arm in found.arms}
    assert not {"oracle", "anti_oracle"} & {arm.name for arm in found.arms}
    assert (found.device, found.dtype, found.micro_batch, study.gradients.processes) == ("cuda", "bfloat16", 2, 1)
    named = {"gradients": {"title": "t", "gradients": [{"methods": ["oracle"]}]}}
    with pytest.raises(ConfigError, match="oracle needs labels of tokens, which world paper does not have"):
        GradientJobs(ResultFiles(type(study.grid)(
            study.config, {n: type(study.grid.experiments["gradients"])(**v) for n, v in named.items()},
            study.grid.methods, study.recipes, SOURCE,
        ))).check()  # fmt: skip


def test_numbers_of_an_earlier_run_count_where_none_are_measured_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = GradientJobs(ResultFiles(grid(seeds=[1])))
    assert (made.wanted, made.shown()) == ([], "")
    (tmp_path / "results/micro/gradients").mkdir(parents=True)
    (tmp_path / "results/micro/gradients/estimates.jsonl").write_text("{}\n")
    assert made.shown() != ""
