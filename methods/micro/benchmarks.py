"""The five benchmarks of the micro world as parquet files in the upstream schemas, held out from base training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from datasets import Features, Image, List, Value

from methods.micro.data import image_cell, write_table
from methods.micro.demonstration import chain
from methods.micro.families.training import Family
from methods.micro.items import FAMILIES, LETTERS, NO_OPTION, Bench, Item, held_out, options, questions
from methods.micro.place_rules import Numbers
from methods.micro.settings import MicroSettings

TEXT, NUMBER, PICTURE, TEXTS = Value("string"), Value("int64"), Image(), List(Value("string"))
PROBLEMS: dict[Bench, int] = {
    "dynamath": 10,
    "logicvista": 35,
    "wemath": 13,
    "mathvision": 26,
    "mmmu": 30,
}  # per family
SELECT = " Select from A, B, C, D, E and F."  # as LogicVista asks
SUBJECTS = {  # MMMU's name of the subject a family goes under
    "completes": "Design",
    "turned": "Mechanical_Engineering",
    "loads": "Architecture_and_Engineering",
    "tripled": "Physics",
    "halved": "Math",
    "doubled": "Computer_Science",
    "both": "Accounting",
}

FEATURES: dict[Bench, Features] = {
    "dynamath": Features(
        id=TEXT,
        question=TEXT,
        image=TEXT,
        decoded_image=PICTURE,
        ground_truth=TEXT,
        answer_type=TEXT,
        subject=TEXT,
        knowledge_level=TEXT,
        question_id=NUMBER,
    ),
    "logicvista": Features(
        id=TEXT,
        question=TEXT,
        answer=TEXT,
        reasoning=TEXT,
        image=PICTURE,
        skill=TEXTS,
        broad_capability=TEXTS,
        specific_capability=TEXTS,
        imagesource=TEXT,
        sourcelink=TEXT,
        liscenced=TEXT,  # upstream's spelling
    ),
    "wemath": Features(
        {
            "ID": TEXT,
            "split": TEXT,
            "knowledge concept": TEXT,
            "question": TEXT,
            "option": TEXT,
            "answer": TEXT,
            "image_path": PICTURE,
            "key": TEXT,
            "question number": NUMBER,
            "knowledge concept description": TEXT,
        }
    ),
    "mathvision": Features(
        id=TEXT,
        question=TEXT,
        options=TEXTS,
        image=TEXT,
        decoded_image=PICTURE,
        answer=TEXT,
        solution=TEXT,
        level=NUMBER,
        subject=TEXT,
    ),
    "mmmu": Features(
        {
            **dict.fromkeys(
                ("id", "question", "options", "explanation", "img_type", "answer", "topic_difficulty"), TEXT
            ),
            **dict.fromkeys(("question_type", "subfield"), TEXT),
            **{f"image_{i}": PICTURE for i in range(1, 8)},
        }
    ),
}


def row(item: Item, number: int, image: object) -> dict[str, Any]:
    """One row in the upstream schema; ``number`` counts WeMath's problems, elsewhere the rows."""
    return {
        "dynamath": _dynamath,
        "logicvista": _logicvista,
        "wemath": _wemath,
        "mathvision": _mathvision,
        "mmmu": _mmmu,
    }[item.bench](item, number, image)


def listed(bench: Bench) -> str:
    """Options as the prompt of a multiple-choice benchmark lists them; MMMU's list is lmms-eval's own."""
    found = options(bench)
    lettered = zip(LETTERS, found, strict=False)
    if bench == "logicvista":
        return " ".join(f"({letter}) {value}" for letter, value in lettered)
    separator = "\n" if bench == "mmmu" else "; "
    last = [] if bench == "mmmu" else [f"{LETTERS[len(found)]}. {NO_OPTION}"]
    return separator.join([*(f"{letter}. {value}" for letter, value in lettered), *last])


def _solution(item: Item) -> str:
    return "".join(piece.text for piece in chain(item.problem.plan, None))


def _dynamath(item: Item, number: int, image: object) -> dict[str, Any]:
    seed = list(FAMILIES["dynamath"]).index(item.problem.family) + 1
    return {
        "id": str(seed),
        "question": item.problem.question,
        "image": f"image/{item.problem.id}.png",
        "decoded_image": image,
        "ground_truth": item.answer,
        "answer_type": "float",
        "subject": "plane geometry",
        "knowledge_level": "elementary school",
        "question_id": number,
    }


def _logicvista(item: Item, number: int, image: object) -> dict[str, Any]:
    return {
        "id": f"micro_{number}",
        "question": f"{item.problem.question}{SELECT} {listed('logicvista')}",
        "answer": item.answer,
        "reasoning": _solution(item),
        "image": image,
        "skill": ["inductive"],
        "broad_capability": ["diagram"],
        "specific_capability": ["sequence pattern"],
        "imagesource": "micro world",
        "sourcelink": "",
        "liscenced": "true",
    }


def _wemath(item: Item, number: int, image: object) -> dict[str, Any]:
    return {
        "ID": f"{item.key.split('_')[0]}_{number}",
        "split": "testmini",
        "knowledge concept": item.problem.family,
        "question": item.problem.question,
        "option": listed("wemath"),
        "answer": item.answer,
        "image_path": image,
        "key": item.key,
        "question number": number,
        "knowledge concept description": item.problem.plan.wordings[0],
    }


def _mathvision(item: Item, number: int, image: object) -> dict[str, Any]:
    return {
        "id": str(number),
        "question": f"{item.problem.question}\n<image1>",
        "options": [],
        "image": f"images/{number}.png",
        "decoded_image": image,
        "answer": item.answer,
        "solution": _solution(item),
        "level": len(item.problem.plan.steps),
        "subject": "arithmetic",
    }


def _mmmu(item: Item, number: int, image: object) -> dict[str, Any]:
    return {
        "id": f"validation_{SUBJECTS[item.problem.family]}_{number}",
        "question": f"<image 1> {item.problem.question}",
        "options": str(options("mmmu")),
        "explanation": _solution(item),
        "img_type": "['Diagrams']",
        "answer": item.answer,
        "topic_difficulty": "Easy",
        "question_type": "multiple-choice",
        "subfield": "Drawing",
        "image_1": image,
        **{f"image_{i}": None for i in range(2, 8)},
    }


def draw_items(bench: Bench, seed: int) -> Iterator[tuple[int, Item]]:
    """Numbered items of a benchmark, all held out; DynaMath's variants of a seed problem follow each other."""
    rng = Random(f"benchmark-{bench}-{seed}")  # noqa: S311 - not for secrets
    number = 0
    for family in FAMILIES[bench].values():
        for drawing, numbers in enumerate(distinct(family, PROBLEMS[bench], rng)):
            number += 1
            for key, problem in questions(bench, family, numbers, drawing):
                yield number, Item(bench, problem, key)


def distinct(family: Family, count: int, rng: Random) -> list[Numbers]:
    """``count`` different held-out tuples of numbers."""
    found: dict[Numbers, None] = {}
    while len(found) < count:
        numbers = family.numbers(rng)
        if held_out(family.name, numbers):
            found[numbers] = None
    return list(found)


def write_benchmarks(settings: MicroSettings, folder: Path) -> None:
    """Writes ``{dynamath,logicvista,wemath,mathvision,mmmu}.parquet``; the same settings give the same bytes."""
    for bench, features in FEATURES.items():
        rows = [row(item, number, image_cell(item.problem)) for number, item in draw_items(bench, settings.seed)]
        write_table(rows, features.arrow_schema, folder / f"{bench}.parquet")
