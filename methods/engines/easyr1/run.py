"""Train one cell in EasyR1's environment: ``python run.py job.json``. A failure is written as JSON for train.py."""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import ray

from contracts.errors import TrainError, UserError
from contracts.files import write_text
from contracts.versions import installed
from methods.engines.easyr1 import checkpoint
from methods.engines.easyr1.base_model import readable_base
from methods.engines.easyr1.checkout import COMMIT
from methods.engines.easyr1.checks import check_versions, installed_versions
from methods.engines.easyr1.job import TrainingJob
from methods.engines.shared.kept_rollouts import join
from methods.engines.shared.run_record import Started, run_record
from methods.shared.lifetimes import end_with_parent

PASSED_ON = ("PYTHONPATH", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "RAY_AUTH_MODE")
QUIET = {"TOKENIZERS_PARALLELISM": "false", "VLLM_LOGGING_LEVEL": "WARN", "NCCL_DEBUG": "WARN"}
EASYR1_ENV = {  # EasyR1's own, verl/trainer/main.py
    "TORCH_NCCL_AVOID_RECORD_STREAMS": "1",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:False",
    "CUDA_DEVICE_MAX_CONNECTIONS": "1",
    "VLLM_ALLREDUCE_USE_SYMM_MEM": "0",
}
OBJECT_STORE = (
    4 * 2**30
)  # bytes of shared memory for Ray; its own choice, 30 % of the host, is too much for eight cells
PACKAGES = ("vllm", "ray", "tensordict")  # versions noted in run.json besides the local engine's


def run(job: TrainingJob) -> None:
    """Train, then write ``adapter/``, ``train.jsonl``, ``rollouts.parquet`` and ``run.json``."""
    started = Started.now()
    check_versions(installed_versions())
    newest = checkpoint.newest(job.checkpoints)
    if newest is not None:
        checkpoint.read_note(newest, job.cell.digest)
    base = readable_base(job.base, job.state / "base", rounded=job.method.lora_rank > 0)
    start_ray(job)
    log = train(job, base, resuming=newest is not None)
    finish(job, log, started)


def start_ray(job: TrainingJob) -> None:
    """Join the Ray cluster of the config, or start one on this machine. TrainError if it has too few GPUs."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | QUIET | EASYR1_ENV
    address = job.easyr1.ray_address
    local = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "object_store_memory": OBJECT_STORE}
    own: dict[str, Any] = {} if address else local
    ray.init(address=address or "local", runtime_env={"env_vars": env}, **own)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if gpus < job.workers:
        raise TrainError(
            "easyr1.gpus_per_node", f"{job.workers} GPUs are asked for, Ray sees {gpus}",
            "lower nodes or gpus_per_node, or run where the GPUs are",
        )  # fmt: skip


def train(job: TrainingJob, base: Path, resuming: bool) -> Any:  # noqa: ANN401 - StepLog, which imports EasyR1
    """Run EasyR1's own Runner in this process, with our classes in place of its own."""
    from verl.trainer import main, ray_trainer

    from methods.engines.easyr1.config import easyr1_config
    from methods.engines.easyr1.data import Reader, make_loaders
    from methods.engines.easyr1.step_log import StepLog
    from methods.engines.easyr1.trainer import CellTrainer
    from methods.engines.easyr1.worker import CellWorker

    log, method = StepLog(job), job.method

    class JobTrainer(CellTrainer):  # EasyR1 makes the instance, so the job is given to the class
        pass

    def loaders(config: Any, tokenizer: Any, processor: Any) -> Any:  # noqa: ANN401
        reader = Reader(tokenizer, processor.image_processor, method, config.min_pixels, config.max_pixels)
        training, validation = make_loaders(job, reader)
        log.val_problems = len(validation.problems)
        return training, validation

    JobTrainer.job = job
    main.FSDPWorker, main.RayPPOTrainer, main.create_dataloader = CellWorker, JobTrainer, loaders
    ray_trainer.Tracker = lambda loggers, config: log
    main.Runner.__ray_metadata__.modified_class.run(None, easyr1_config(job, base, resuming))
    return log


def finish(job: TrainingJob, log: Any, started: Started) -> None:  # noqa: ANN401
    """Write the record of the run, and put step lines and kept rollouts in their places."""
    record = run_record(
        job.cell, log.records, started, {}, log.resumed_at, log.accuracy_start(), log.val_problems, log.adapter_step
    )
    more = {name: found for name in PACKAGES if (found := installed(name))} | {"EasyR1": COMMIT}
    record = record.model_copy(
        update={"versions": record.versions | more, "peak_memory_mb": log.peak_memory_mb, "threads": job.workers}
    )
    join(job.rollouts, job.out / "rollouts.parquet", job.method.steps)
    write_text(job.out / "run.json", record.model_dump_json(indent=1))
    write_text(job.out / "train.jsonl", job.lines.read_text(encoding="utf-8"))


def user_error(error: BaseException) -> UserError | None:
    """Return the error that a user can act on, also if a Ray worker raised it; None if there is none."""
    seen: BaseException | None = error
    while seen is not None:
        found = getattr(seen, "cause", None)
        if isinstance(found, UserError):
            return found
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__
    return None


def main(path: Path) -> int:
    """Exit status; an error a user can act on goes into ``failure.json`` beside the job."""
    end_with_parent()
    job = TrainingJob.model_validate_json(path.read_text())
    try:
        run(job)
    except Exception as error:
        known = user_error(error)
        if known is not None:
            failure = [type(known).__name__, known.place, known.cause, known.remedy, known.delete_and_rerun]
            write_text(path.with_name("failure.json"), json.dumps(failure))
        raise
    finally:
        ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
