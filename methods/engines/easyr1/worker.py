"""EasyR1's worker with our actor, teachers and sampling. Model, FSDP, vLLM and checkpoints are EasyR1's."""

# pyright: reportMissingImports=false
from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from peft import PeftModel
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.optim.lr_scheduler import LambdaLR
from verl.protocol import DataProto
from verl.single_controller.base import Worker
from verl.single_controller.base.decorator import Dispatch, register
from verl.utils.fsdp_utils import load_fsdp_model, offload_fsdp_model
from verl.workers.fsdp_workers import FSDPWorker

from contracts.errors import TrainError
from methods.base import Method
from methods.engines.easyr1.actor import Actor
from methods.engines.easyr1.adapter import delta_norm, expected_tensors, write_adapter
from methods.engines.easyr1.config import CellWorkerConfig
from methods.engines.easyr1.full_finetune import all_weights, distance, frozen_ends, in_host_memory, write_model
from methods.engines.easyr1.head import Head
from methods.engines.easyr1.rollout import PLAIN, SeededEngine, Telling, logit_bias
from methods.engines.easyr1.teachers import ShardTeachers
from methods.shared import seeding
from methods.shared.barred_tokens import barred_tokens
from methods.shared.schedule import lr_factor

SHADOWS = "teachers_world_size_{world}_rank_{rank}.safetensors"


class _FirstBase(Worker):
    """EasyR1 builds its Ray actor on a worker's first base and calls that without arguments (ray/base.py:459-479)."""


class CellWorker(_FirstBase, FSDPWorker):
    """Trains one cell on one GPU of several."""

    config: CellWorkerConfig

    def _build_model_optimizer(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Draw the same adapter on every rank, if there is one. The learning rate follows the method's schedule."""
        method, cell = self.config.method(), self.config.parsed()
        with torch.random.fork_rng(devices=[]), nullcontext() if self._is_lora else frozen_ends():
            torch.manual_seed(seeding.stream(cell.seed, "init"))
            super()._build_model_optimizer(*args, **kwargs)
        self.lr_scheduler = LambdaLR(
            self.optimizer, lambda step: lr_factor(step, method.steps, method.lr_schedule, method.warmup_steps)
        )

    def _build_rollout(self) -> None:
        super()._build_rollout()
        ends = self.generation_config.eos_token_id
        vocabulary = self.model_config.get_text_config().vocab_size
        barred = barred_tokens(self.tokenizer, vocabulary, ends if isinstance(ends, list) else [ends])
        rank = self.rollout_sharding_manager.device_mesh["dp"].get_local_rank()
        self.rollout.sampling_params.logit_bias = logit_bias(barred)
        engine = SeededEngine(self.rollout.inference_engine, rank)
        self.rollout.inference_engine = engine
        self.rollout.generate_sequences = Telling(self.rollout.generate_sequences, engine)

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def init_model(self) -> None:
        """EasyR1's model and vLLM, then our actor in place of EasyR1's; TrainError if vLLM would get no adapter."""
        super().init_model()
        with self._loaded():
            self.head_weight = take_head(self.fsdp_module)
            self.start = None if self._is_lora else in_host_memory(self.fsdp_module)
        self.use(self.config.method())
        if self._is_lora:
            self._adapter()

    def use(self, method: Method) -> None:
        """Score and update with ``method``, whose teachers start from the weights as they are now."""
        self.method = method
        self.teachers = ShardTeachers(self.fsdp_module, {t.weights for t in method.teachers().values()}, self.start)
        self.actor = Actor(
            method=method,
            head=Head(self.head_weight, method.score_dtype),
            after_update=lambda: self.teachers.moved("update"),
            config=self.config.actor,
            actor_module=self.fsdp_module,
            actor_optimizer=self.optimizer,
        )

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def prepare_rollout_engine(self) -> None:
        """Give vLLM the adapter, or all weights. Raises TrainError if vLLM did not get the adapter."""
        super().prepare_rollout_engine()
        if self._is_lora and not self.rollout.inference_engine.llm_engine.list_loras():
            raise TrainError("vLLM", "it holds no adapter after the weights were handed over", NO_LORA)

    @register(dispatch_mode=Dispatch.DP_COMPUTE_PROTO)
    def compute_log_probs(self, data: DataProto) -> DataProto:
        """``old_log_probs`` and ``entropy`` of the policy, and its log-probs at temperature 1; (B, T) nats."""
        scores = self._pass(data, self.actor.score)
        names = ("old_log_probs", "entropy", PLAIN)
        tensors = {name: scores[..., i].contiguous() for i, name in enumerate(names)}
        return DataProto.from_dict(tensors=tensors).to("cpu")

    @register(dispatch_mode=Dispatch.DP_COMPUTE_PROTO)
    def compute_teacher_log_probs(self, data: DataProto) -> DataProto:
        """``teacher_log_probs`` (B, T) in nats of rows that hold a teacher's contexts."""
        self._cache.clear()  # EasyR1 keeps the images of the last rows; these are other rows
        with self.teachers.using(data.meta_info["weights"]):
            logp = self._pass(data, self.actor.compute_log_prob)
        self._cache.clear()
        return DataProto.from_dict(tensors={"teacher_log_probs": logp}).to("cpu")

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def start_step(self, step: int) -> None:
        """Call it before the teacher passes of 0-based rollout ``step``."""
        self.teachers.start_step(step)

    @register(dispatch_mode=Dispatch.DP_COMPUTE_PROTO)
    def update_actor(self, data: DataProto) -> DataProto:
        """Make all optimizer updates of a rollout step. For distribution matching the teacher is asked first."""
        started = time.perf_counter()
        if self.method.matches_distributions:
            data.batch = data.batch.clone(recurse=False)  # no column can be added to the object that Ray delivers
            with self.teachers.using(data.meta_info["weights"]):
                data.batch["teacher_hidden"] = self._pass(data, self.actor.teacher_hidden)
        seconds = time.perf_counter() - started
        output = super().update_actor(data)
        output.non_tensor_batch["update/teacher_seconds"] = np.array([seconds])
        self.teachers.moved("step")
        return output

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def measure(self) -> dict[str, float]:
        """Return what only a worker knows: the norm of the update and its peak memory in MB."""
        peak = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"delta_w": self._update_norm(), "peak_memory_mb": peak or resident}

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def divergence(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Rows (b,) of this rank and the loss (b, T) in nats of their tokens when their update was made (matching)."""
        return self.actor.seen

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def save_adapter(self, folder: str, base: str) -> None:
        """Write the PEFT folder of an adapter for ``base``, or without an adapter the model's folder (rank 0)."""
        if self._is_lora:
            tensors = self._adapter()
        else:
            with self._loaded():
                tensors = all_weights(self.fsdp_module)
        if self.rank == 0 and self._is_lora:
            config = self.fsdp_module.peft_config["default"]
            config.base_model_name_or_path = base
            write_adapter(tensors, config, Path(folder))
        elif self.rank == 0:
            write_model(tensors, Path(base), Path(folder))
        dist.barrier()

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def save_checkpoint(self, path: str, save_model_only: bool = False) -> None:
        """Save EasyR1's checkpoint and this rank's teacher weights."""
        super().save_checkpoint(path, save_model_only)
        self.teachers.save(Path(path) / SHADOWS.format(world=self.world_size, rank=self.rank))

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def load_checkpoint(self, path: str) -> None:
        """Restore EasyR1's checkpoint and this rank's teacher weights."""
        super().load_checkpoint(path)
        self.teachers.load(Path(path) / SHADOWS.format(world=self.world_size, rank=self.rank))

    def _pass(self, data: DataProto, function: Any) -> torch.Tensor:  # noqa: ANN401
        """Run a pass without gradient over rows of this rank. The model is on the GPU only for the pass."""
        self._process_multi_modal_inputs(data)
        data = data.to(torch.cuda.current_device())
        data.meta_info["temperature"] = self.method.temperature
        with self._loaded():
            output = function(data)
            if self.world_size > 1:  # FSDP leaves the root unsharded after a pass that no backward follows
                self.fsdp_module._handle.reshard(True)
        return output

    @contextmanager
    def _loaded(self) -> Iterator[None]:
        """Within this block the weights are on the GPU, even if EasyR1 keeps them in host memory."""
        if self._use_param_offload:
            load_fsdp_model(self.fsdp_module)
        yield
        if self._use_param_offload:
            offload_fsdp_model(self.fsdp_module)

    def _update_norm(self) -> float:
        if self.start is not None:
            return distance(self.fsdp_module, self.start)
        return delta_norm(self._adapter(), self.method.lora_alpha / self.method.lora_rank)

    def _adapter(self) -> dict[str, torch.Tensor]:
        """All LoRA tensors, gathered as EasyR1 gathers them for vLLM; TrainError if any is missing."""
        tensors = self.rollout_sharding_manager._collect_lora_weights()
        wanted = expected_tensors(self.fsdp_module)
        if len(tensors) != wanted:
            cause = f"{len(tensors)} of {wanted} LoRA tensors reach vLLM: it would roll out another model"
            raise TrainError("adapter", cause, NO_LORA)
        return tensors


NO_LORA = "install the tested versions of peft and vllm (envs/easyr1.txt)"


def take_head(module: FullyShardedDataParallel) -> torch.Tensor:
    """Return a copy of the head's weight (V, hidden). From now on the model returns hidden states instead of logits."""
    with FullyShardedDataParallel.summon_full_params(module, recurse=False, writeback=False):
        core: Any = module._fsdp_wrapped_module
        model: Any = core.get_base_model() if isinstance(core, PeftModel) else core
        head = model.lm_head
        weight = head.weight.detach().clone()
    head.forward = torch.clone  # a copy: EasyR1 divides the result in place, FSDP's hooks are on the original
    return weight
