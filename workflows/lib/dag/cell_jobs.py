"""Inputs and ``params`` of the rules that train, evaluate and score one cell. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import ConfigError
from contracts.records import Cell
from workflows.lib.dag.grid import BASE, Key
from workflows.lib.dag.prepared_jobs import PreparedJobs
from workflows.lib.dag.result_files import ResultFiles, Wildcards


@dataclass(frozen=True)
class CellJobs:
    """The jobs of cells."""

    files: ResultFiles

    def chosen(self, wildcards: Wildcards) -> str:
        """What the target ``cell`` makes: the scores of the cell the config names."""
        name = self.files.grid.config.cell
        if name is None:
            way_out = "write --config cell=<method>/<scale>/<variant>/s<seed>, for example cell=cepo/small/default/s1"
            raise ConfigError("cell", "the target 'cell' needs to be told which", way_out)
        return f"{self.files.folder(self.files.grid.parse(name, 'cell'))}/eval/scores.json"

    def record(self, wildcards: Wildcards) -> str:
        """``params`` of training: the complete cell, as JSON."""
        key = self.files.key(wildcards)
        if key.method == BASE:
            raise ConfigError("cell", f"{key.name} is the untrained base: it has scores, but nothing to train")
        return self.files.grid.cell(key).model_dump_json()

    def base(self, wildcards: Wildcards) -> str:
        """Input of training and evaluation: the base model of the cell's seed."""
        return f"{self.files.base(wildcards.scale, int(wildcards.seed))}/model"

    def base_check(self, wildcards: Wildcards) -> list[str]:
        """Input of training: the report that the base model is fit for it, where the config asks for that."""
        checked = self.files.grid.config.check_bases
        return [f"{self.files.base(wildcards.scale, int(wildcards.seed))}/check.json"] if checked else []

    def prepared(self, wildcards: Wildcards) -> list[str]:
        """Input of training: record and tensors of the model that was prepared for the cell, if it needs one."""
        return PreparedJobs(self.files).of_cell(self.files.key(wildcards))

    def adapter(self, wildcards: Wildcards) -> str | list[str]:
        """Input of evaluation: the trained adapter; the untrained base has none."""
        key = self.files.key(wildcards)
        return [] if key.method == BASE else f"{self.files.folder(key)}/adapter"

    def evaluation_settings(self, wildcards: Wildcards) -> str:
        """``params`` of evaluation: the settings that its backend reads, as JSON."""
        return self.files.grid.recipes.settings(self._cell(wildcards)).model_dump_json()

    @property
    def evaluation_script(self) -> str:
        """The script that evaluates, as the rules name it."""
        by_vllm = self.files.grid.config.evaluation.backend == "vllm"
        return f"../scripts/{'evaluate_vllm' if by_vllm else 'evaluate'}.py"

    def evaluation(self, wildcards: Wildcards) -> str:
        """``params`` of evaluation: the cell and how it is evaluated."""
        return self.files.grid.recipes.evaluation(self._cell(wildcards))

    def answers(self, wildcards: Wildcards) -> str:
        """``params`` of evaluation: what an answer depends on."""
        return self.files.grid.recipes.answers(self._cell(wildcards))

    def repeat_answers(self, wildcards: Wildcards) -> str:
        """``params`` of a further evaluation: what an answer depends on."""
        return self.files.grid.recipes.answers(self._cell(wildcards), int(wildcards.repeat))

    def repeat_settings(self, wildcards: Wildcards) -> str:
        """``params`` of a further evaluation: its settings."""
        return self.files.grid.recipes.settings(self._cell(wildcards), int(wildcards.repeat)).model_dump_json()

    def repeat_evaluation(self, wildcards: Wildcards) -> str:
        """``params`` of a further evaluation: the cell and how it is evaluated."""
        return self.files.grid.recipes.evaluation(self._cell(wildcards), int(wildcards.repeat))

    def scores(self, wildcards: Wildcards) -> str:
        """``params`` of scoring: the evaluation and the code that scores it."""
        return self.files.grid.recipes.analysis("evals.scores", [self._cell(wildcards)])

    def credit(self, wildcards: Wildcards) -> str:
        """``params`` of scoring credit: the cell and the code that scores it."""
        return self.files.grid.recipes.credit(self._cell(wildcards))

    def training_steps(self, wildcards: dict[str, str]) -> int:
        """Rollout steps of the cell with these wildcards, for the plan and the status lines."""
        key = Key(wildcards["method"], wildcards["scale"], wildcards["variant"], int(wildcards["seed"]))
        return int(self.files.grid.cell(key).options["steps"])

    def _cell(self, wildcards: Wildcards) -> Cell:
        return self.files.grid.cell(self.files.key(wildcards))
