"""Settings of the micro world: what is drawn, how the two base models look and how long they learn. No torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelShape(Strict):
    """Size of one tiny Qwen3-VL; head dimension is 32, half as many key-value heads as heads."""

    name: str = Field(description="name printed in tables")
    hidden: int = Field(gt=0, multiple_of=32, description="text hidden size")
    layers: int = Field(gt=0)
    intermediate: int = Field(gt=0, description="width of the text MLP")
    vision_hidden: int = Field(default=64, gt=0, multiple_of=32)
    vision_depth: int = Field(default=1, gt=0)


class BaseTraining(Strict):
    """Fixed step budget of a base model, so that the same seed gives the same bits on one machine."""

    vision_steps: int = Field(default=120, ge=0, description="steps of reading glyphs with a throw-away head")
    vision_batch: int = Field(default=32, gt=0, description="diagrams per vision step")
    vision_lr: float = Field(default=4e-3, gt=0)
    steps: int = Field(default=550, ge=0, description="steps of next-token training on demonstrations")
    batch: int = Field(default=32, gt=0, description="demonstrations per step")
    calculations: int = Field(default=2, ge=0, description="rows of plain calculations per step")
    lookups: int = Field(default=2, ge=0, description="rows of plain letter finding per step")
    part: int = Field(default=20, gt=0, description="samples of similar length in one forward and backward pass")
    matrix_lr: float = Field(default=0.03, gt=0, description="peak learning rate of Muon, for the layers' matrices")
    lr: float = Field(default=3e-3, gt=0, description="peak learning rate of AdamW, for the other text weights")
    warmup_steps: int = Field(default=15, ge=1)
    weight_decay: float = Field(default=0.01, ge=0)


class MicroSettings(Strict):
    """Section ``micro`` of the config."""

    seed: int = Field(
        default=0, ge=0, description="decides problems and benchmark items; base models: their cells' seed"
    )
    vocabulary: int = Field(default=700, gt=264, description="largest number of BPE entries, the 256 bytes among them")
    pool: int = Field(
        default=9000, gt=0, description="training problems that base models learn from, in ever new demonstrations"
    )
    bench_pool: int = Field(
        default=6000, gt=0, description="demonstrations in the benchmarks' formats that base models learn from"
    )
    train: int = Field(default=1600, gt=0, description="training problems")
    validation: int = Field(default=256, gt=0)
    test: int = Field(default=256, gt=0)
    slip_rate: float = Field(default=0.6, ge=0, le=1, description="share of demonstrations with one wrong step")
    hint_rate: float = Field(
        default=0.7, ge=0, le=1, description="share of demonstrations whose context carries a final answer"
    )
    bench_rate: float = Field(
        default=0.25, ge=0, le=1, description="share of demonstrations in the benchmarks' prompt formats"
    )
    ready_made_bases: bool = Field(
        default=True,
        description="take a committed base model where one was built by the present recipe; false: build all of them",
    )
    shapes: dict[str, ModelShape] = Field(
        default={
            "small": ModelShape(name="Micro-VL-S", hidden=96, layers=3, intermediate=288),
            "large": ModelShape(name="Micro-VL-L", hidden=128, layers=3, intermediate=384),
        }
    )
    training: dict[str, BaseTraining] = Field(default={"small": BaseTraining(), "large": BaseTraining(steps=800)})
