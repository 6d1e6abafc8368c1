"""Recipes: how every file of the results is made, as settings and digests. They decide what is made again.

They are the ``params`` of the rules: a job runs again if its recipe changed, and only then. What decides a cell is in
:meth:`Recipes.cell_digests` and in its options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from contracts.paths import ROOT
from contracts.records import Cell
from evals.settings import EvalSettings
from methods.engines.registry import ENGINES, SAMPLERS
from workflows.lib.cache.digest import canonical, code_digest, lock_digest, value_digest
from workflows.lib.config.schema import MICRO, Config

LOCK = ROOT / "envs" / "local.txt"
LABELS = {"micro": "methods.micro.labels"}  # worlds whose chains can be read: the code that reads them
ELSEWHERE = {"checkout", "python", "ray_address"}  # where EasyR1 is; this decides no result
BASE_MODEL_ONLY = {"shapes", "training"}  # settings of the micro world that decide base models, not data
# Settings of the engine that decide no result.
FREE = {"checkpoint_every": True, "vllm": {"python": True, "gpu_memory_utilization": True}}


@dataclass(frozen=True)
class Recipes:
    """The recipes of one config. Digests are computed once for all cells, so 5,000 cells take as long as one."""

    config: Config
    lock: Path = LOCK
    commits: Mapping[str, str | None] = field(default_factory=dict)  # of the hub's datasets, by key of the config

    @property
    def env(self) -> str:
        """Digest of the pinned packages of the environment that data, base models and tables are made in."""
        return self._locked("local")

    @property
    def train_role(self) -> str:
        """The environment that trains: a lock of envs/."""
        return self.config.engine

    @property
    def evaluation_role(self) -> str:
        """The environment that evaluates: a lock of envs/."""
        return "eval" if self.config.world == "paper" or self.config.evaluation.backend == "vllm" else "local"

    @property
    def evaluation_module(self) -> str:
        """The module that evaluates; its digest covers all that it imports."""
        return "evals.run" if self.config.evaluation.backend == "local" else "evals.vllm.run"

    def problems(self) -> str:
        """How problems are drawn, or which ones of the hub are used. Its digest is ``data`` in the record of a cell."""
        if self.config.problems is not None:
            return canonical([self.config.problems.repo, self.config.problems.splits, self.commits.get("problems")])
        return self._recipe("methods.micro.data", self.drawing())

    def benchmarks(self) -> str:
        """How benchmark items are drawn, or which ones of the hub are used."""
        if self.config.benchmark_data:
            data = self.config.benchmark_data
            return canonical([[name, data[name].repo, self.commits.get(f"benchmark_data.{name}")] for name in data])
        return self._recipe("methods.micro.benchmarks", self.drawing())

    def base(self, scale: str) -> str:
        """How a base model is made. Its digest is ``base`` in the record of a cell."""
        model = self.config.scales[scale]
        if model.is_micro:
            return self._recipe("methods.micro.bases", self.building(scale))
        files = sorted(Path(model.base_model).expanduser().glob("*")) if model.is_folder else []
        return canonical([model.base_model, model.revision, [[f.name, f.stat().st_size] for f in files]])

    def checks(self) -> str:
        """What is required of a base model."""
        return self._recipe("methods.micro.checks", "")

    def drawing(self) -> str:
        """The settings that decide data, as JSON."""
        return self.config.micro.model_dump_json(exclude=BASE_MODEL_ONLY)

    def building(self, scale: str) -> str:
        """The settings that decide one base model, as JSON, without those of other shapes."""
        shape = self.config.scales[scale].base_model.removeprefix(MICRO)
        micro = self.config.micro
        chosen = {"shapes": {shape: micro.shapes[shape]}, "training": {shape: micro.training[shape]}}
        return micro.model_copy(update=chosen).model_dump_json()

    def cell_digests(self, method: str, scale: str, labels: bool = False) -> dict[str, str]:
        """Digests of all that decides a cell besides its options. For the untrained base that is its model only.

        ``labels``: the method trains on labels of tokens, so the code that reads them decides too.
        """
        asked = (method, scale, labels)
        if asked not in self._cell_digests:
            self._cell_digests[asked] = self._digests_of(*asked)
        return self._cell_digests[asked]

    @cached_property
    def _cell_digests(self) -> dict[tuple[str, str, bool], dict[str, str]]:
        return {}

    def _digests_of(self, method: str, scale: str, labels: bool) -> dict[str, str]:
        env = self.env if method == "base" else self._trained_in()
        base = {"base": value_digest(self.base(scale)), "env": env}
        if method == "base":
            return base
        trainer = training_module(self.config.engine, self._engine_settings())
        return base | {
            "data": value_digest(self.problems()),
            "code": code_digest(f"methods.{method}", trainer, *([LABELS[self.config.world]] if labels else [])),
            "engine": value_digest(self._engine_settings()),
        }

    def _trained_in(self) -> str:
        """Digest of the packages with which cells are trained. Those of vLLM differ from the local engine's."""
        own = self._locked(self.train_role)
        return value_digest([own, self._locked("eval")]) if self.config.engine_settings.rollouts == "vllm" else own

    def _engine_settings(self) -> Mapping[str, object]:
        shared = self.config.engine_settings.deciding().model_dump(mode="json", exclude=FREE)
        if self.config.engine == "local":
            return shared
        return shared | {"easyr1": self.config.easyr1.model_dump(mode="json", exclude=ELSEWHERE)}

    def repeated(self, repeat: int) -> EvalSettings:
        """Settings of further evaluation number ``repeat``; only the seed of the sampler differs."""
        settings = self.config.evaluation.deciding()
        return settings.model_copy(update={"seed": settings.seed + repeat})

    def evaluation(self, cell: Cell, repeat: int = 0) -> str:
        """How a cell is evaluated: for the first time (``repeat`` 0), or again as number ``repeat``.

        Worked out once: the job itself asks, and so does every table and figure that shows the cell.
        """
        asked = (cell.model_dump_json(), repeat)
        if asked not in self._evaluations:
            self._evaluations[asked] = self._evaluation(cell, repeat)
        return self._evaluations[asked]

    @cached_property
    def _evaluations(self) -> dict[tuple[str, int], str]:
        return {}

    def _evaluation(self, cell: Cell, repeat: int) -> str:
        asked = [self.config.benchmarks, value_digest(self.benchmarks())]
        env = self._locked(self.evaluation_role)
        return canonical([cell.digest, self.repeated(repeat), asked, code_digest(self.evaluation_module), env])

    def credit(self, cell: Cell) -> str:
        """How the credit of a cell's kept rollouts is scored."""
        return canonical([cell.digest, code_digest("evals.credit_scores", "methods.micro.labels")])

    def analysis(self, module: str, cells: list[Cell]) -> str:
        """How a file is made from many evaluated cells."""
        return canonical([code_digest(module), value_digest([self.evaluation(cell) for cell in cells])])

    def _locked(self, role: str) -> str:
        return lock_digest(self.lock if role == "local" else LOCK.with_name(f"{role}.txt"))

    def _recipe(self, module: str, settings: str) -> str:
        return canonical([settings, code_digest(module), self.env])


def training_module(engine: str, settings: Mapping[str, object]) -> str:
    """The code that trains, by the name of the engine and its settings."""
    return SAMPLERS[str(settings.get("rollouts", "hf"))] if engine == "local" else ENGINES[engine]
