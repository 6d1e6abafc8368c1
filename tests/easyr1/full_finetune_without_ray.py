"""Runs in EasyR1's environment, without Ray: workers that train all weights, before and after one update.

``python full_finetune_without_ray.py request.json`` starts ``workers`` processes. Rank 0 writes log-probs by stage
and by whose weights computed them to ``<out>/found.safetensors``, and the model's folder before and after the update
to ``<out>/before`` and ``<out>/after``. test_full_finetune.py says what they must be.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from verl.utils.tokenizer import get_processor, get_tokenizer

from methods.base import Weights
from methods.engines.easyr1.config import easyr1_config
from methods.engines.easyr1.data import Reader
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.teachers import ShardTeachers
from methods.engines.easyr1.worker import CellWorker
from tests.easyr1.without_ray import Group, Replay, rolled_out, start

WHOSE = {
    "actor": Weights(),
    "fixed": Weights("fixed"),
    "ema": Weights("ema", decay=0.75, tick="update"),
    "synced": Weights("synced", every=1),
    "synced_later": Weights("synced", every=25),
}


def main(request):
    job, out = TrainingJob.model_validate(request["job"]), Path(request["out"])
    config = easyr1_config(job, job.base, resuming=False)
    worker = CellWorker(config.worker, "actor_rollout_ref")
    worker.init_model()
    worker.prepare_rollout_engine()  # the stand-in for vLLM refuses weights that are not the model's
    worker.release_rollout_engine()
    worker.teachers = ShardTeachers(worker.fsdp_module, set(WHOSE.values()), worker.start)
    stored, group = load_file(request["rollouts"]), Group(worker)
    worker.rollout.inference_engine = Replay(stored["tokens"], stored["mask"], dist.get_rank(), dist.get_world_size())
    tokenizer, processor = get_tokenizer(str(job.base)), get_processor(str(job.base), use_fast=True)
    reader = Reader(tokenizer, processor.image_processor, job.method, None, None)
    batch = rolled_out(group, reader, job, request["rows"])
    found = {"input_ids": batch.batch["input_ids"], "attention_mask": batch.batch["attention_mask"]}
    worker.start_step(0)
    found |= looks(group, batch, "before")
    worker.save_adapter(str(out / "before"), request["base"])
    found["delta_w_before"] = torch.tensor(worker.measure()["delta_w"])
    batch.batch["old_log_probs"] = found["before/student"]
    batch.batch["advantages"] = stored["advantage"][:, None] * batch.batch["response_mask"]
    batch.meta_info["global_token_num"] = [1]
    descend(worker, request["lr"])
    group.update_actor(batch)
    worker.start_step(1)
    found |= looks(group, batch, "after")
    worker.save_adapter(str(out / "after"), request["base"])
    found["delta_w_after"] = torch.tensor(worker.measure()["delta_w"])
    if dist.get_rank() == 0:
        save_file({name: value.contiguous() for name, value in found.items()}, out / "found.safetensors")


def looks(group, batch, stage):
    """Log-probs (B, T) of the same rows with the student's pass and with every teacher's weights."""
    found = {f"{stage}/student": group.compute_log_probs(batch).batch["old_log_probs"]}
    for name, weights in WHOSE.items():
        batch.meta_info["weights"] = weights
        found[f"{stage}/{name}"] = group.compute_teacher_log_probs(batch).batch["teacher_log_probs"]
    found[f"{stage}/student_again"] = group.compute_log_probs(batch).batch["old_log_probs"]
    return found


def descend(worker, lr):
    """The optimizer step is one of plain descent, so that the weights' difference is the gradient."""

    def step():
        norm = worker.fsdp_module.clip_grad_norm_(1e9)
        for parameter in worker.fsdp_module.parameters():
            if parameter.grad is not None:
                parameter.data -= lr * parameter.grad
        worker.optimizer.zero_grad()
        return norm

    worker.actor._optimizer_step = step


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    if "RANK" not in os.environ:
        sys.exit(start(sys.argv[1], asked["workers"], __file__))
    main(asked)
    dist.destroy_process_group()
