"""Committed base models: built again they are the same, and they are taken where their recipe is the present one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import load_file

from contracts.errors import DataError
from contracts.paths import ROOT
from tests.helpers.tiny_bases import COMMITTED, SCALE, SEED, build_tiny, recipes
from workflows.lib.base_models import processor, provide
from workflows.lib.config.loading import ConfigSource, read_yaml
from workflows.lib.config.schema import Config, ScaleSettings
from workflows.lib.dag.base_jobs import BaseJobs
from workflows.lib.dag.grid import Grid
from workflows.lib.dag.recipes import Recipes
from workflows.lib.dag.result_files import ResultFiles
from workflows.lib.publish.bases import LIMIT, publish
from workflows.lib.ready_bases import READY, REPORT, WEIGHTS, BuiltBase, ready_bases

TINY = COMMITTED / SCALE / f"s{SEED}"
ANEW = "the recipe of base models changed: run python -m tests.helpers.tiny_bases and commit what it writes"
# Six steps of a processor that rounds differently. Measured, with the oldest kernels of MKL, oneDNN and torch against
# AVX2: 6.4e-4 and 5.7e-6. Learning rates of .03 and .004 allow no more than a tenth after six steps.
LARGEST, MEAN = 1e-2, 1e-4


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which the tiny base model was built."""
    results = tmp_path_factory.mktemp("results")
    build_tiny(results)
    return results


def record(folder: Path) -> BuiltBase:
    return BuiltBase.model_validate_json((folder / REPORT).read_text())


def test_a_base_model_built_again_is_the_committed_one(built: Path):
    assert recipes().ready_base(SCALE, SEED) is not None, ANEW
    here, committed = built / "models" / SCALE / f"s{SEED}", record(TINY)
    assert committed.recipe == record(here).recipe
    if committed.processor == processor():
        assert committed.weights == record(here).weights  # bit for bit
    mine, theirs = (load_file(folder / "model" / WEIGHTS) for folder in (here, TINY))
    apart = [(mine[name] - theirs[name]).abs() for name in theirs]
    assert mine.keys() == theirs.keys()
    assert max(float(one.max()) for one in apart) <= LARGEST
    assert sum(float(one.sum()) for one in apart) <= MEAN * committed.parameters
    for file in ("tokenizer.json", "config.json", "processor_config.json"):
        assert (here / "model" / file).read_bytes() == (TINY / "model" / file).read_bytes(), file


def test_one_of_the_present_recipe_is_taken(tmp_path: Path):
    ready = recipes().ready_base(SCALE, SEED)
    assert ready is not None, ANEW
    scale, report = ScaleSettings(base_model=f"micro://{SCALE}"), tmp_path / REPORT
    provide(scale, "no settings: nothing is built", tmp_path / "model", report, "digest", ready=str(ready.folder))
    assert json.loads(report.read_text()) == record(TINY).model_dump() | {"ready_made": str(TINY)}
    assert {file.name for file in (tmp_path / "model").iterdir()} == {file.name for file in (TINY / "model").iterdir()}


def test_another_recipe_another_seed_or_the_setting_build_one():
    assert recipes(train=7, validation=7).ready_base(SCALE, SEED) is not None, ANEW
    assert recipes(seed=5).ready_base(SCALE, SEED) is not None  # problems of the world, not of the base model
    assert recipes(slip_rate=0.1).ready_base(SCALE, SEED) is None
    assert recipes().ready_base(SCALE, SEED + 1) is None
    assert recipes(ready_made_bases=False).ready_base(SCALE, SEED) is None


def test_cells_know_whether_their_base_model_was_taken_or_built():
    def base(how: Recipes) -> str:
        return how.cell_digests("grpo", SCALE, SEED)["base"]

    assert base(recipes()) != base(recipes(ready_made_bases=False))  # elsewhere the bits differ
    assert base(recipes(slip_rate=0.1)) == base(recipes(slip_rate=0.1, ready_made_bases=False))
    assert recipes().problems() == recipes(ready_made_bases=False).problems()


def test_weights_that_are_not_those_of_the_record_are_one_line(tmp_path: Path):
    shutil.copytree(TINY, tmp_path / "s1")
    (tmp_path / "s1" / "model" / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1")
    scale = ScaleSettings(base_model=f"micro://{SCALE}")
    with pytest.raises(DataError, match=r"model.safetensors is not the file that base.json names; restore it \(git ch"):
        provide(scale, "", tmp_path / "model", tmp_path / REPORT, ready=str(tmp_path / "s1"))


def test_a_committed_check_is_taken_where_what_decides_it_is_the_same(tmp_path: Path):
    def jobs(**micro: object) -> BaseJobs:
        config = recipes(**micro).config.model_copy(update={"check_bases": True})
        how = replace(recipes(**micro), ready=ready_bases(tmp_path))
        return BaseJobs(ResultFiles(Grid(config, {}, {}, how, ConfigSource("my.yaml"))), "")

    wildcards: Any = SimpleNamespace(base=f"{SCALE}/s{SEED}")
    shutil.copytree(TINY, tmp_path / SCALE / f"s{SEED}")
    assert jobs().ready_check(wildcards) == ""  # it was never checked
    check = tmp_path / SCALE / f"s{SEED}" / "check.json"
    check.write_text(json.dumps({"recipe": jobs().checked(wildcards), "accuracy": 0.3}))
    assert jobs().ready_check(wildcards) == str(check)
    assert jobs(validation=7).ready_check(wildcards) == ""  # it would be checked on other problems
    assert jobs(ready_made_bases=False).ready_check(wildcards) == ""


def test_a_run_s_base_models_become_the_committed_ones(built: Path, tmp_path: Path):
    (built / "models" / SCALE / f"s{SEED}" / "check.json").write_text("{}")
    (folder,) = publish(built, tmp_path)
    assert folder == tmp_path / SCALE / f"s{SEED}"
    assert {path.name for path in folder.iterdir()} == {"model", "base.json", "check.json"}
    assert list(ready_bases(tmp_path)) == [recipes().built_base(SCALE, SEED)]
    (tmp_path / "large").write_bytes(b"0" * int(LIMIT))
    with pytest.raises(DataError, match=r"70 MB of base models, 70 MB are the limit; delete"):
        publish(built, tmp_path)
    with pytest.raises(DataError, match=r"holds no base model that was built here; run: make ready-bases SEEDS=3$"):
        publish(tmp_path, tmp_path / "none")


def test_committed_base_models_are_of_the_present_recipe_and_small():
    config = read_yaml(Config, ROOT / "workflows" / "configs" / "micro.yaml")
    for folder in sorted(READY.glob("*/s*")):
        made = Recipes(config).ready_base(folder.parent.name, int(folder.name[1:]))
        assert made is not None and made.folder == folder, f"{folder}: an older recipe; run: make ready-bases SEEDS=3"
    assert sum(path.stat().st_size for path in READY.rglob("*") if path.is_file()) < LIMIT
