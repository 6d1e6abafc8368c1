"""Measure gradients at one state: all batches, on several processes, from where a stopped measurement ended.

Each batch goes to a file of its own in ``state/`` once it is measured. Batches do not depend on each other, so that any
number of processes gives the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from contracts.errors import TrainError
from contracts.files import remove_folder
from contracts.gradients import TARGET, GradientPlan, GradientReport, write_gradients
from contracts.progress import counting
from methods.engines.local.gradients.meter import GradientBatch, GradientMeter, GradientSettings, gram_matrix
from methods.engines.local.gradients.task import PolicyTask, meter_of
from methods.engines.shared.batch_files import batch_file, read_batch, write_batch
from methods.shared.lifetimes import end_with_parent
from methods.shared.rewards import Grader


class GradientTask(PolicyTask):
    """A plan of gradients with its files."""

    @property
    def plan(self) -> GradientPlan:
        """What is measured."""
        return GradientPlan.model_validate_json(self.planned)


def measure_gradients(task: GradientTask, out: Path, processes: int = 1) -> None:
    """Leave ``gradients.json`` and ``gradients.safetensors`` in ``out``.

    Raises ConfigError (a method needs labels that the world does not have) and DataError (missing or broken inputs).
    """
    state, total = out / "state", task.plan.batches
    state.mkdir(parents=True, exist_ok=True)
    missing = [batch for batch in range(total) if _read(state, batch, task) is None]
    with counting(out / "progress.json") as note:
        note(total - len(missing), total)
        for count, _ in enumerate(_each(task, state, missing, processes), total - len(missing) + 1):
            note(count, total)
    batches = [found for batch in range(total) if (found := _read(state, batch, task)) is not None]
    write_gradients(out, report_of(task, batches), gram_of(batches))
    remove_folder(state)


def report_of(task: GradientTask, batches: Sequence[GradientBatch]) -> GradientReport:
    """What was measured, and on what."""
    plan, facts = task.plan, [one.facts for one in batches]
    means = {name: float(np.mean([one[name] for one in facts])) for name in facts[0]}
    planned: dict[str, Any] = plan.model_dump(include=set(GradientReport.model_fields))
    return GradientReport(
        **planned,
        methods=[*(arm.name for arm in plan.arms), TARGET],
        digest=task.digest,
        differentiated="folded" if batches[0].folded else "adapter",
        numbers=batches[0].numbers,
        labelled=means["labelled"] if task.label else None,
        seconds=sum(one["seconds"] for one in facts),
        accuracy=means["accuracy"],
        mixed=means["mixed"],
        tokens=means["tokens"],
    )


def gram_of(batches: Sequence[GradientBatch]) -> Float[np.ndarray, "K M K M"]:
    """Products of the gradients of all batches."""
    return gram_matrix(
        torch.stack([one.sketch for one in batches]), torch.stack([one.products for one in batches])
    ).numpy()


def _each(task: GradientTask, state: Path, batches: Sequence[int], processes: int) -> Iterator[None]:
    """Measures each batch; yields whenever one is done."""
    if processes == 1 or len(batches) < 2:
        try:
            yield from (_measure(task, state, batch) for batch in batches)
        finally:
            _meter(task).sampling.grader.close()
            _meter.cache_clear()
        return
    # A new interpreter would run the script of the job again; nothing has started threads or CUDA yet.
    pool = ProcessPoolExecutor(min(processes, len(batches)), get_context("fork"), end_with_parent)
    try:
        yield from (done.result() for done in as_completed([pool.submit(_measure, task, state, b) for b in batches]))
    except BrokenProcessPool:
        cause = "one of its processes was killed, perhaps for want of memory"
        way_out = "the same command goes on from the batches that are done; make ... JOBS=1 takes less memory"
        raise TrainError(f"{state.parent}", cause, way_out) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(task: GradientTask, state: Path, batch: int) -> None:
    found = _meter(task).measure(batch)
    about = {"facts": found.facts, "numbers": found.numbers, "folded": found.folded}
    tensors = {"sketch": found.sketch, "products": found.products}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            cause = f"{name} of the gradients holds NaN or an infinity"
            raise TrainError(f"{state.parent}, batch {batch}", cause, "look into the model; nothing was written")
    write_batch(batch_file(state, batch), tensors, task.digest, json.dumps(about))


def _read(state: Path, batch: int, task: GradientTask) -> GradientBatch | None:
    """A batch that this measurement left; None if there is none, or only one of another measurement."""
    found = read_batch(batch_file(state, batch), task.digest)
    return None if found is None else GradientBatch(**found[0], **json.loads(found[1]))


@cache
def _meter(task: GradientTask) -> GradientMeter:
    """The meter of this process; its verifier's worker is ended with the process, or closed.

    It computes with one thread: a workflow that reserves a core for each of several processes tells each of them to use
    as many threads as there are cores, and they would wait for one another. So numbers do not depend on the processes.
    """
    torch.set_num_threads(1)
    plan = task.plan
    chosen = ("batches", "prompts", "group_size", "dimension", "micro_batch", "sampled_at_once")
    settings = GradientSettings(**plan.model_dump(include=set(chosen)))
    return meter_of(task, plan, settings, Grader(plan.grade_deadline))
