"""Cells as the config, the methods' files and the experiments make them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.config.loading import ConfigSource, load_config, read_experiments
from workflows.lib.config.method_options import read_methods
from workflows.lib.config.schema import Config, Experiment
from workflows.lib.dag.grid import Grid, Key
from workflows.lib.dag.recipes import Recipes
from workflows.lib.dag.study import Study

SCALES = {name: {"base_model": f"micro://{name}"} for name in ("small", "large")}
SOURCE = ConfigSource("my.yaml")


def grid(files: dict[str, Any] | None = None, **change: Any) -> Grid:
    raw = {"world": "micro", "methods": ["grpo", "cepo"], "scales": SCALES, "seeds": [1, 2], **change}
    config = load_config(raw, {}, SOURCE)
    known = read_experiments() if files is None else {k: Experiment(**v) for k, v in files.items()}
    made = Grid(config, known, read_methods(), Recipes(config), SOURCE)
    made.check()
    return made


def key(name: str) -> Key:
    method, scale, variant, seed = name.split("/")
    return Key(method, scale, variant, int(seed[1:]))


def test_an_experiment_keeps_its_own_seeds_unless_the_config_says_otherwise():
    own = grid(seeds=[1, 2, 3], experiments=["noise"]).wanted
    assert {key.seed for key in own} == {1}
    assert len(grid(seeds=[1, 2, 3], experiments=["noise"], every_seed=True).wanted) == 3 * len(own)


def test_table2_is_methods_times_scales_times_seeds():
    wanted = grid(seeds=[1]).wanted
    assert len(wanted) == 14
    assert {k.method for k in wanted} == {"base", "grpo", "opsd", "sdpo", "rlsd", "cepo", "oracle"}
    assert [k.name for k in wanted][:2] == ["base/small/default/s1", "base/large/default/s1"]


def test_a_new_file_in_methods_is_in_table_2_without_further_edits():
    known = read_methods()
    config = Config.model_validate({"world": "micro", "scales": SCALES})
    made = Grid(config, read_experiments(), known | {"mine": known["grpo"]}, Recipes(config), SOURCE)
    names = {k.name for k in made.of_experiment("table2")}
    assert names >= {"mine/small/default/s1", "mine/large/default/s1", "cepo/large/default/s1"}
    assert len(names) == 2 * (len([m for m in known.values() if not m.control]) + 3)  # mine, the base, the oracle


def test_experiments_restrict_extend_and_share_cells():
    arms = [{"variants": ["default", "mild"]}, {"methods": ["cepo"]}]
    first = {
        "title": "",
        "arms": arms,
        "scales": ["small"],
        "variants": {"mild": {"methods": ["grpo", "cepo"], "set": {}}},
    }
    second = {"title": "", "arms": [{"methods": ["cepo"]}], "seeds": [1, 7]}
    made = grid({"first": first, "second": second}, experiments=["first", "second"])
    assert len(made.of_experiment("first")) == 8  # 2 methods x 2 variants x 2 seeds; the second arm adds none
    assert [k.name for k in made.of_experiment("second")] == [
        "cepo/small/default/s1", "cepo/small/default/s7", "cepo/large/default/s1", "cepo/large/default/s7",
    ]  # fmt: skip
    assert len(made.wanted) == 8 + 4 - 1  # cepo/small/default/s1 is in both


def test_a_cell_knows_all_experiments_it_is_in():
    first = {"title": "", "arms": [{"methods": ["cepo"]}], "scales": ["small"], "seeds": [1]}
    made = grid(
        {"first": first, "all": {"title": "", "arms": [{}]}, "other": first | {"scales": ["huge"]}},
        experiments=["first"],
    )
    assert Study(made).tracking.membership(None) == {
        "first": ["cepo/small/default/s1"],
        "all": ["cepo/small/default/s1"],
    }


def test_a_variant_has_one_meaning():
    def one(value: float) -> dict[str, Any]:
        return {"title": "", "arms": [{}], "variants": {"x": {"methods": ["cepo"], "set": {"eps_w": value}}}}

    with pytest.raises(ConfigError, match=r"^experiments/b.yaml: variants.x: means something else elsewhere$"):
        grid({"a": one(0.1), "b": one(0.2)}, experiments=["a"])
    grid({"a": one(0.1), "b": one(0.1)}, experiments=["a"])


def test_a_config_gives_an_experiments_variant_numbers_of_its_own_and_nothing_else():
    experiment = {"title": "", "arms": [{}], "variants": {"x": {"methods": ["cepo"], "set": {"decay_steps": 10}}}}
    own: dict[str, Any] = {"methods": ["cepo"], "set": {"decay_steps": 4}}
    made = grid({"a": experiment}, experiments=["a"], variants={"x": own})
    assert made.cell(made.parse("cepo/small/x/s1", "cell")).options["decay_steps"] == 4
    for other in ({"methods": ["rlsd"], "set": {"decay_steps": 4}}, {"methods": ["cepo"], "set": {"eps_w": 0.1}}):
        with pytest.raises(ConfigError, match=r"^experiments/a.yaml: variants.x: means something else elsewhere$"):
            grid({"a": experiment}, experiments=["a"], variants={"x": other})


def test_controls_are_trained_beside_the_arms_where_the_world_has_labels():
    arms, controls = [{"methods": ["grpo"]}], [{"methods": ["oracle", "entropy"]}]
    files = {"a": {"title": "", "arms": arms, "controls": controls}}
    assert {key.method for key in grid(files, experiments=["a"]).wanted} == {"grpo", "oracle", "entropy"}
    raw = yaml.safe_load((ROOT / "workflows" / "configs" / "paper.yaml").read_text())
    paper, known = load_config(raw | {"experiments": ["a"]}, {}, SOURCE), {"a": Experiment(**files["a"])}
    made = Grid(paper, known, read_methods(), Recipes(paper), SOURCE)
    assert {key.method for key in made.wanted} == {"grpo", "entropy"}


def test_an_arm_is_the_methods_its_variants_are_for():
    arm = {"methods": ["grpo", "cepo"], "variants": ["default", "fast", "slow"]}
    variants = {"fast": {"methods": ["grpo"], "set": {"lr": 0.1}}, "slow": {"methods": ["cepo"], "set": {"lr": 0.01}}}
    files = {"a": {"title": "", "arms": [arm], "scales": ["small"], "seeds": [1]}}
    made = grid(files, experiments=["a"], variants=variants)
    assert [(k.method, k.variant) for k in made.wanted] == [
        ("grpo", "default"), ("grpo", "fast"), ("cepo", "default"), ("cepo", "slow"),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"^experiments/a.yaml: arms.0: variant 'fast' is for opsd, not grpo; add"):
        grid(files, experiments=["a"], variants=variants | {"fast": {"methods": ["opsd"], "set": {}}})


def test_an_experiment_whose_variants_this_world_lacks_is_left_out():
    lacking = {"title": "", "arms": [{"methods": ["cepo"], "variants": ["of_another_world"]}]}
    made = grid({"a": {"title": "", "arms": [{}]}, "b": lacking}, experiments=["a"])
    assert made.fitting().keys() == {"a"}
    with pytest.raises(ConfigError, match=r"^experiments/b.yaml: arms.0: no variant 'of_another_world'; there is "):
        grid({"a": {"title": "", "arms": [{}]}, "b": lacking}, experiments=["b"])


def test_a_table_needs_a_module():
    with pytest.raises(ConfigError, match=r"^experiments/a.yaml: tables: no table 'table9'; there is "):
        grid({"a": {"title": "", "arms": [{}], "tables": ["table9"]}}, experiments=["a"])


@pytest.mark.parametrize("module", ["layout", "figures", "figure3", "pairtable"])
def test_a_table_is_a_module_that_writes_one(module: str):
    with pytest.raises(ConfigError, match=rf"^experiments/a.yaml: tables: no table '{module}'; there is audit, "):
        grid({"a": {"title": "", "arms": [{}], "tables": [module]}}, experiments=["a"])


def test_a_figure_is_one_of_two():
    with pytest.raises(ConfigError, match=r"^experiments/a.yaml: figures: no figure 'figure2'; there is figure1, fig"):
        grid({"a": {"title": "", "arms": [{}], "figures": ["figure2"]}}, experiments=["a"])


def test_later_layers_win():
    made = grid(
        options={"all": {"lr": 1e-3, "eps_w": 0.3, "lora_alpha": 8}, "cepo": {"lr": 2e-3}},
        variants={"wide": {"methods": ["cepo"], "set": {"eps_w": 0.9}}},
    )
    default = made.cell(key("cepo/small/default/s1")).options
    wide = made.cell(key("cepo/small/wide/s1")).options
    released = made.cell(key("cepo/small/released/s1")).options
    grpo = made.cell(key("grpo/small/default/s1")).options
    assert (default["lr"], default["eps_w"], default["lora_alpha"], default["grad_clip"]) == (2e-3, 0.3, 8, 1.0)
    assert wide == default | {"eps_w": 0.9}
    assert released["lora_alpha"] == 64  # the preset is more special than options.all
    assert (grpo["lr"], "eps_w" in grpo) == (1e-3, False)  # options.all reaches only those that have the option


def test_a_world_gives_a_preset_its_own_numbers():
    made = grid(
        methods=["grpo", "sdpo"],
        options={"all": {"lr": 1e-3}},
        presets={"released": {"sdpo": {"lr": 1e-5}}},
    )
    lr = {name: made.cell(key(f"{name}/s1")).options["lr"] for name in ("sdpo/small/released", "sdpo/small/default")}
    assert lr == {"sdpo/small/released": 1e-5, "sdpo/small/default": 1e-3}
    assert made.cell(key("grpo/small/released/s1")).options["lr"] == 1e-3
    assert made.cell(key("sdpo/small/released/s1")).options["top_k"] == 100


def test_the_paper_world_runs_the_official_codes_at_their_rates():
    file = ROOT / "workflows" / "configs" / "paper.yaml"
    config = load_config(yaml.safe_load(file.read_text()), {}, ConfigSource(str(file)))
    made = Grid(config, read_experiments(), read_methods(), Recipes(config), SOURCE)
    made.check()
    rates = {"grpo": 1e-6, "rlsd": 1e-6, "cepo": 5e-6, "opsd": 2e-4, "sdpo": 1e-5}
    found = {name: made._options(name, "released")["lr"] for name in rates}
    assert found == rates
    assert {name: made._options(name, "default")["lr"] for name in rates} == rates | {"opsd": 1e-6, "sdpo": 1e-6}


def test_easyr1_trains_without_an_adapter():
    made = grid(engine="easyr1", options={"sdpo": {"lora_rank": 0}})
    made.check()
    assert made.cell(key("sdpo/small/default/s1")).options["lora_rank"] == 0


def test_digests_say_what_decides_a_cell():
    def digests(name: str, **change: Any) -> dict[str, str]:
        return grid(**change).cell(key(name)).digests

    before = digests("cepo/small/default/s1")
    assert before.keys() == {"base", "code", "data", "engine", "env"}
    assert digests("base/small/default/s1").keys() == {"base", "env"}

    def changed(**change: Any) -> set[str]:
        after = digests("cepo/small/default/s1", **change)
        return {name for name in before if before[name] != after[name]}

    assert changed(micro={"seed": 3}) == changed(micro={"train": 9}) == {"data"}
    assert changed(micro={"hint_rate": 0.1}) == {"base", "data"}
    assert changed(engine_settings={"micro_batch": 8}) == {"engine"}
    assert changed(engine_settings={"checkpoint_every": 3}) == set()  # decides nothing of the outcome
    assert changed(evaluation={"top_k": 3}) == set()
    assert changed(progress={"every": 3.0}) == set()
    assert digests("grpo/small/default/s1")["code"] != before["code"]


def test_a_seed_whose_base_failed_gets_another_draw():
    redrawn = grid(scales={"small": {"base_model": "micro://small", "draws": {"s5": 1005}}}).recipes
    usual = grid(scales={"small": {"base_model": "micro://small"}}).recipes
    assert json.loads(redrawn.building("small", 5))["seed"] == 1005
    assert redrawn.base("small", 5) != usual.base("small", 5)
    assert redrawn.base("small", 4) == usual.base("small", 4)


def test_training_of_one_base_touches_no_other():
    steps = {name: {"steps": 10} for name in ("small", "large")}
    other = steps | {"large": {"steps": 11}}
    first, second = grid(micro={"training": steps}), grid(micro={"training": other})
    assert first.cell(key("cepo/small/default/s1")) == second.cell(key("cepo/small/default/s1"))
    assert first.cell(key("cepo/large/default/s1")) != second.cell(key("cepo/large/default/s1"))


def test_each_seed_draws_a_base_model_where_it_is_built_here_and_shares_that_of_a_folder(tmp_path: Path):
    (tmp_path / "config.json").touch()
    mine = {"model_name": "Mine", "base_model": str(tmp_path)}
    made = grid(scales=SCALES | {"mine": mine})

    def base(name: str) -> str:
        return made.cell(key(name)).digests["base"]

    assert len({base(f"{method}/small/default/s1") for method in ("base", "grpo", "cepo")}) == 1
    assert base("cepo/small/default/s1") != base("cepo/small/default/s2")
    assert base("cepo/mine/default/s1") == base("cepo/mine/default/s2")
    files = Study(made).files
    assert (files.base("small", 2), files.base("mine", 2)) == (
        "results/micro/models/small/s2",
        "results/micro/models/mine",
    )
    assert '"seed":2' in made.recipes.building("small", 2)


def test_evaluation_has_its_own_recipe():
    def recipe(**change: Any) -> str:
        made = grid(**change)
        return made.recipes.evaluation(made.cell(key("cepo/small/default/s1")))

    assert recipe() == recipe(progress={"every": 3.0})
    assert (
        len(
            {
                recipe(),
                recipe(evaluation={"top_k": 3}),
                recipe(benchmarks=["mmmu"]),
                recipe(options={"all": {"lr": 0.1}}),
            }
        )
        == 4
    )


def test_five_thousand_cells_are_five_thousand_digests():  # how long it takes: benchmarks/planning.py
    made = grid(seeds=list(range(417)), experiments=["table2"])
    assert len({made.cell(k).digest for k in made.wanted}) == 5838


def test_lock_is_part_of_every_recipe(tmp_path: Path):
    config = grid().config
    locks = []
    for text in ("torch==1", "torch==2"):
        (tmp_path / text).write_text(text)
        locks.append(Recipes(config, lock=tmp_path / text))
    first, second = locks
    assert first.problems() != second.problems()
    assert first.base("small", 1) != second.base("small", 1)
    assert first.cell_digests("cepo", "small", 1) != second.cell_digests("cepo", "small", 1)


def test_controls_are_cells_but_not_among_all_methods():
    made = grid(methods=None)
    rivals = {"grpo", "opsd", "sdpo", "rlsd", "cepo", "dapo", "vineppo", "spo", "hdpo", "prm", "cdpo"}
    assert {k.method for k in made.wanted} == rivals | {"base", "oracle"}  # table2.yaml names the oracle
    named = {"mine": {"title": "", "arms": [{"methods": ["oracle", "anti_oracle", "entropy"]}]}}
    assert len(grid(named, experiments=["mine"]).wanted) == 3 * 2 * 2


def test_labels_of_tokens_are_refused_where_there_are_none():
    named = {"mine": {"title": "", "arms": [{"methods": ["grpo", "oracle"]}]}}
    with pytest.raises(ConfigError) as error:
        grid(named, experiments=["mine"], engine="easyr1")
    assert str(error.value) == (
        "experiments/mine.yaml: arms.0: oracle needs labels of tokens, easyr1 has none; use engine: local"
    )
    file = ROOT / "workflows" / "configs" / "paper.yaml"
    raw = yaml.safe_load(file.read_text()) | {"experiments": ["mine"], "engine": "local"}
    config, known = load_config(raw, {}, SOURCE), {"mine": Experiment(**named["mine"])}
    with pytest.raises(ConfigError, match="oracle needs labels of tokens, which world paper does not have"):
        Grid(config, known, read_methods(), Recipes(config), SOURCE).check()


def test_the_code_that_reads_labels_decides_cells_that_train_on_them(monkeypatch):
    def code(*modules: str) -> str:
        return " ".join(modules)

    monkeypatch.setattr("workflows.lib.dag.recipes.code_digest", code)
    digests = {name: grid().cell(key(f"{name}/small/default/s1")).digests["code"] for name in ("oracle", "entropy")}
    assert "methods.micro.labels" in digests["oracle"]
    assert "methods.micro.labels" not in digests["entropy"]


def test_values_of_prefixes_are_refused_where_the_engine_samples_none():
    named = {"mine": {"title": "", "arms": [{"methods": ["grpo", "vineppo"]}]}}
    with pytest.raises(ConfigError, match="vineppo needs values of prefixes, which easyr1 does not sample; use engine"):
        grid(named, experiments=["mine"], engine="easyr1")


def test_the_preset_of_the_released_code_has_on_each_engine_what_that_engine_serves():
    easyr1, local = (
        grid(engine=engine, experiments=["table2"]).cell(key("cepo/small/released/s1")).options
        for engine in ("easyr1", "local")
    )
    assert (easyr1["optimizer"], easyr1["validation_temperature"]) == ("adamw_bf16", 0.6)
    assert {name for name in local if local[name] != easyr1[name]} == {
        "optimizer", "validation_temperature", "validation_top_p",
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"options.grpo.optimizer: the local engine does not have adamw_bf16, only"):
        grid(options={"grpo": {"optimizer": "adamw_bf16"}})
