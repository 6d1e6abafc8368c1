"""The five benchmarks: the task of lmms-eval, the columns it reads, its accuracy, and the paper's number of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "texts", "number", "image"]


@dataclass(frozen=True)
class Benchmark:
    """One benchmark as lmms-eval 0.7.3 knows it. Column kinds: text, texts (list), number, image (bytes and path)."""

    name: str  # file stem and key in scores.json
    title: str  # as the paper writes it
    task: str  # lmms-eval's task name
    yaml: str  # the task's file, relative to lmms_eval/tasks
    split: str
    metric: str  # lmms-eval's name of the accuracy
    scale: float  # the metric's value of a perfect score: 1 or 100
    items: int  # N of the paper's table
    columns: dict[str, Kind]  # what the task reads
    key: tuple[str, ...]  # columns that identify a row
    cluster: str | None  # rows equal here share a seed problem and are not independent
    gold: str  # column of the right answer
    nullable: tuple[str, ...] = ()  # columns in which a row may be null

    def display(self, world: str) -> str:
        """Name in tables. The stand-ins of the micro world never have the name of the real benchmark alone."""
        return self.title if world == "paper" else f"{world}-{self.title}"


_PICTURES = tuple(f"image_{i}" for i in range(1, 8))

BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        Benchmark(
            name="dynamath",
            title="DynaMath",
            task="dynamath_reasoning",
            yaml="dynamath/reasoning/dynamath.yaml",
            split="test",
            metric="dynamath_average",
            scale=1,
            items=5010,
            columns={
                "question": "text",
                "decoded_image": "image",
                "ground_truth": "text",
                "id": "text",
                "question_id": "number",
            },
            key=("question_id",),
            cluster="id",
            gold="ground_truth",
        ),
        Benchmark(
            name="logicvista",
            title="LogicVista",
            task="logicvista_reasoning",
            yaml="logicvista/reasoning/logicvista_thinking.yaml",
            split="test",
            metric="acc_score",
            scale=1,
            items=448,
            columns={"id": "text", "question": "text", "image": "image", "answer": "text"},
            key=("id",),
            cluster=None,
            gold="answer",
        ),
        Benchmark(
            name="mathvision",
            title="MathVision",
            task="mathvision_testmini",
            yaml="mathvision/mathvision_testmini.yaml",
            split="testmini",
            metric="mathvision_standard_eval",
            scale=100,
            items=304,
            columns={
                "id": "text",
                "question": "text",
                "options": "texts",
                "decoded_image": "image",
                "answer": "text",
            },
            key=("id",),
            cluster=None,
            gold="answer",
        ),
        Benchmark(
            name="mmmu",
            title="MMMU",
            task="mmmu_val",
            yaml="mmmu/mmmu_val.yaml",
            split="validation",
            metric="mmmu_acc",
            scale=1,
            items=900,
            columns={
                "id": "text",
                "question": "text",
                "options": "text",
                "question_type": "text",
                "answer": "text",
                **dict.fromkeys(_PICTURES, "image"),
            },
            key=("id",),
            cluster=None,
            gold="answer",
            nullable=_PICTURES,
        ),
        Benchmark(
            name="wemath",
            title="WeMath",
            task="wemath_testmini_reasoning",
            yaml="wemath/reasoning/wemath_testmini_thinking.yaml",
            split="testmini",
            metric="acc_score",
            scale=1,
            items=1740,
            columns={
                "ID": "text",
                "key": "text",
                "split": "text",
                "question": "text",
                "option": "text",
                "image_path": "image",
                "answer": "text",
                "question number": "number",
                "knowledge concept": "text",
                "knowledge concept description": "text",
            },
            key=("ID", "key"),
            cluster="ID",
            gold="answer",
        ),
    )
}
