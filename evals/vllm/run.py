"""Evaluates in vLLM's environment: ``python -m evals.vllm.run job.json failure.json``; evals/vllm/job.py starts it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contracts.errors import EvalError, UserError
from contracts.files import write_text
from contracts.progress import counting
from evals.answer_folder import AnswerFolder, identity
from evals.harness import go_offline, run_lmms_eval
from evals.inputs import check_environment, check_model, check_weights, holds_model, read_benchmark
from evals.run import ANSWERS, check_settings, collect, sampled_as, write_raw
from evals.samples import write_samples
from evals.vllm.job import Failure, VllmJob
from methods.shared.lifetimes import end_children_with_this, end_with_parent
from methods.shared.vllm import versions


def run(job: VllmJob) -> None:
    """Evaluate as ``evals.run.evaluate`` does, with vLLM as the sampler."""
    started = time.perf_counter()
    go_offline()
    check_environment()
    check_model(job.base, job.adapter)
    check_weights(job.base, job.adapter)
    rows = {name: read_benchmark(name, path, job.settings.limit) for name, path in job.benchmarks.items()}
    with counting(job.samples.parent / "progress.json") as progress, _weights(job) as (folder, adapter, kept):
        from evals.vllm.model import CepoVllm, check_answers, cut_by_length  # imports torch, lmms-eval and vLLM

        depends = [job.depends, sampled_as(job.settings, job.seed), job.weights]
        kept_answers = AnswerFolder(job.samples.parent / ANSWERS, identity(depends, [job.base, job.adapter]))
        model = CepoVllm(folder, adapter, job.settings, f"{job.settings.seed}/{job.seed}", kept_answers, progress)
        loaded = time.perf_counter()
        try:
            results = run_lmms_eval(model, job.benchmarks, job.settings)
        finally:
            model.close()
    table = collect(results, rows, model.answers, f"evaluate cell {job.cell_name} again")
    check_settings(model.answers, job.settings)
    check_answers(model.answers, model.barred)
    seconds = {"load": loaded - started, "generate": model.seconds}
    seconds["lmms_eval"] = time.perf_counter() - loaded - model.seconds
    report = {"cell": job.cell_name, "settings": job.settings.generation(), "seed": job.seed, "seconds": seconds}
    report["sampler"] = {"backend": "vllm", "versions": versions(), "vllm": job.settings.vllm.model_dump()}
    report["sampler"] |= sampler(model.answers) | cut_by_length(model.answers)
    if kept is not None:
        report["update_kept"] = kept
    write_raw(job.raw, results, report)
    write_samples(table, job.samples)
    kept_answers.remove()


def sampler(answers: dict[tuple[str, int], Any]) -> dict[str, Any]:
    """What vLLM's parameters held, by their values over all questions; seeds are as many as questions asked."""
    replies = [answer.reply for answer in answers.values() if answer.reply is not None]
    if not replies:
        raise EvalError("vllm", "no prompt left room for a response", "raise evaluation.vllm.max_model_len")
    limits = sorted({reply.held["max_new_tokens"] for reply in replies})
    one = replies[0].held | replies[0].others | {"max_new_tokens": limits[0] if len(limits) == 1 else limits}
    return {
        "held": one,  # check_settings and check_answers have seen that all are alike
        "seeds": len({reply.seed for reply in replies}),
        "barred_tokens": len(replies[0].barred),
    }


@contextmanager
def _weights(job: VllmJob) -> Iterator[tuple[str, str | None, float | None]]:
    """Model folder and adapter for vLLM, and the share of the update that merging kept (None: nothing was merged)."""
    if job.adapter is not None and job.weights == "adapter" and holds_model(job.adapter):
        yield str(job.adapter), None, None  # it brings the base's processor along
        return
    if job.adapter is None or job.weights == "adapter":
        yield str(job.base), None if job.adapter is None else str(job.adapter), None
        return
    from evals.local_model import load

    with TemporaryDirectory(prefix="merged-") as folder:
        model, processor, kept = load(str(job.base), str(job.adapter), job.settings.dtype, "cpu", job.weights)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        yield folder, None, kept


def main(asked: Path, failure: Path) -> int:
    """Run the job; a failure that a user can act on is left in ``failure`` for the process that waits."""
    try:
        run(VllmJob.model_validate_json(asked.read_text()))
    except UserError as error:
        fields = {name: getattr(error, name) for name in ("place", "cause", "remedy", "delete_and_rerun")}
        left = Failure(kind=type(error).__name__, **fields)
        write_text(failure, left.model_dump_json())
        return 1
    return 0


if __name__ == "__main__":
    end_with_parent()
    end_children_with_this()
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
