"""What a config file may say. The JSON schemas in ``workflows/schemas`` are generated from these models. No torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.records import OptionValue
from evals.benchmarks import BENCHMARKS
from evals.vllm.settings import Evaluation
from methods.engines.easyr1.settings import EasyR1Settings
from methods.engines.local.vllm.settings import LocalSettings
from methods.micro.settings import MicroSettings
from workflows.lib.config.measuring import GradientSection, TruthSection
from workflows.lib.config.strict_model import Model, Name

Options = dict[str, OptionValue]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # torch takes no larger one
MICRO = "micro://"  # base models that this project builds itself


class ScaleSettings(Model):
    """One base model."""

    model_name: str | None = Field(
        default=None, min_length=1, description="name printed in tables; null: micro.shapes names what is built here"
    )
    base_model: str = Field(
        min_length=1,
        description="micro://<shape of micro.shapes>, a folder (with a slash), or a Hugging Face hub id",
        examples=["micro://small", "./models/my-qwen", "Qwen/Qwen3-VL-2B-Instruct"],
    )
    revision: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit of a hub model, 40 hex digits; a branch name is refused",
    )
    hint_rate: float | None = Field(
        default=None, ge=0, le=1, description="of a model built here, instead of micro.hint_rate; null: that one"
    )
    draws: dict[Annotated[str, Field(pattern=r"^s(0|[1-9][0-9]*)$")], Seed] = Field(
        default={},
        description="of a model built here: the number of the draw for a seed whose own draw failed its check",
        examples=[{"s5": 1005}],
    )
    check: bool = Field(default=True, description="false: what is required of a base is measured, and not required")
    only_named: bool = Field(default=False, description="true: only experiments that name this scale use it")

    @property
    def is_micro(self) -> bool:
        """Whether this project builds the model."""
        return self.base_model.startswith(MICRO)

    @property
    def is_folder(self) -> bool:
        """Whether the model is a folder on this machine: written as ./x, ../x, ~/x or /x."""
        return self.base_model.startswith(("/", "./", "../", "~"))

    @model_validator(mode="after")
    def _revision_of_hub_models(self) -> ScaleSettings:
        hub = not self.is_micro and not self.is_folder
        if hub and self.revision is None:
            raise ValueError(f"{self.base_model} is a hub model, so 'revision' must name its commit (40 hex digits)")
        if not hub and self.revision is not None:
            raise ValueError(f"{self.base_model} is not a hub model and has no 'revision'; remove the key")
        if self.hint_rate is not None and not self.is_micro:
            raise ValueError(f"{self.base_model} is not built here and learns from no hints; remove 'hint_rate'")
        if self.draws and not self.is_micro:
            raise ValueError(f"{self.base_model} is not built here and is not drawn; remove 'draws'")
        if self.model_name is None and not self.is_micro:
            raise ValueError(f"{self.base_model} needs 'model_name', its name in tables")
        return self


class Variant(Model):
    """A named set of overrides of method options: one arm of an ablation."""

    methods: list[str] = Field(min_length=1, description="methods that may run with it")
    set: Options = Field(description="option -> value; applied after options.all and options.<method>")


class SamplingChange(Model):
    """Another way to sample the answers of the untrained models; what is left out is as ``evaluation`` has it."""

    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=40, ge=0)
    presence_penalty: float = Field(default=2.0, ge=-2, le=2)
    max_new_tokens: int | None = Field(default=32000, ge=1, description="null: each task's own")

    @property
    def changes(self) -> dict[str, float | int | None]:
        """What was written."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class ExperimentArm(Model):
    """Cells that an experiment asks for: methods x variants x the experiment's scales and seeds."""

    methods: list[str] | None = Field(
        default=None, description="null: all of the config; 'base' is the untrained model"
    )
    variants: list[str] = Field(default=["default"], min_length=1)
    where_served: bool = Field(
        default=False, description="true: methods that the engine cannot train are left out, not refused"
    )


class Experiment(Model):
    """One file of ``workflows/configs/experiments/``."""

    title: str = Field(description="one line, printed when the experiment runs")
    arms: list[ExperimentArm] = Field(default=[], description="cells that are trained, evaluated and shown")
    controls: list[ExperimentArm] = Field(
        default=[], description="arms that are controls, trained beside the others where the world can have them"
    )
    gradients: list[ExperimentArm] = Field(
        default=[], description="arms whose gradients are measured; methods: null means all of the config and controls"
    )
    truth: list[ExperimentArm] = Field(
        default=[], description="arms whose credit is compared with measured advantages of tokens; methods as above"
    )
    scales: list[str] | None = Field(default=None, description="null: all of the config")
    seeds: list[Seed] | None = Field(default=None, description="null: those of the config")
    variants: dict[Name, Variant] = Field(
        default={}, description="variants that only this experiment needs; known everywhere"
    )
    repeats: int = Field(default=1, ge=1, description="evaluations of each cell, alike but for the seed of the sampler")
    tables: list[Name] = Field(default=[], description="tables of these cells; evals/analysis/tables lists them")
    figures: list[Name] = Field(default=[], description="figures of these cells; evals/analysis/figures lists them")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Experiment:
        if not self.arms and not self.gradients and not self.truth:
            raise ValueError("name 'arms' to train, or 'gradients' or 'truth' to measure")
        return self


class Progress(Model):
    """The status lines of a running workflow."""

    every: float = Field(default=60.0, ge=0, description="seconds between two status lines; 0 turns them off")


class HubData(Model):
    """One dataset of the Hugging Face hub, stored as parquet files of one split each."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", examples=["hiyouga/geometry3k"])
    revision: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit, 40 hex digits; null: the one `make fetch` recorded in the lock beside the config",
    )


class Problems(HubData):
    """The problems to train on."""

    splits: dict[Literal["train", "validation", "test"], str] = Field(
        default={"train": "train", "validation": "validation", "test": "test"},
        description="our file -> split of the dataset it is made of",
    )


class Reserved(Model):
    """What a scheduler must reserve for one job."""

    gpus: int = Field(default=0, ge=0)
    mem_mb: int = Field(default=2500, ge=1)
    minutes: int = Field(default=60, ge=1)


class Resources(Model):
    """Reservations of the jobs that run a model."""

    base: Reserved = Field(default_factory=Reserved, description="making a base model, and what it can do untrained")
    train: Reserved = Field(default_factory=Reserved, description="training one cell")
    evaluate: Reserved = Field(default_factory=Reserved, description="one cell's answers to every benchmark")
    gradients: Reserved = Field(default_factory=Reserved, description="gradients at one state of the policy")


class Estimates(Model):
    """Times that nobody measured, for the plan; a job of the kind that has finished replaces them."""

    train: dict[Name, Annotated[float, Field(gt=0)]] = Field(default={}, description="scale -> minutes of one step")
    evaluate: dict[Name, Annotated[float, Field(gt=0)]] = Field(default={}, description="scale -> minutes of one cell")
    prepare: dict[Name, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="scale -> minutes of one model that is prepared for methods"
    )
    gradients: dict[Name, Annotated[float, Field(gt=0)]] = Field(default={}, description="scale -> minutes of a state")


class Config(Model):
    """A world: what is trained, on what, with which settings."""

    world: Literal["micro", "paper"] = Field(description="micro: built here, minutes on a CPU; paper: Qwen3-VL on GPUs")
    engine: Literal["local", "easyr1"] = Field(
        default="local", description="what trains: transformers + peft here, or EasyR1"
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where cells are trained")
    results_dir: str = Field(default="results", min_length=1, description="results go to <results_dir>/<world>")
    methods: list[str] | None = Field(
        default=None, min_length=1, description="files of methods/ that 'all methods' means; null: every one"
    )
    scales: dict[Name, ScaleSettings] = Field(min_length=1)
    seeds: list[Seed] = Field(default=[1], min_length=1)
    every_seed: bool = Field(default=False, description="take seeds in experiments too that name fewer of their own")
    options: dict[str, Options] = Field(default={}, description="method options: 'all', then one section per method")
    variants: dict[Name, Variant] = Field(default={}, description="named sets of overrides, the third part of a cell")
    samplings: dict[Name, SamplingChange] = Field(
        default={}, description="named ways to sample; each is a variant of the untrained base: base/<scale>/<name>/s1"
    )
    presets: dict[Name, dict[str, Options]] = Field(
        default={}, description="preset -> method -> option -> value: this world's numbers over a preset of the method"
    )
    benchmarks: list[Literal[tuple(BENCHMARKS)]] = Field(default=list(BENCHMARKS), min_length=1)  # pyright: ignore
    evaluation: Evaluation = Field(default_factory=Evaluation)
    gradients: GradientSection = Field(default_factory=GradientSection)
    truth: TruthSection = Field(default_factory=TruthSection)
    engine_settings: LocalSettings = Field(default_factory=LocalSettings)  # pyright: ignore[reportArgumentType]
    micro: MicroSettings = Field(default_factory=MicroSettings)  # pyright: ignore[reportArgumentType]
    problems: Problems | None = Field(default=None, description="paper world: the hub's problems to train on")
    benchmark_data: dict[str, HubData] = Field(default={}, description="paper world: the hub's dataset per benchmark")
    easyr1: EasyR1Settings = Field(default_factory=EasyR1Settings)  # pyright: ignore[reportArgumentType]
    check_bases: bool = Field(default=True, description="fail if a base model misses what is required of it")
    experiments: list[str] = Field(default=["table2"], min_length=1, description="files of configs/experiments/ to run")
    yes: bool = Field(default=False, description="consent to a run of the paper world, which takes days of GPUs")
    cell: str | None = Field(default=None, description="<method>/<scale>/<variant>/s<seed> of the target 'cell'")
    progress: Progress = Field(default_factory=Progress)
    resources: Resources = Field(default_factory=Resources)
    estimates: Estimates = Field(default_factory=Estimates)
    hub_lock: str | None = Field(
        default=None, min_length=1, description="what was fetched from the hub: a file beside the config; null: its own"
    )

    @property
    def usual_scales(self) -> list[str]:
        """Scales of an experiment that names none."""
        return [name for name, scale in self.scales.items() if not scale.only_named]

    def model_name(self, scale: str) -> str:
        """Name of a scale's model in tables."""
        chosen = self.scales[scale]
        return chosen.model_name or self.micro.shapes[chosen.base_model.removeprefix(MICRO)].name

    def base_name(self, scale: str, seed: int) -> str:
        """What names the base model of a seed: each seed draws one of its own where it is built here."""
        return f"{scale}/s{seed}" if self.scales[scale].is_micro else scale

    @model_validator(mode="after")
    def _data_of_the_world(self) -> Config:
        given = [self.problems, *self.benchmark_data.values()]
        if self.world == "micro" and any(given):
            raise ValueError("world micro draws its own data; remove 'problems' and 'benchmark_data'")
        if self.world == "paper":
            lacking = [name for name in self.benchmarks if name not in self.benchmark_data]
            if self.problems is None or lacking:
                wanted = ["problems"] * (self.problems is None) + [f"benchmark_data.{name}" for name in lacking]
                raise ValueError(f"world paper needs {', '.join(wanted)}: the hub datasets to use")
            if self.check_bases:
                raise ValueError("check_bases is for models of the micro world; set it to false in world paper")
        return self

    @model_validator(mode="after")
    def _settings_of_the_local_engine(self) -> Config:
        for name in ("rollouts", "rollout_batch", "min_pixels", "max_pixels"):
            if self.engine != "local" and getattr(self.engine_settings, name) not in (None, "hf"):
                instead = f"easyr1.{name}" if "pixels" in name else "vLLM of its own"
                raise ValueError(f"engine_settings.{name} is for engine local; {self.engine} has {instead}")
        return self

    @model_validator(mode="after")
    def _gpus_of_the_evaluation(self) -> Config:
        use, reserved = self.evaluation.vllm, self.resources.evaluate.gpus
        needed = use.tensor_parallel * use.data_parallel
        on_gpus = self.evaluation.backend == "vllm" and self.evaluation.device == "cuda"
        if on_gpus and needed != reserved:
            cause = f"evaluation.vllm uses {needed} GPUs (tensor_parallel x data_parallel)"
            raise ValueError(f"{cause}, resources.evaluate.gpus reserves {reserved}; make them equal")
        return self

    @model_validator(mode="after")
    def _micro_bases_are_described(self) -> Config:
        for name, scale in self.scales.items():
            shape = scale.base_model.removeprefix(MICRO)
            if scale.is_micro and (shape not in self.micro.shapes or shape not in self.micro.training):
                known = ", ".join(sorted(set(self.micro.shapes) & set(self.micro.training)))
                raise ValueError(
                    f"scales.{name}.base_model: no shape '{shape}' in micro.shapes and micro.training ({known})"
                )
        for name, shape in self.micro.shapes.items():
            heads = shape.hidden // 32
            if heads % max(1, heads // 2):  # Qwen3-VL shares each key-value head among equally many heads
                cause = f"hidden {shape.hidden} is {heads} heads of 32, which {heads // 2} key-value heads cannot share"
                raise ValueError(f"micro.shapes.{name}: {cause}; give a multiple of 64, or 32, or 96")
        return self
