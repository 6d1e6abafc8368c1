"""Recipes: how every file of the results is made, as settings and digests. They decide what is made again.

They are the ``params`` of the rules: a job runs again if its recipe changed, and only then. What decides a cell is in
:meth:`Recipes.cell_digests` and in its options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from contracts.paths import ROOT
from contracts.prepared import PreparedPlan
from contracts.records import Cell, OptionValue
from evals.settings import EvalSettings
from methods.engines.registry import ENGINES, PREPARED, SAMPLERS
from methods.shared.prepared import deciding
from workflows.lib.cache.digest import canonical, code_digest, lock_digest, value_digest
from workflows.lib.config.schema import MICRO, Config
from workflows.lib.ready_bases import ReadyBase, ready_bases

LOCK = ROOT / "envs" / "local.txt"
LABELS = {"micro": "methods.micro.labels"}  # worlds whose chains can be read: the code that reads them
MEASURES_GRADIENTS = "methods.engines.local.gradients.measure"  # whatever engine trains
MEASURES_TRUTH = "methods.engines.local.truth.measure"
ELSEWHERE = {"checkout", "python", "ray_address"}  # where EasyR1 is; this decides no result
# Settings of the micro world that decide no data, and those that decide no base model.
BASE_MODEL_ONLY = {"shapes", "training", "ready_made_bases"}
NOT_OF_BASES = {"train", "validation", "test", "ready_made_bases"}
# Packages that decide the weights of a base model. An update of another one leaves the committed ones valid.
BUILDERS = ("torch", "torchvision", "transformers", "tokenizers", "numpy", "pillow", "jinja2", "lmms_eval")
# Settings of the engine that decide no result.
FREE = {"checkpoint_every": True, "vllm": {"python": True, "gpu_memory_utilization": True}}


@dataclass(frozen=True)
class Recipes:
    """The recipes of one config. Digests are computed once for all cells, so 5,000 cells take as long as one."""

    config: Config
    lock: Path = LOCK
    ready: Mapping[str, ReadyBase] = field(default_factory=ready_bases)  # by digest of the recipe
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

    def base(self, scale: str, seed: int | None) -> str:
        """How a base model is made. Its digest is ``base`` in the record of a cell. One of the hub has no seed."""
        model = self.config.scales[scale]
        if model.is_micro and seed is not None:
            made = self.ready_base(scale, seed)
            return canonical([self.built_base(scale, seed), made and made.weights])
        files = sorted(Path(model.base_model).expanduser().glob("*")) if model.is_folder else []
        return canonical([model.base_model, model.revision, [[f.name, f.stat().st_size] for f in files]])

    def built_base(self, scale: str, seed: int) -> str:
        """Digest of what decides the base model of a seed where it is built: its settings, code and packages."""
        how = [code_digest("methods.micro.bases"), lock_digest(self.lock, BUILDERS)]
        return value_digest([self.building(scale, seed), *how])

    def ready_base(self, scale: str, seed: int) -> ReadyBase | None:
        """The committed base model that was built by the present recipe; None if it is to be built."""
        return self.ready.get(self.built_base(scale, seed)) if self.config.micro.ready_made_bases else None

    def checks(self, required: bool = True) -> str:
        """What is required of a base model, or only measured."""
        return self._recipe("methods.micro.checks" if required else "methods.micro.without_limits", "")

    def drawing(self) -> str:
        """The settings that decide data, as JSON."""
        return self.config.micro.model_dump_json(exclude=BASE_MODEL_ONLY)

    def building(self, scale: str, seed: int) -> str:
        """The settings that decide the base model of a seed, as JSON, and no others."""
        model, micro = self.config.scales[scale], self.config.micro
        shape, draw = model.base_model.removeprefix(MICRO), model.draws.get(f"s{seed}", seed)
        chosen = {"shapes": {shape: micro.shapes[shape]}, "training": {shape: micro.training[shape]}, "seed": draw}
        chosen |= {} if model.hint_rate is None else {"hint_rate": model.hint_rate}
        return micro.model_copy(update=chosen).model_dump_json(exclude=NOT_OF_BASES)

    def cell_digests(self, method: str, scale: str, seed: int, labels: bool = False) -> dict[str, str]:
        """Digests of all that decides a cell besides its options. For the untrained base that is its model only.

        ``labels``: the method trains on labels of tokens, so the code that reads them decides too.
        """
        env = self.env if method == "base" else self._trained_in()
        base = {"base": self._base_digest(scale, seed), "env": env}
        if method == "base":
            return base
        if (method, labels) not in self._training:
            self._training[method, labels] = self._training_digests(method, labels)
        return base | self._training[method, labels]

    @cached_property
    def _training(self) -> dict[tuple[str, bool], dict[str, str]]:
        return {}

    def _training_digests(self, method: str, labels: bool) -> dict[str, str]:
        """The digests that all scales and seeds of a method share, worked out once."""
        trainer = training_module(self.config.engine, self._engine_settings())
        return {
            "data": value_digest(self.problems()),
            "code": code_digest(f"methods.{method}", trainer, *([LABELS[self.config.world]] if labels else [])),
            "engine": value_digest(self._engine_settings()),
        }

    def prepared(self, kind: str, scale: str, seed: int, options: Mapping[str, OptionValue]) -> PreparedPlan:
        """How the model of a kind is prepared for a method with these options: the local engine trains it."""
        settings = self.config.engine_settings
        return PreparedPlan(
            world=self.config.world,
            kind=kind,
            scale=scale,
            seed=seed,
            device=self.config.device,
            dtype=settings.dtype,
            micro_batch=settings.micro_batch,
            grade_deadline=settings.grade_deadline,
            options=deciding(kind, options),
            digests={
                "base": self._base_digest(scale, seed),
                "data": value_digest(self.problems()),
                "code": code_digest(PREPARED[kind]),
                "env": self.env,
            },
        )

    def _base_digest(self, scale: str, seed: int) -> str:
        if (scale, seed) not in self._bases:
            self._bases[scale, seed] = value_digest(self.base(scale, seed))
        return self._bases[scale, seed]

    @cached_property
    def _bases(self) -> dict[tuple[str, int], str]:
        return {}

    def _trained_in(self) -> str:
        """Digest of the packages with which cells are trained. Those of vLLM differ from the local engine's."""
        own = self._locked(self.train_role)
        return value_digest([own, self._locked("eval")]) if self.config.engine_settings.rollouts == "vllm" else own

    def _engine_settings(self) -> Mapping[str, object]:
        shared = self.config.engine_settings.deciding().model_dump(mode="json", exclude=FREE)
        if self.config.engine == "local":
            return shared
        return shared | {"easyr1": self.config.easyr1.model_dump(mode="json", exclude=ELSEWHERE)}

    def settings(self, cell: Cell, repeat: int = 0) -> EvalSettings:
        """Settings of a cell's evaluation after ``repeat`` others: the same but for the seed of the sampler.

        A variant of the untrained base is another way to sample.
        """
        settings = self.config.evaluation.deciding()
        own = self.config.samplings.get(cell.variant) if cell.method == "base" else None
        return settings.model_copy(update=(own.changes if own else {}) | {"seed": settings.seed + repeat})

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
        settings = self.settings(cell, repeat)
        return canonical([cell.digest, settings, asked, code_digest(self.evaluation_module), env])

    def answers(self, cell: Cell, repeat: int = 0) -> str:
        """What one answer of an evaluation depends on; settings of speed are left out: they may change after a kill."""
        settings = self.settings(cell, repeat)
        sampled = [settings.generation(), settings.seed, settings.dtype, self.config.evaluation.backend]
        asked = [value_digest(self.benchmarks()), code_digest(self.evaluation_module)]
        return canonical([cell.digest, sampled, asked, self._locked(self.evaluation_role)])

    def credit(self, cell: Cell) -> str:
        """How the credit of a cell's kept rollouts is scored."""
        return canonical([cell.digest, code_digest("evals.credit_scores", "methods.micro.labels")])

    def measuring_digests(
        self, module: str, methods: Sequence[str], scale: str, seed: int, labels: bool
    ) -> dict[str, str]:
        """Digests of what decides a measurement by ``module`` besides the methods' options and the policy's adapter."""
        modules = [f"methods.{name}" for name in methods] + ([LABELS[self.config.world]] if labels else [])
        return {
            "base": value_digest(self.base(scale, seed)),
            "data": value_digest(self.problems()),
            "code": code_digest(module, *modules),
            "env": self.env,
        }

    def estimates(self, module: str, plans: Sequence[str]) -> str:
        """How numbers are made by ``module`` from measurements with these plans."""
        return canonical([code_digest(module), value_digest(list(plans))])

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
