"""Problems in the form EasyR1's trainer takes them: the same problems, prompts and order as the local engine's."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from verl.utils.dataset import process_image

from contracts.errors import ConfigError
from methods.base import Method
from methods.engines.easyr1.job import TrainingJob
from methods.engines.shared.problems import Problem, load_problems, step_rows
from methods.engines.shared.prompt_limit import prompt_limit, short_enough
from methods.engines.shared.prompts import Vision, make_prompt
from methods.shared.contexts import IMAGE_PAD, student_prompt

Row = dict[str, Any]
NO_FEATURES = torch.zeros(0)  # workers compute the features of images; here only the size of their grids is needed


@dataclass(frozen=True)
class Reader:
    """Turns problems into prompts, with EasyR1's image sizes."""

    tokenizer: Any
    image_processor: Any
    method: Method
    min_pixels: int | None
    max_pixels: int | None

    def grids(self, problem: Problem) -> list[tuple[int, int]]:
        """(height, width) in merged vision tokens of each image, after EasyR1's resizing."""
        images = [process_image(image, self.min_pixels, self.max_pixels) for image in problem.open_images()]
        if not images:
            return []
        merge = self.image_processor.merge_size
        grids = self.image_processor(images=images, return_tensors="pt")["image_grid_thw"]
        return [(int(height) // merge, int(width) // merge) for _, height, width in grids]

    def prompt(self, problem: Problem) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids of the student's prompt, one for each vision token, and the grids of its images."""
        grids = self.grids(problem)
        counts = [height * width for height, width in grids]
        return student_prompt(self.tokenizer, problem.text, self.method.prompt_template, counts), grids

    def length(self, problem: Problem) -> int:
        """Tokens of the student's prompt."""
        return len(self.prompt(problem)[0])

    def row(self, problem: Problem) -> Row:
        """Make a row of a batch: (max_prompt,) ids and mask, (4, max_prompt) positions, and fields for vLLM and hooks.

        Position row 0 counts tokens (EasyR1 finds the borders of packed rows by its zeros), rows 1-3 are M-RoPE's.
        """
        ids, grids = self.prompt(problem)
        image = self.tokenizer.convert_tokens_to_ids(IMAGE_PAD)
        positions = make_prompt(ids, [Vision(NO_FEATURES, (), grid) for grid in grids], image).positions
        one_pad_an_image = student_prompt(self.tokenizer, problem.text, self.method.prompt_template, [1] * len(grids))
        tensors = left_padded(ids, positions, self.method.max_prompt, self.tokenizer.pad_token_id)
        return tensors | {
            "raw_prompt_ids": one_pad_an_image,
            "multi_modal_data": {"images": [{"bytes": data} for data in problem.images]},
            "ground_truth": problem.answer,
            "problem": problem.text,
            "grids": grids,
        }


class StepLoader:
    """The batches of all rollout steps, in the cell's seeded order; EasyR1 saves and restores where it is."""

    def __init__(self, reader: Reader, problems: Sequence[Problem], seed: int) -> None:
        self.reader, self.problems, self.seed, self.step = reader, problems, seed, 0

    def __len__(self) -> int:
        return self.reader.method.steps

    def problems_of(self, step: int) -> list[Problem]:
        """The problems of 0-based rollout ``step``."""
        rows = step_rows(self.seed, step, self.reader.method.prompts, len(self.problems))
        return [self.problems[i] for i in rows]

    def __iter__(self) -> Iterator[Row]:
        """Batches from the current step on."""
        while self.step < len(self):
            problems = self.problems_of(self.step)
            self.step += 1
            yield collate([self.reader.row(problem) for problem in problems])

    def state_dict(self) -> dict[str, int]:
        """Return the number of steps whose batches were given out."""
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the steps of ``state``."""
        self.step = state["step"]


class ValidationLoader:
    """All validation problems as one batch; none if there are none."""

    def __init__(self, reader: Reader, problems: Sequence[Problem]) -> None:
        self.reader, self.problems = reader, problems

    def __len__(self) -> int:
        return min(len(self.problems), 1)

    def __iter__(self) -> Iterator[Row]:
        if self.problems:
            yield collate([self.reader.row(problem) for problem in self.problems])


def make_loaders(job: TrainingJob, reader: Reader) -> tuple[StepLoader, ValidationLoader]:
    """Training and validation problems whose prompts have at most ``max_prompt`` tokens."""
    method = reader.method
    short = short_enough(load_problems(job.data), method, reader.length)
    check_template(reader, short[0])
    asked = load_problems(job.validation)[: job.settings.validation_problems]
    validation = [p for p in asked if reader.length(p) <= prompt_limit(method)]
    return StepLoader(reader, short, job.cell.seed), ValidationLoader(reader, validation)


def check_template(reader: Reader, problem: Problem) -> None:
    """Raise ConfigError if the prompt lacks the instruction of the method's template."""
    text = reader.tokenizer.decode(reader.prompt(problem)[0])
    if reader.method.prompt_template != "none" and "\\boxed{}" not in text:
        raise ConfigError(
            "option prompt_template", f"'{reader.method.prompt_template}' left no instruction in the prompt {text!r}",
            "give the base model a chat template that renders the user's turn",
        )  # fmt: skip


def left_padded(ids: Sequence[int], positions: Tensor, length: int, pad: int) -> dict[str, Tensor]:
    """``input_ids``, ``attention_mask`` (length,) and ``position_ids`` (4, length) of one prompt."""
    tokens = torch.full((length,), pad)
    mask = torch.zeros(length, dtype=torch.long)
    where = torch.zeros((4, length), dtype=torch.long)
    start = length - len(ids)
    tokens[start:], mask[start:] = torch.tensor(list(ids)), 1
    where[0, start:], where[1:, start:] = torch.arange(len(ids)), positions
    return {"input_ids": tokens, "attention_mask": mask, "position_ids": where}


def collate(rows: Sequence[Row]) -> Row:
    """Tensors stacked; everything else as object arrays, which is what EasyR1's batches hold."""
    batch: Row = {}
    for key, first in rows[0].items():
        values = [row[key] for row in rows]
        batch[key] = torch.stack(values) if isinstance(first, Tensor) else _objects(values)
    return batch


def _objects(values: Sequence[object]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
