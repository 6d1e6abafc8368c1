"""Runs in EasyR1's environment, without Ray: what one worker is given, what it gives to vLLM, what it refuses.

``python one_worker.py request.json`` writes what it found to ``<out>/found.json``; test_worker.py says what it must be.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from peft.tuners.lora import LoraLayer
from verl.protocol import DataProto
from verl.utils.tokenizer import get_processor, get_tokenizer

from contracts.errors import UserError
from methods.engines.easyr1.config import easyr1_config
from methods.engines.easyr1.data import Reader, check_template, collate
from methods.engines.easyr1.experience import Interpreter
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.rollout import ASKED, CURE, PLAIN, TOLD
from methods.engines.easyr1.trainer import end_tokens
from methods.engines.easyr1.worker import CellWorker
from methods.engines.shared.problems import load_problems
from methods.engines.shared.rollout_gap import compared, rollout_gap

ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
SEED = 1000  # of the rollouts


def main(request):
    job = TrainingJob.model_validate(request["job"])
    os.environ.pop("CEPO_TEST_RESPONSES", None)  # every response is sampled
    config = easyr1_config(job, job.base, resuming=False)
    tokenizer = get_tokenizer(str(job.base))
    reader = Reader(tokenizer, get_processor(str(job.base), use_fast=True).image_processor, job.method, None, None)
    worker = CellWorker(config.worker, "actor_rollout_ref")
    worker.init_model()
    worker.prepare_rollout_engine()
    found = optimizer(worker) | sampling(worker, reader, job, end_tokens(config))
    found["asked"] = {name: asked_optimizer(job, name) for name in ("adamw", "adamw_bf16")}
    found |= gaps(worker, reader, job)
    override = config.worker.rollout.val_override_config
    found["validation_sampling"] = [override["temperature"], override["top_p"], override["top_k"]]
    found["refused"] = {
        "template": refusal(lambda: check_template(without_template(reader), load_problems(job.data)[0])),
        "no tensors": refusal(lambda: without_tensors(worker)),
        "not in vLLM": refusal(lambda: without_adapter(worker)),
    }
    (Path(request["out"]) / "found.json").write_text(json.dumps(found))


def optimizer(worker):
    """Kind and precision, weight decay, scale of the adapter, learning rate of ten steps."""
    group, rates = worker.optimizer.param_groups[0], []
    weights = group["params"][0]
    weights.grad = torch.zeros_like(weights)
    for _ in range(10):
        rates.append(worker.lr_scheduler.get_last_lr()[0])
        worker.optimizer.step()
        worker.lr_scheduler.step()
    layers = [m for m in worker.fsdp_module.modules() if isinstance(m, LoraLayer)]
    moment = worker.optimizer.state[weights]["exp_avg"]
    weights.grad = None
    return {
        "kind": [type(worker.optimizer).__name__, str(weights.dtype), str(moment.dtype)],
        "weight_decay": group["weight_decay"],
        "rates": rates,
        "scaling": sorted({m.scaling["default"] for m in layers}),
    }


def asked_optimizer(job, name):
    """What EasyR1 is asked for: its name of the optimizer, and the type that trained weights are stored in."""
    cell = job.cell.model_copy(update={"options": job.cell.options | {"optimizer": name}})
    other = TrainingJob.model_validate(job.model_dump() | {"cell": cell.model_dump()})
    actor = easyr1_config(other, job.base, resuming=False).worker.actor
    return [actor.optim.strategy, actor.fsdp.torch_dtype]


def sampling(worker, reader, job, ends):
    """Responses of a rollout, what vLLM was asked for, and how often a barred token comes where it is wanted."""
    batch = rolled_out(worker, reader, job)
    asked = worker.rollout.inference_engine.engine.last_params
    barred = sorted(int(token) for token in asked[0].logit_bias)
    responses, mask = batch.batch["responses"], batch.batch["response_mask"].bool()
    again, other = rolled_out(worker, reader, job), rolled_out(worker, reader, job, SEED + 1)
    batch.batch["token_level_scores"] = torch.zeros_like(responses, dtype=torch.float)
    batch.batch["old_log_probs"] = batch.batch["entropy"] = torch.zeros_like(responses, dtype=torch.float)
    experience = Interpreter(job.method, reader.tokenizer, ends, 1).read(batch, 0)
    worker.rollout.sampling_params.logit_bias = {barred[0]: 100.0}
    wanted = rolled_out(worker, reader, job)
    return {
        "image_token": reader.tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "special": sorted(reader.tokenizer.all_special_ids),
        "ends": ends,
        "barred": barred,
        "rollout_sampling": [asked[0].temperature, asked[0].top_p, asked[0].top_k],
        "seeds": [params.seed for params in asked],
        "barred_sampled": count(responses[mask], barred),
        "barred_sampled_if_wanted": count(wanted.batch["responses"][wanted.batch["response_mask"].bool()], barred),
        "same_seed_same_tokens": bool((again.batch["responses"] == responses).all()),
        "other_seed_same_tokens": bool((other.batch["responses"] == responses).all()),
        "longest": int(batch.batch["attention_mask"].sum(1).max()),
        "last_tokens": [int(row[m][-1]) for row, m in zip(responses, mask, strict=True)],
        "truncated": experience.responses.truncated.tolist(),
    }


def gaps(worker, reader, job):
    """How far vLLM's log-probs are from the policy's once the adapter moved, and what is said if vLLM lacks a part."""
    generator = torch.Generator().manual_seed(1)
    for parameter in worker.fsdp_module.parameters():
        if parameter.requires_grad:
            parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    worker.release_rollout_engine()
    worker.prepare_rollout_engine()
    batch, gap = compared_rollouts(worker, reader, job)
    answered = batch.batch["response_mask"].sum(1).long()
    (request,) = worker.rollout.inference_engine.engine.loras.values()
    first = next(name for name in request.lora_tensors if "lora_B" in name)
    for name, tensor in request.lora_tensors.items():
        if name.split(".layers.")[0] == first.split(".layers.")[0]:
            tensor.zero_()
    return {
        "gap": rollout_gap(gap).model_dump(),
        "sampled": (~gap.isnan()).sum(1).tolist(),
        "answered": answered.tolist(),
        "told_in_validation": TOLD in list(rolled_out(worker, reader, job).batch.keys()),
        "temperatures_differ": not torch.equal(batch.batch[PLAIN], batch.batch["old_log_probs"]),
        "weights_missing": refusal(lambda: compared_rollouts(worker, reader, job)),
    }


def compared_rollouts(worker, reader, job):
    batch = rolled_out(worker, reader, job, asked=ASKED)
    batch = batch.union(worker.compute_log_probs(batch))
    return batch, compared(batch.batch[PLAIN], batch.batch[TOLD], "float32", CURE)


def rolled_out(worker, reader, job, seed=SEED, asked=None):
    problems = load_problems(job.data)[: job.method.prompts]
    meta = {"min_pixels": None, "max_pixels": None, "video_fps": 2.0, "seed": seed} | (asked or {})
    batch = DataProto.from_single_dict(collate([reader.row(problem) for problem in problems]), meta_info=meta)
    keys = ["input_ids", "attention_mask", "position_ids"]
    batch.non_tensor_batch["uid"] = np.array([str(i) for i in range(len(problems))], dtype=object)
    prompts = batch.pop(keys, ["raw_prompt_ids", "multi_modal_data"], list(meta))
    return batch.repeat(job.method.group_size, interleave=True).union(worker.generate_sequences(prompts))


def count(tokens, barred):
    return int(torch.isin(tokens, torch.tensor(barred)).sum())


def without_template(reader):
    """Simulate a base model whose chat template leaves out the user's text."""
    reader.tokenizer.chat_template = "{% for m in messages %}<|im_start|>user\n<|im_end|>\n{% endfor %}"
    return reader


def without_tensors(worker):
    """Simulate a peft that gives EasyR1 no LoRA tensors."""
    worker.rollout_sharding_manager._collect_lora_weights = dict
    worker._adapter()


def without_adapter(worker):
    """Simulate a vLLM that ignores the adapter it is given."""
    worker.release_rollout_engine()
    engine = worker.rollout.inference_engine.llm_engine
    engine.add_lora, engine.list_loras = lambda request: False, set
    worker.prepare_rollout_engine()


def refusal(call):
    try:
        call()
    except UserError as error:
        return str(error)
    return None


if __name__ == "__main__":
    os.environ |= ALONE
    main(json.loads(Path(sys.argv[1]).read_text()))
    torch.distributed.destroy_process_group()
