"""Every config that ships loads; every mistake in one is a line that names place, cause and way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts.errors import ConfigError
from contracts.paths import ROOT
from evals.benchmarks import BENCHMARKS
from workflows.lib.config.loading import ConfigSource, load_config, read_experiments
from workflows.lib.config.schema import Config
from workflows.lib.dag import preflight
from workflows.lib.dag.grid import Key
from workflows.lib.dag.study import Study
from workflows.lib.schemas import FOLDER, drifted

CONFIGS = ROOT / "workflows" / "configs"
FILES = sorted(path.name for path in CONFIGS.glob("*.yaml"))
HUB = {"model_name": "Q", "base_model": "Qwen/Qwen3-VL-2B-Instruct"}


def minimal(**more: Any) -> dict[str, Any]:
    """The shortest config, and more."""
    scales = {"small": {"base_model": "micro://small"}}
    return {"world": "micro", "methods": ["grpo", "cepo"], "scales": scales, "experiments": ["smoke"], **more}


def study(raw: dict[str, Any], **overrides: Any) -> Study:
    source = ConfigSource("my.yaml", frozenset(overrides))
    return Study.of(load_config(raw, overrides, source), source)


@pytest.mark.parametrize("name", FILES)
def test_shipped_configs_are_valid(name: str):
    raw = yaml.safe_load((CONFIGS / name).read_text())
    assert study(raw).grid.wanted
    schema = json.loads((FOLDER / "config.schema.json").read_text())
    jsonschema.validate(study(raw).config.model_dump(mode="json"), schema)


def test_shipped_experiments_are_valid():
    assert {"table2", "smoke"} <= read_experiments().keys()


def test_readme_explains_every_key():
    text = (CONFIGS / "README.md").read_text()
    assert [key for key in Config.model_fields if f"`{key}" not in text] == []


def test_schemas_are_what_the_models_say():
    assert drifted() == []


def paper(**more: Any) -> dict[str, Any]:
    """The shortest config of the paper world, and more."""
    scales = {"small": {**HUB, "revision": "0123456789abcdef0123456789abcdef01234567"}}
    data = {name: {"repo": f"owner/{name}"} for name in BENCHMARKS}
    world = {"world": "paper", "problems": {"repo": "owner/geo"}, "benchmark_data": data, "check_bases": False}
    return minimal(scales=scales, **world) | more


def test_names_of_models_stand_in_one_place():
    micro, both = study(minimal()), study(paper())
    assert micro.grid.cell(Key("grpo", "small", "default", 1)).model_name == micro.config.micro.shapes["small"].name
    assert both.grid.cell(Key("grpo", "small", "default", 1)).model_name == "Q"


def test_an_engine_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(preflight.ENGINES, "easyr1", "methods.engines.none")
    config = load_config(paper(engine="easyr1"), {}, ConfigSource("paper.yaml"))
    with pytest.raises(ConfigError, match=r"^paper.yaml: engine: this version has no engine 'easyr1'; use engine: lo"):
        preflight.check_engine(config, ConfigSource("paper.yaml"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problems": None}, "my.yaml: world paper needs problems: the hub datasets to use"),
        ({"benchmark_data": {}, "benchmarks": ["mmmu"]}, "my.yaml: world paper needs benchmark_data.mmmu: the hub"),
        ({"world": "micro"}, "my.yaml: world micro draws its own data; remove 'problems' and 'benchmark_data'"),
        ({"check_bases": True}, "my.yaml: check_bases is for models of the micro world; set it to false in world pap"),
        ({"problems": {"repo": "geo"}}, "my.yaml: problems.repo: string should match pattern"),
        ({"problems": {"repo": "o/g", "revision": "main"}}, "my.yaml: problems.revision: string should match"),
        ({"resources": {"train": {"gpu": 1}}}, "my.yaml: resources.train.gpu: unknown key 'gpu'; known: gpus, "),
    ],
)
def test_mistakes_in_a_paper_world_are_one_line(change: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as error:
        study(paper(**change))
    assert str(error.value).startswith(message)


def test_commits_of_the_data_decide_cells():
    def digests(commit: str | None) -> dict[str, str]:
        made = study(paper(problems={"repo": "owner/geo", "revision": commit}))
        return made.grid.cell(Key("grpo", "small", "default", 1)).digests

    assert digests("1" * 40) == digests("1" * 40)
    assert {name for name, value in digests("1" * 40).items() if digests("2" * 40)[name] != value} == {"data"}


def test_numbers_as_people_write_them():
    config = load_config(minimal(options={"all": {"lr": "1e-3"}}), {"seeds": ["1", "2"]}, ConfigSource("my.yaml"))
    assert config.options["all"]["lr"] == 1e-3  # YAML 1.1 reads 1e-3 as a string
    assert config.seeds == [1, 2]  # as --config seeds=[1,2] arrives
    assert load_config(minimal(), {"experiments": "table2"}, ConfigSource("my.yaml")).experiments == ["table2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world": "macro"}, "my.yaml: world: must be 'micro' or 'paper', not 'macro'"),
        (
            {"methods": ["grpo", "cpo"]},
            "my.yaml: methods: no method 'cpo'; there is anti_oracle, cdpo, cepo, dapo, entropy, grpo, hdpo, ",
        ),
        ({"methods": "grpo"}, "my.yaml: methods: must be a valid list, not 'grpo'"),
        ({"seeds": ["one"]}, "my.yaml: seeds.0: must be a valid integer, not 'one'"),
        ({"seeds": [-1]}, "my.yaml: seeds.0: must be greater than or equal to 0, not -1"),
        ({"seeds": [2**63]}, "my.yaml: seeds.0: must be less than 9223372036854775808, not 9223372036854775808"),
        ({"benchmarks": ["mmmu", "mmu"]}, "my.yaml: benchmarks.1: must be 'dynamath', "),
        ({"experiments": ["table9"]}, "my.yaml: experiments: no experiment 'table9'; there is "),
        ({"scales": {"a/b": HUB}}, "my.yaml: scales.a/b: string should match pattern"),
        ({"scales": {"small": HUB}}, "my.yaml: scales.small: Qwen/Qwen3-VL-2B-Instruct is a hub model, so 'revision'"),
        (
            {"scales": {"small": {"base_model": "./x"}}},
            "my.yaml: scales.small: ./x needs 'model_name', its name in tab",
        ),
        ({"scales": {"small": HUB | {"revision": "main"}}}, "my.yaml: scales.small.revision: string should match"),
        (
            {"scales": {"small": {"base_model": "micro://tiny"}}},
            "my.yaml: scales.small.base_model: no",
        ),
        ({"options": {"cepoo": {}}}, "my.yaml: options: no method 'cepoo'; "),
        ({"options": {"cepo": {"lamda": 1.0}}}, "my.yaml: options.cepo.lamda: cepo has no option 'lamda'; it has "),
        ({"options": {"grpo": {"eps_w": 0.1}}}, "my.yaml: options.grpo.eps_w: grpo has no option 'eps_w'; it has "),
        ({"options": {"all": {"stepz": 1}}}, "my.yaml: options.all: no option 'stepz'; there is "),
        ({"options": {"all": {"steps": 1.5}}}, "my.yaml: options.all.steps: 1.5 is not a whole number"),
        ({"options": {"all": {"steps": [3]}}}, "my.yaml: options.all.steps: [3] is no number, string, true or false; "),
        ({"options": {"all": {"lr": None}}}, "my.yaml: options.all.lr: None is no number, string, true or false; "),
        ({"options": {"all": {"steps": "many"}}}, "my.yaml: options.all.steps: 'many' is not a whole number"),
        ({"options": {"all": {"lr_schedule": "cosin"}}}, "my.yaml: options.all.lr_schedule: 'cosin' is not one of "),
        ({"options": {"cepo": {"lam": 2.0}}}, "my.yaml: options.cepo.lam: 2 is out of range; it is from 0 to 1"),
        (
            {"options": {"all": {"lora_rank": -1}}},
            "my.yaml: options.all.lora_rank: -1 is out of range; it is from",
        ),
        (
            {"variants": {"x": {"methods": ["sdpo"], "set": {"lora_rank": 0}}}},
            "my.yaml: variants.x.set.lora_rank: 0 trains the model's own weights, the local engine trains an adapter; "
            "use engine: easyr1, or a rank of at least 1",
        ),
        ({"variants": {"x": {"methods": ["cepo"], "set": {"lamb": 0.0}}}}, "my.yaml: variants.x.set.lamb: cepo has no"),
        ({"variants": {"x": {"methods": ["capo"], "set": {}}}}, "my.yaml: variants.x.methods: no method 'capo'; "),
        ({"variants": {"default": {"methods": ["cepo"], "set": {}}}}, "my.yaml: variants.default: 'default' is taken"),
        (
            {"variants": {"released": {"methods": ["cepo"], "set": {}}}},
            "my.yaml: variants.released: 'released' is taken",
        ),
        ({"presets": {"relesed": {"sdpo": {}}}}, "my.yaml: presets.relesed: no preset of sdpo 'relesed'; there is "),
        ({"presets": {"released": {"sdpa": {}}}}, "my.yaml: presets.released: no method 'sdpa'; there is "),
        ({"presets": {"released": {"sdpo": {"rate": 1}}}}, "my.yaml: presets.released.sdpo.rate: sdpo has no option"),
        ({"evaluation": {"top_k": "40"}}, "my.yaml: evaluation.top_k: must be a valid integer, not '40'"),
        ({"evaluation": {"topk": 40}}, "my.yaml: evaluation.topk: unknown key 'topk'; known: backend, "),
        (
            {"micro": {"training": {"small": {"stepz": 1}}}},
            "my.yaml: micro.training.small.stepz: unknown key 'stepz'; ",
        ),
        (
            {"micro": {"shapes": {"small": {"name": "M", "hidden": 288, "layers": 1, "intermediate": 96}}}},
            "my.yaml: micro.shapes.small: hidden 288 is 9 heads of 32, which 4 key-value heads cannot share; give ",
        ),
    ],
)
def test_mistakes_are_one_line(change: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as error:
        study(minimal() | change)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_true_and_false_on_the_command_line_are_booleans():  # Snakemake leaves them strings: make ... YES=1
    given = study(minimal(), yes="true", every_seed="false").config
    assert (given.yes, given.every_seed) == (True, False)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"cel": "grpo/small/default/s1"}, "--config: cel: unknown key 'cel'; known: "),
        (
            {"cell": "grpo/small"},
            "--config: cell: 'grpo/small' is not a cell; write <method>/<scale>/<variant>/s<seed>",
        ),
        ({"cell": "grpo/small/default/1"}, "--config: cell: 'grpo/small/default/1' is not a cell; "),
        ({"cell": "gpo/small/default/s1"}, "--config: cell: no method 'gpo'; "),
        ({"cell": "grpo/smal/default/s1"}, "--config: cell: no scale 'smal'; there is small; did you mean 'small'?"),
        ({"cell": "grpo/small/no_decay/s1"}, "--config: cell: no variant 'no_decay'; there is "),
        ({"cell": "base/small/released/s1"}, "--config: cell: the untrained base has no variant 'released'; "),
        (
            {"cell": "grpo/small/sharp/s1"},
            "--config: cell: variant 'sharp' is for cepo, not grpo; add grpo to variants.sharp",
        ),
    ],
)
def test_mistakes_on_the_command_line_are_named_so(overrides: dict[str, Any], message: str):
    sharp = {"sharp": {"methods": ["cepo"], "set": {"eps_w": 0.9}}}
    with pytest.raises(ConfigError) as error:
        study(minimal(variants=sharp), **overrides)
    assert str(error.value).startswith(message)


def test_the_nearest_name_is_offered():
    with pytest.raises(ConfigError, match=r"did you mean 'lam'\?$"):
        study(minimal(options={"cepo": {"lamda": 1.0}}))
    with pytest.raises(ConfigError, match=r"did you mean 'cell'\?$"):
        study(minimal(), cel="x")


def test_a_missing_model_folder_is_one_line(tmp_path: Path):
    scales = {"mine": {"model_name": "M", "base_model": str(tmp_path / "model")}}
    config = load_config(minimal(scales=scales), {}, ConfigSource("my.yaml"))
    with pytest.raises(
        ConfigError, match=r"^my.yaml: scales.mine.base_model: no model in .*/model \(no config.json\); save"
    ):
        preflight.check_models(config, ConfigSource("my.yaml"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    preflight.check_models(config, ConfigSource("my.yaml"))


def test_results_that_cannot_be_written_are_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    for folder in (Path("/proc/cepo/results"), tmp_path / "file" / "results"):  # root may write to read-only folders
        with pytest.raises(
            ConfigError, match=r"^my.yaml: results_dir: cannot write to .*; set results_dir to another folder$"
        ):
            preflight.check_results_folder(folder, "my.yaml: results_dir")
    with pytest.raises(
        ConfigError, match=r"only \d+ MB free on the disk of .*, a run needs .*; free some, or set results_dir"
    ):
        preflight.check_results_folder(tmp_path / "new", "my.yaml: results_dir", free_mb=1e9)
    preflight.check_results_folder(tmp_path / "new", "my.yaml: results_dir", free_mb=0)
    assert not (tmp_path / "new").exists()
