"""The study: a checked config, and one part for each group of rules that needs something from it. No torch."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflows.lib.cache.lost_links import CACHE, mend_links
from workflows.lib.config.loading import ConfigSource, load_config, read_experiments
from workflows.lib.config.method_options import read_methods
from workflows.lib.config.schema import Config
from workflows.lib.dag import exhibit_jobs, preflight
from workflows.lib.dag.base_jobs import BaseJobs
from workflows.lib.dag.cell_jobs import CellJobs
from workflows.lib.dag.data_jobs import DataJobs
from workflows.lib.dag.exhibit_jobs import ExhibitJob
from workflows.lib.dag.gradient_jobs import GradientJobs
from workflows.lib.dag.grid import Grid
from workflows.lib.dag.missing import MissingNeed, missing
from workflows.lib.dag.prepared_jobs import PreparedJobs
from workflows.lib.dag.recipes import Recipes
from workflows.lib.dag.result_files import ResultFiles, Wildcards
from workflows.lib.dag.tracking_jobs import TrackingJobs
from workflows.lib.dag.truth_jobs import TruthJobs
from workflows.lib.hub.needs import lock_path, needs, read_lock, revision

if TYPE_CHECKING:
    from snakemake.workflow import Workflow


@dataclass(frozen=True)
class Study:
    """A checked config, and what the rules need from it: ``study.cells``, ``study.bases`` and so on."""

    grid: Grid

    @staticmethod
    def load(workflow: Workflow, raw: dict[str, Any]) -> Study:
        """Make the study from the config of this call of Snakemake. Raises ConfigError at the first mistake."""
        overrides = dict(workflow.config_settings.config or {})
        files = [Path(file) for file in workflow.configfiles]
        names = [str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file) for file in files]
        source = ConfigSource(", ".join(names), frozenset(overrides))
        study = Study.of(load_config(raw, overrides, source), source)
        preflight.check_engine(study.config, source)
        preflight.check_models(study.config, source)
        if workflow.is_main_process:
            preflight.check_results_folder(Path(study.results), source.place("results_dir"))
            mend_and_say(Path(study.results), Path(os.environ[CACHE]))
        return study

    @staticmethod
    def of(config: Config, source: ConfigSource) -> Study:
        """The study of a valid config; ConfigError if it names what does not exist."""
        lock = read_lock(lock_path(Path(source.file), config.hub_lock))
        recipes = Recipes(config, commits={need.place: revision(need, lock) for need in needs(config)})
        grid = Grid(config, read_experiments(), read_methods(), recipes, source)
        grid.check()
        study = Study(grid)
        study.gradients.check()
        study.truth.check()
        return study

    @property
    def config(self) -> Config:
        """The checked config."""
        return self.grid.config

    @property
    def recipes(self) -> Recipes:
        """How every file of the results is made."""
        return self.grid.recipes

    @property
    def results(self) -> str:
        """Folder of this world's results."""
        return self.files.root

    @property
    def hub_lock(self) -> str:
        """``params`` of what uses the hub: the lock of what was fetched, beside the config."""
        return str(lock_path(Path(self.grid.source.file), self.config.hub_lock))

    @cached_property
    def files(self) -> ResultFiles:
        """Where the files of cells lie."""
        return ResultFiles(self.grid)

    @cached_property
    def data(self) -> DataJobs:
        """For the rules of problems and benchmarks."""
        return DataJobs(self.config)

    @cached_property
    def bases(self) -> BaseJobs:
        """For the rules of base models."""
        return BaseJobs(self.files, self.hub_lock)

    @cached_property
    def cells(self) -> CellJobs:
        """For the rules that train, evaluate and score."""
        return CellJobs(self.files)

    @cached_property
    def prepared(self) -> PreparedJobs:
        """For the rule that prepares models for methods."""
        return PreparedJobs(self.files)

    @cached_property
    def gradients(self) -> GradientJobs:
        """For the rules that measure gradients."""
        return GradientJobs(self.files)

    @cached_property
    def truth(self) -> TruthJobs:
        """For the rules that measure the advantages of tokens."""
        return TruthJobs(self.files)

    @cached_property
    def tracking(self) -> TrackingJobs:
        """For the rule that copies cells into MLflow."""
        return TrackingJobs(self.files)

    @property
    def exhibits(self) -> list[ExhibitJob]:
        """Every table and every module of figures that is listed: a rule each."""
        return exhibit_jobs.tables(self.files) + exhibit_jobs.figures(self.files)

    def products(self, wildcards: Wildcards) -> list[str]:
        """Input of the target ``all``: tables and figures of the chosen experiments, and the check of the bases."""
        checked = self.config.check_bases and self.grid.wanted  # a run that trains no cell evaluates no base
        checks = [f"{self.results}/models/check.json"] if checked else []
        return exhibit_jobs.wanted(self.files) + self.gradients.products + self.truth.products + checks

    def missing(self) -> list[MissingNeed]:
        """What this config needs and this machine lacks."""
        return missing(self.config, read_lock(Path(self.hub_lock)))

    def summary(self) -> str:
        """Where the results are; printed at the end."""
        folders = [
            name for name in ("tables", "figures", "cells", "gradients", "truth") if Path(self.results, name).exists()
        ]
        places = ", ".join(f"{self.results}/{name}" for name in folders) or f"none yet in {self.results}"
        tracked = all(Path(file).exists() for file in self.tracking.store_files)  # one cell alone is not tracked
        return f"Results: {places}" + (f"; MLflow: {self.tracking.store} (make ui)" if tracked else "")


def mend_and_say(results: Path, cache: Path) -> None:
    """Repair or remove links into a cache that is gone, and print how many."""
    mended, lost = mend_links(results, cache)
    if mended or lost:
        told = f"{results}: {mended + lost} files were links into a cache that is gone: {mended} found in {cache}, "
        print(f"{told}{lost} lost; what still needs a lost one makes it again", file=sys.stderr)
