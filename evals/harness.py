"""Run lmms-eval's five tasks in this process, with its own prompts and scoring and no setting that changes a score."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contracts.errors import EvalError
from evals.benchmarks import BENCHMARKS
from evals.settings import EvalSettings
from evals.tasks import write_tasks

# Tags whose content is removed before scoring. This is the default of lmms-eval's command line, but not of
# ``simple_evaluate``, which removes nothing.
REASONING_TAGS = '[["<think>", "</think>"], ["<analysis>", "</analysis>"]]'
SCORING_SECONDS = 5.0  # per comparison of two MathVision answers; upstream has no limit there

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "WANDB_MODE": "disabled",
    "TOKENIZERS_PARALLELISM": "false",
}


def go_offline() -> None:
    """Forbid every download. Call it before the first import of a Hugging Face library."""
    os.environ.update(_OFFLINE)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block every ``seconds``; if code in the block catches one, another follows."""

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"scoring took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bounded(score: Callable[..., dict], seconds: float) -> Callable[..., dict]:
    """Give ``score`` a time limit; an answer that cannot be compared in time counts as wrong.

    MathVision's scorer evaluates the answer as an expression, and for 9^{9^{9^{9}}} that would never end.
    """

    @wraps(score)
    def scored(row: dict, responses: list[str]) -> dict:
        try:
            with time_limit(seconds):
                return score(row, responses)
        except TimeoutError:
            return score(row, [""] * len(responses))

    return scored


def load_tasks(benchmarks: dict[str, Path], folder: Path) -> tuple[list[Any], Any]:
    """Load lmms-eval's tasks under their own names with our parquet files as data; also returns its task manager.

    Temporary files go to ``folder``. The manager is needed because ``simple_evaluate`` without one reads all of
    lmms-eval's thousands of task files, which takes 4 s.
    """
    from lmms_eval.tasks import TaskManager, get_task_dict

    names = write_tasks(folder / "tasks", benchmarks, folder / "datasets")
    manager = TaskManager(include_path=str(folder / "tasks"), include_defaults=False, model_name="cepo_local")
    tasks = get_task_dict(list(names), manager, "chat")
    if "mathvision" in benchmarks:
        task = tasks[BENCHMARKS["mathvision"].task]
        task.set_config("process_results", bounded(task.get_config("process_results"), SCORING_SECONDS))
    return [tasks[name] for name in names], manager


def run_lmms_eval(model: Any, benchmarks: dict[str, Path], settings: EvalSettings) -> dict[str, Any]:  # noqa: ANN401
    """Return lmms-eval's results for ``model`` (an object of its class ``lmms``) on ``benchmarks`` (name -> parquet).

    Scores equal those of its command line with ``--process_docs_parallel 1``: with more threads math_verify's time
    limit fails outside the main thread and a right answer counts as wrong. EvalError if a sample cannot be scored.
    """
    from lmms_eval.evaluator import simple_evaluate
    from tenacity import RetryError

    with TemporaryDirectory(prefix="lmms-eval-") as scratch:
        try:
            tasks, manager = load_tasks(benchmarks, Path(scratch))
            results: Any = simple_evaluate(
                model=model,
                tasks=tasks,
                task_manager=manager,
                batch_size=settings.batch_size,
                device=settings.device,
                limit=settings.limit,
                gen_kwargs=",".join(f"{name}={value}" for name, value in settings.generation().items()),
                bootstrap_iters=0,
                log_samples=True,
                process_docs_parallel=1,
                cli_args=Namespace(reasoning_tags=REASONING_TAGS, process_with_media=False),
            )
        except RetryError as error:
            cause = error.last_attempt.exception()
            raise EvalError("lmms-eval", f"gave up after retries: {type(cause).__name__}: {cause}") from error
    return results
