"""Run lmms-eval's five tasks in this process, with its own prompts and scoring and no setting that changes a score."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contracts.errors import EvalError
from evals.benchmarks import BENCHMARKS, Benchmark
from evals.careful import careful
from evals.inputs import row_id
from evals.scoring_process import Scored, Scorer, ScorerFailed, ScoringProcess
from evals.settings import EvalSettings
from evals.tasks import write_tasks
from methods.shared.same_value import import_parsers

# Tags whose content is removed before scoring. This is the default of lmms-eval's command line, but not of
# ``simple_evaluate``, which removes nothing.
REASONING_TAGS = '[["<think>", "</think>"], ["<analysis>", "</analysis>"]]'

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


class Scoring:
    """Scores the answers of one run in a process of its own, and keeps what the scorers read out of them."""

    def __init__(self) -> None:
        self.scored: dict[tuple[str, str], Scored] = {}  # by benchmark and row
        self._scorers: dict[str, Scorer] = {}
        import_parsers()
        self._process = ScoringProcess(self._scorers, careful)

    def take(self, benchmark: Benchmark, scorer: Scorer) -> Scorer:
        """What stands for ``scorer`` in lmms-eval's task; an answer that cannot be scored in time counts as empty."""
        self._scorers[benchmark.name] = scorer

        @wraps(scorer)
        def score(row: Mapping[str, Any], responses: list[str]) -> dict[str, Any]:
            name = row_id(benchmark, row)
            try:
                scored = self._process.score(benchmark.name, row, responses)
            except ScorerFailed as error:
                raise EvalError(f"{benchmark.name}: row {name}", f"lmms-eval cannot score it ({error})") from None
            self.scored[benchmark.name, name] = scored
            return scorer(row, [""] * len(responses)) if scored.result is None else scored.result

        return score

    def close(self) -> None:
        """End the process."""
        self._process.close()


def load_tasks(benchmarks: dict[str, Path], folder: Path, scoring: Scoring) -> tuple[list[Any], Any]:
    """lmms-eval's task objects over our parquet files, under their upstream names, and its task manager.

    Temporary files go to ``folder``. The manager is needed because ``simple_evaluate`` without one reads all of
    lmms-eval's thousands of task files, which takes 4 s.
    """
    from lmms_eval.tasks import TaskManager, get_task_dict

    names = write_tasks(folder / "tasks", benchmarks, folder / "datasets")
    manager = TaskManager(include_path=str(folder / "tasks"), include_defaults=False, model_name="cepo_local")
    tasks = get_task_dict(list(names), manager, "chat")
    for name in benchmarks:
        task = tasks[BENCHMARKS[name].task]
        task.set_config("process_results", scoring.take(BENCHMARKS[name], task.get_config("process_results")))
    return [tasks[name] for name in names], manager


def do_not_retry() -> None:
    """Let lmms-eval try once. It retries for a minute what a network may mend; everything here is on this disk."""
    from lmms_eval.api.task import ConfigurableTask
    from tenacity import stop_after_attempt

    for name in ("download", "process_results"):
        retrying: Any = getattr(getattr(ConfigurableTask, name), "retry", None)
        if retrying is not None:
            retrying.stop = stop_after_attempt(1)


def run_lmms_eval(model: Any, benchmarks: dict[str, Path], settings: EvalSettings) -> dict[str, Any]:  # noqa: ANN401
    """Return lmms-eval's results for ``model`` (an object of its class ``lmms``) on ``benchmarks`` (name -> parquet).

    Each of its ``samples`` is given a ``reading``, what the scorer read out of the response, and the verdict of the
    second reading, ``careful``.

    Scores equal those of its command line with ``--process_docs_parallel 1``: with more threads math_verify's time
    limit fails outside the main thread and a right answer counts as wrong. EvalError if a sample cannot be scored.
    """
    from lmms_eval.evaluator import simple_evaluate
    from tenacity import RetryError

    do_not_retry()

    with TemporaryDirectory(prefix="lmms-eval-") as scratch, closing(Scoring()) as scoring:
        try:
            tasks, manager = load_tasks(benchmarks, Path(scratch), scoring)
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
            if isinstance(cause, EvalError):
                raise cause from None
            raise EvalError("lmms-eval", f"gave up after retries: {type(cause).__name__}: {cause}") from error
        for name in benchmarks:
            for sample in results["samples"].get(BENCHMARKS[name].task, []):
                scored = scoring.scored[name, row_id(BENCHMARKS[name], sample["doc"])]
                sample |= {"reading": scored.reading, "careful": scored.second}
    return results
