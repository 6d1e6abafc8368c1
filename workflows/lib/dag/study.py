"""What the rules ask: paths, inputs and ``params`` of a checked config. Imports no torch."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.errors import ConfigError
from methods.engines.easyr1.checkout import lacking as checkout_lacking
from workflows.lib.cache.lost_links import CACHE, mend_links
from workflows.lib.config.loading import ConfigSource, load_config, read_experiments
from workflows.lib.config.method_options import read_methods
from workflows.lib.config.schema import Config
from workflows.lib.dag import preflight
from workflows.lib.dag.analyses import Analyses, Wildcards, trained
from workflows.lib.dag.grid import BASE, DEFAULT, Grid, Key
from workflows.lib.dag.recipes import Recipes
from workflows.lib.hub.needs import FETCH, lacking, lock_path, needs, read_lock, revision

if TYPE_CHECKING:
    from snakemake.workflow import Workflow


SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Study(Analyses):
    """A config that was found sound, and everything that follows from it."""

    @staticmethod
    def load(workflow: Workflow, raw: dict[str, Any]) -> Study:
        """The study Snakemake was called for; ConfigError at the first mistake in it."""
        overrides = dict(workflow.config_settings.config or {})
        files = [Path(file) for file in workflow.configfiles]
        names = [str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file) for file in files]
        source = ConfigSource(", ".join(names), frozenset(overrides))
        study = Study.of(load_config(raw, overrides, source), source)
        preflight.check_engine(study.config, source)
        preflight.check_models(study.config, source)
        if workflow.is_main_process:
            preflight.check_results_folder(Path(study.results), source.place("results_dir"))
            _mend(Path(study.results), Path(os.environ[CACHE]))
        return study

    @staticmethod
    def of(config: Config, source: ConfigSource) -> Study:
        """The study of a valid config; ConfigError if it names what does not exist."""
        lock = read_lock(lock_path(Path(source.file)))
        recipes = Recipes(config, commits={need.place: revision(need, lock) for need in needs(config)})
        grid = Grid(config, read_experiments(), read_methods(), recipes, source)
        grid.check()
        return Study(config, grid, recipes)

    @property
    def hub_lock(self) -> str:
        """``params`` of what uses the hub: the lock of what was fetched, beside the config."""
        return str(lock_path(Path(self.grid.source.file)))

    @property
    def data_rules(self) -> str:
        """The file of rules that makes this world's data."""
        return "workflows/rules/data.smk" if self.config.world == "micro" else "workflows/rules/hub_data.smk"

    @property
    def problem_source(self) -> str:
        """``params`` of the hub's problems: their entry of the config, as JSON."""
        return self.config.problems.model_dump_json() if self.config.problems else ""

    @property
    def benchmark_sources(self) -> dict[str, str]:
        """``params`` of the hub's benchmarks: their entries of the config, as JSON."""
        data = self.config.benchmark_data
        return {name: data[name].model_dump_json() for name in self.config.benchmarks if name in data}

    def conda(self, role: str) -> str:
        """The environment of a role, as the rules name it, for ``--sdm conda``."""
        return f"../../envs/{role}.yaml"

    def image(self, role: str) -> str:
        """The container image of a role, for ``--sdm apptainer``; envs/Dockerfile says how it is made."""
        return f"envs/{role}.sif"

    def missing(self) -> list[str]:
        """What this world needs from elsewhere and has not got here: a line each, with the way out."""
        lock = read_lock(Path(self.hub_lock))
        lines = [f"{n.place}: {n.repo}: {cause}; {FETCH}" for n in needs(self.config) if (cause := lacking(n, lock))]
        cause = checkout_lacking(Path(self.config.easyr1.checkout).expanduser())
        if self.config.engine == "easyr1" and cause:
            lines.append(f"easyr1.checkout: {cause}; {FETCH}")
        return lines

    def chosen_cell(self, wildcards: Wildcards) -> str:
        """What the target ``cell`` makes: the scores of the cell the config names."""
        if self.config.cell is None:
            way_out = "write --config cell=<method>/<scale>/<variant>/s<seed>, for example cell=cepo/small/default/s1"
            raise ConfigError("cell", "the target 'cell' needs to be told which", way_out)
        return f"{self.folder(self.grid.parse(self.config.cell, 'cell'))}/eval/scores.json"

    def cell_json(self, wildcards: Wildcards) -> str:
        """``params`` of training: the complete cell."""
        key = self.key(wildcards)
        if key.method == BASE:
            raise ConfigError("cell", f"{key.name} is the untrained base: it has scores, but nothing to train")
        return self.grid.cell(key).model_dump_json()

    def cell_evaluation(self, wildcards: Wildcards) -> str:
        """``params`` of evaluation: the cell and how it is evaluated."""
        return self.recipes.evaluation(self.grid.cell(self.key(wildcards)))

    @property
    def evaluation_settings(self) -> str:
        """``params`` of evaluation: the settings that its backend reads, as JSON."""
        return self.recipes.repeated(0).model_dump_json()

    @property
    def evaluation_script(self) -> str:
        """The script that evaluates, as the rules name it."""
        return f"../scripts/{'evaluate_vllm' if self.config.evaluation.backend == 'vllm' else 'evaluate'}.py"

    def repeat_settings(self, wildcards: Wildcards) -> str:
        """``params`` of a further evaluation: its settings."""
        return self.recipes.repeated(int(wildcards.repeat)).model_dump_json()

    def repeat_evaluation(self, wildcards: Wildcards) -> str:
        """``params`` of a further evaluation: the cell and how it is evaluated."""
        return self.recipes.evaluation(self.grid.cell(self.key(wildcards)), int(wildcards.repeat))

    def adapter(self, wildcards: Wildcards) -> str | list[str]:
        """Input of evaluation: the trained adapter; the untrained base has none."""
        key = self.key(wildcards)
        return [] if key.method == BASE else f"{self.folder(key)}/adapter"

    def base_check(self, wildcards: Wildcards) -> list[str]:
        """Input of training: the report that the base model is fit for it, where the config asks for that."""
        return [f"{self.results}/models/{wildcards.scale}/check.json"] if self.config.check_bases else []

    def base_recipe(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: how it comes about."""
        return self.recipes.base(wildcards.scale)

    def base_settings(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: its entry of the config, as JSON."""
        return self.config.scales[wildcards.scale].model_dump_json()

    def base_building(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: what its builder needs, as JSON; for one of the hub, the lock that names it."""
        scale = self.config.scales[wildcards.scale]
        if scale.is_micro:
            return self.recipes.building(wildcards.scale)
        return "" if scale.is_folder else self.hub_lock

    def untrained_json(self, wildcards: Wildcards) -> str:
        """``params`` of the untrained base's record: the complete cell."""
        return self.grid.cell(Key(BASE, wildcards.scale, DEFAULT, int(wildcards.seed))).model_dump_json()

    def cell_scores(self, wildcards: Wildcards) -> str:
        """``params`` of scoring: the evaluation and the code that scores it."""
        return self.recipes.analysis("evals.scores", [self.grid.cell(self.key(wildcards))])

    def cell_credit(self, wildcards: Wildcards) -> str:
        """``params`` of scoring credit: the cell and the code that scores it."""
        return self.recipes.credit(self.grid.cell(self.key(wildcards)))

    def tracked_cells(self, wildcards: Wildcards) -> list[str]:
        """Input of tracking: the records of all wanted cells."""
        return self._files(self.grid.wanted, "cell.json")

    def tracked_results(self, wildcards: Wildcards) -> list[str]:
        """Input of tracking: training steps, runs and scores of all wanted cells."""
        return self._files(self.grid.wanted, "eval/scores.json") + self._files(
            trained(self.grid.wanted), "train.jsonl", "run.json"
        )

    def products(self, wildcards: Wildcards) -> list[str]:
        """Input of the target ``all``: the tables and figures of the chosen experiments."""
        experiments = [self.grid.experiments[name] for name in self.config.experiments]
        tables = dict.fromkeys(table for experiment in experiments for table in experiment.tables)
        found = [f"{self.results}/tables/{table}.md" for table in tables]
        figures = dict.fromkeys(figure for experiment in experiments for figure in experiment.figures)
        found += [f"{self.results}/figures/{figure}.svg" for figure in figures]
        if self.config.check_bases:
            found.append(f"{self.results}/models/check.json")
        return found

    def untrained_scores(self, wildcards: Wildcards) -> list[str]:
        """Input of the check of the bases that are used: their scores, in the order of the config's scales."""
        used = {key.scale for key in self.grid.wanted}
        bases = [Key(BASE, scale, DEFAULT, self.config.seeds[0]) for scale in self.config.scales if scale in used]
        return self._files(bases, "eval/scores.json")

    def training_steps(self, wildcards: dict[str, str]) -> int:
        """Rollout steps of the cell with these wildcards, for the status lines."""
        key = Key(wildcards["method"], wildcards["scale"], wildcards["variant"], int(wildcards["seed"]))
        return int(self.grid.cell(key).options["steps"])

    def membership(self, wildcards: Wildcards | None) -> dict[str, list[str]]:
        """``params`` of tracking: which of the wanted cells each experiment holds, chosen now or not."""
        wanted = set(self.grid.wanted)
        held = {name: [key.name for key in keys if key in wanted] for name, keys in self.grid.fitting().items()}
        return {name: cells for name, cells in held.items() if cells}

    @property
    def store(self) -> str:
        """``params`` of tracking: the MLflow store."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{self.results}/mlflow.db"

    @property
    def store_files(self) -> list[str]:
        """Output of tracking beside its marker: the file of the MLflow store, if it is one."""
        return [self.store.removeprefix(SQLITE)] if self.store.startswith(SQLITE) else []

    def summary(self) -> str:
        """Where the results are; printed at the end."""
        places = [
            f"{self.results}/{name}" for name in ("tables", "figures", "cells") if Path(self.results, name).exists()
        ]
        tracked = all(Path(file).exists() for file in self.store_files)  # one cell alone is not tracked
        return (
            "Results: "
            + (", ".join(places) or f"none yet in {self.results}")
            + (f"; MLflow: {self.store} (make ui)" if tracked else "")
        )


def _mend(results: Path, cache: Path) -> None:
    """Mend or drop links into a cache that is gone, and say so."""
    mended, lost = mend_links(results, cache)
    if mended or lost:
        told = f"{results}: {mended + lost} files were links into a cache that is gone: {mended} found in {cache}, "
        print(f"{told}{lost} lost; what still needs a lost one makes it again", file=sys.stderr)
