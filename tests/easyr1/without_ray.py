"""Runs in EasyR1's environment, without Ray: the engine's workers and driver functions on stored rollouts.

``python without_ray.py request.json`` starts ``workers`` processes that each hold one worker; every process also plays
the driver, so there is no driver's process. Results go to ``<out>/<case>.safetensors``, from rank 0.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from verl.protocol import DataProto
from verl.utils.tokenizer import get_processor, get_tokenizer
from verl.workers.reward import AutoRewardManager

from methods.base import load_method
from methods.engines.easyr1.batch_rows import worker_order
from methods.engines.easyr1.config import easyr1_config
from methods.engines.easyr1.data import Reader, collate
from methods.engines.easyr1.experience import Interpreter, ask_teachers, in_problem_order, put_back
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.trainer import end_tokens, rows_multiple
from methods.engines.easyr1.worker import CellWorker
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import load_problems

PORT = 29511
CLIPS = ("clip_low", "clip_high", "dual_clip")


class Replay:
    """Replaces vLLM: returns the stored responses to this rank's prompts."""

    def __init__(self, tokens, mask, rank, workers):
        rows = [row[: int(m.sum())].tolist() for row, m in zip(tokens, mask, strict=True)]
        self.rows = rows[rank * len(rows) // workers : (rank + 1) * len(rows) // workers]
        self.llm_engine = SimpleNamespace(list_loras=lambda: [1])

    def generate(self, prompts, **_):
        size = len(self.rows) // len(prompts)
        groups = [self.rows[i * size : (i + 1) * size] for i in range(len(prompts))]
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=r) for r in rows]) for rows in groups]


class Group:
    """Replaces EasyR1's worker group: gives this rank its part of a batch and collects the results of all ranks."""

    def __init__(self, worker):
        self.worker, self.world_size = worker, dist.get_world_size()

    def __getattr__(self, name):
        def call(data):
            output = getattr(self.worker, name)(data.chunk(self.world_size)[dist.get_rank()])
            gathered = [None] * self.world_size
            dist.all_gather_object(gathered, output)
            return DataProto.concat(gathered)

        return call


def main(request):
    job = TrainingJob.model_validate(request["job"])
    config = easyr1_config(job, job.base, resuming=False)
    worker = CellWorker(config.worker, "actor_rollout_ref")
    worker.init_model()
    adapter = load_file(request["adapter"])
    stored = load_file(request["rollouts"])
    worker.rollout.inference_engine = Replay(stored["tokens"], stored["mask"], dist.get_rank(), dist.get_world_size())
    for case in request["cases"]:
        method = load_method(case["method"], case["options"])
        fill_adapter(worker, adapter)
        worker.use(method)
        for shadow in worker.teachers.shadows.values():
            for shard in shadow:
                shard.mul_(case["shadow_scale"])
        result = one_step(worker, config, job, method, case["rows"], case["seed"], case["lr"])
        if dist.get_rank() == 0:
            save_file(result, Path(request["out"]) / f"{case['name']}.safetensors")
    if request.get("checkpoint"):
        lost = lost_by_a_checkpoint(worker, Path(request["out"]) / "checkpoint")
        (Path(request["out"]) / "checkpoint.json").write_text(json.dumps(lost))


def lost_by_a_checkpoint(worker, folder):
    """Save, change the adapter, load: the largest difference to what was saved."""
    before = {name: shard.data.clone() for name, shard in trainable(worker.fsdp_module).items()}
    worker.save_checkpoint(str(folder))
    for shard in trainable(worker.fsdp_module).values():
        shard.data.add_(1.0)
    worker.load_checkpoint(str(folder))
    after = trainable(worker.fsdp_module)
    return max(float((after[name].data - value).abs().max()) for name, value in before.items())


def one_step(worker, config, job, method, rows, seed, lr):
    """What EasyR1's fit() does in a step, up to the gradients of each mini-batch."""
    group, path = Group(worker), config.worker.actor.model.model_path
    tokenizer, processor = get_tokenizer(path), get_processor(path, use_fast=True)
    batch = rolled_out(group, Reader(tokenizer, processor.image_processor, method, None, None), job, rows)
    config.worker.reward.reward_function_kwargs["kind"] = method.reward
    batch.batch["token_level_scores"], _ = AutoRewardManager(config.worker.reward, tokenizer).compute_reward(batch)
    batch.batch["row"] = torch.arange(len(batch))
    answered = batch.batch["response_mask"].sum(-1)
    parts = list(minibatches(method, batch.batch["row"] // method.group_size, answered, seed, 0))
    dealt = worker_order(parts, batch.batch["attention_mask"].sum(-1).tolist(), group.world_size)
    batch.reorder(torch.tensor(dealt))
    batch = batch.union(group.compute_log_probs(batch))

    ordered = in_problem_order(batch)
    read = Interpreter(method, tokenizer, end_tokens(config), seed)
    experience = read.read(ordered, 0)
    if method.matches_distributions or method.needs_teachers(0):
        ask = lambda request: group.compute_teacher_log_probs(request).batch["teacher_log_probs"]  # noqa: E731
        experience = ask_teachers(read, ordered, experience, 0, ask, rows_multiple(config, group.world_size))
    credit = None if method.matches_distributions else method.credit(experience.rollouts, 0)
    put_back(ordered, experience, credit)
    send = ordered[batch.batch["row"].tolist()]
    send.meta_info["global_token_num"] = [1]
    gradients = plain_steps(worker, method.grad_clip, lr)
    output = group.update_actor(send)
    rollouts = experience.rollouts
    result = {f"logp_{name}": value for name, value in rollouts.logp.items()} | {
        "entropy": experience.responses.entropy
    }
    result |= {"advantage": rollouts.advantage, "reward": rollouts.reward, "correct": rollouts.correct}
    for name in ("loss", "grad_norm", *(CLIPS if credit is not None else ())):
        metric = np.asarray(output.non_tensor_batch[f"update/{name}"], dtype=float)
        result[name] = torch.tensor(metric)[: len(parts)]
    if credit is not None:
        result["credit"] = credit
    result |= {f"gradient_{i}/{name}": value for i, one in enumerate(gradients) for name, value in one.items()}
    return {name: value.contiguous() for name, value in result.items()}


def rolled_out(group, reader, job, rows):
    """EasyR1's batch after its rollout, with the stored responses."""
    problems = load_problems(job.data)
    meta = {"min_pixels": None, "max_pixels": None, "video_fps": 2.0}
    batch = DataProto.from_single_dict(collate([reader.row(problems[i]) for i in rows]), meta_info=dict(meta))
    batch.non_tensor_batch["uid"] = np.array([str(i) for i in rows], dtype=object)
    keys = ["input_ids", "attention_mask", "position_ids"]
    prompts = batch.pop(keys, ["raw_prompt_ids", "multi_modal_data"], ["min_pixels", "max_pixels", "video_fps"])
    output = group.generate_sequences(prompts)
    return batch.repeat(reader.method.group_size, interleave=True).union(output)


def trainable(module):
    """Map PEFT's name of every LoRA tensor to this rank's shard and the tensor's shape. Each is an FSDP unit."""
    found = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            plain = name.replace("_fsdp_wrapped_module.", "").replace("_flat_param", "weight")
            found[plain] = parameter
    return found


def fill_adapter(worker, tensors):
    """Put this rank's part of complete tensors into its shards."""
    for name, shard in trainable(worker.fsdp_module).items():
        flat = tensors[name].flatten()
        size, rank = shard.data.numel(), dist.get_rank()
        part = torch.zeros(size * dist.get_world_size())
        part[: len(flat)] = flat
        shard.data.copy_(part[rank * size : (rank + 1) * size].view(shard.data.shape))


def plain_steps(worker, grad_clip, lr):
    """Make optimizer steps plain gradient descent, and collect the clipped gradients, complete and by PEFT's names."""
    collected = []

    def step():
        norm, whole = worker.fsdp_module.clip_grad_norm_(grad_clip), {}
        for name, shard in trainable(worker.fsdp_module).items():
            parts = [torch.zeros_like(shard.grad) for _ in range(dist.get_world_size())]
            dist.all_gather(parts, shard.grad)
            whole[name] = torch.cat([p.flatten() for p in parts])
            shard.data -= lr * shard.grad
        collected.append(whole)
        worker.optimizer.zero_grad()
        return norm

    worker.actor._optimizer_step = step
    return collected


def start(path, workers, script=__file__):
    """Start a process of ``script`` for each rank; returns the highest exit status."""
    shared = {"WORLD_SIZE": str(workers), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(PORT), "LOCAL_WORLD_SIZE": "1"}
    ranks = [os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": "0"} for rank in range(workers)]
    running = [subprocess.Popen([sys.executable, script, path], env=env) for env in ranks]
    return max(abs(process.wait()) for process in running)


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    if "RANK" not in os.environ:
        sys.exit(start(sys.argv[1], asked["workers"]))
    main(asked)
    dist.destroy_process_group()
