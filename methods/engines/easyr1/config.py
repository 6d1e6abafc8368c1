"""Make EasyR1's config from a job. Only this module knows how our options are called there."""

# pyright: reportMissingImports=false
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from verl.trainer.config import AlgorithmConfig, DataConfig, PPOConfig, TrainerConfig
from verl.workers.actor.config import ActorConfig, FSDPConfig, LoraConfig, ModelConfig, OffloadConfig, OptimConfig
from verl.workers.config import RewardConfig, RolloutConfig, WorkerConfig

from contracts.records import Cell
from methods.base import Method, load_method
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.rollout import rollout_sampling, validation_sampling
from methods.engines.shared.lora import LANGUAGE_LAYERS
from methods.shared import seeding

SEED_LIMIT = 2**31 - 2**16  # vLLM's seeds are 32 bits; it adds the number of a sample
# Any of EasyR1's estimators could stand here, because our advantages replace its result. This one allows groups of one.
ESTIMATOR = "reinforce_plus_plus"


@dataclass
class CellWorkerConfig(WorkerConfig):
    """EasyR1's section for workers, with the cell in it, because workers are given only this section."""

    cell: str = ""  # JSON of contracts.records.Cell

    def method(self) -> Method:
        """The method with the cell's options."""
        cell = self.parsed()
        return load_method(cell.method, dict(cell.options))

    def parsed(self) -> Cell:
        """The cell itself."""
        return Cell.model_validate_json(self.cell)


@dataclass
class CellConfig(PPOConfig):
    """EasyR1's config with our worker section."""

    worker: CellWorkerConfig = field(default_factory=CellWorkerConfig)


def easyr1_config(job: TrainingJob, base: Path, resuming: bool) -> CellConfig:
    """The config of one cell; ``base`` is a folder that transformers 4 reads."""
    method = job.method
    seed = seeding.stream(job.cell.seed, "validation") % SEED_LIMIT
    config = CellConfig(
        data=_data(job, method),
        worker=CellWorkerConfig(
            actor=_actor(job, method, base), reward=_reward(job, method), rollout=_rollout(job, method, seed),
            cell=job.cell.model_dump_json(),
        ),
        algorithm=AlgorithmConfig(adv_estimator=ESTIMATOR, disable_kl=True),
        trainer=_trainer(job, method, resuming),
    )  # fmt: skip
    config.deep_post_init()
    return config


def share_of_worker(job: TrainingJob) -> int:
    """Rollouts of one mini-batch that one worker gets."""
    return job.method.minibatch_prompts * job.method.group_size // job.workers


def micro_batch(job: TrainingJob) -> int:
    """Rollouts in one pass: the largest number up to ``engine_settings.micro_batch`` that divides a worker's share."""
    share = share_of_worker(job)
    return max(n for n in range(1, share + 1) if share % n == 0 and n <= max(job.settings.micro_batch, 1))


def _data(job: TrainingJob, method: Method) -> DataConfig:
    return DataConfig(
        train_files=str(job.data),
        val_files=str(job.validation),
        max_prompt_length=method.max_prompt,
        max_response_length=method.max_response,
        rollout_batch_size=method.prompts,
        min_pixels=job.easyr1.min_pixels,
        max_pixels=job.easyr1.max_pixels,
        seed=job.cell.seed,
    )


def _actor(job: TrainingJob, method: Method, base: Path) -> ActorConfig:
    easyr1, size = job.easyr1, micro_batch(job)
    precision = {"float32": "fp32", "bfloat16": "bf16"}[job.settings.dtype]
    stored = "bf16" if method.optimizer == "adamw_bf16" else "fp32"  # trained weights; cepo.sh:46-47
    return ActorConfig(
        global_batch_size=method.minibatch_prompts,
        micro_batch_size_per_device_for_update=size,
        micro_batch_size_per_device_for_experience=size,
        max_grad_norm=method.grad_clip,
        padding_free=easyr1.packed,
        dynamic_batching=easyr1.packed,
        use_torch_compile=False,
        model=ModelConfig(
            model_path=str(base),
            trust_remote_code=False,
            enable_gradient_checkpointing=easyr1.gradient_checkpointing,
            freeze_vision_tower=not method.lora_rank,  # as LoRA leaves it; full_finetune.py freezes embeddings and head
            lora=LoraConfig(
                rank=method.lora_rank,
                alpha=method.lora_alpha,
                target_modules=",".join(LANGUAGE_LAYERS),
                exclude_modules=r".*visual.*",
            ),
        ),
        optim=OptimConfig(lr=method.lr, weight_decay=method.weight_decay, strategy=method.optimizer),
        # Every rank loads the model itself and draws the same adapter from the cell's seed (worker.py).
        fsdp=FSDPConfig(torch_dtype=stored, mp_param_dtype=precision, enable_rank0_init=False),
        offload=OffloadConfig(offload_params=easyr1.offload, offload_optimizer=easyr1.offload),
    )


def _reward(job: TrainingJob, method: Method) -> RewardConfig:
    return RewardConfig(
        reward_function=f"{Path(__file__).with_name('reward.py')}:compute_score",
        reward_function_kwargs={
            "kind": method.reward,
            "deadline": job.settings.grade_deadline,
            "grader": method.grader,
        },
    )


def _rollout(job: TrainingJob, method: Method, validation_seed: int) -> RolloutConfig:
    easyr1 = job.easyr1
    return RolloutConfig(
        n=method.group_size,
        **rollout_sampling(method),
        dtype={"float32": "fp32", "bfloat16": "bf16"}[job.settings.dtype],
        gpu_memory_utilization=easyr1.gpu_memory_utilization,
        enforce_eager=easyr1.enforce_eager,
        tensor_parallel_size=easyr1.tensor_parallel,
        max_model_len=method.max_model_len or None,
        max_num_batched_tokens=easyr1.max_batched_tokens,
        disable_tqdm=True,
        val_override_config=validation_sampling(method) | {"n": 1, "seed": validation_seed},
    )


def _trainer(job: TrainingJob, method: Method, resuming: bool) -> TrainerConfig:
    validating = job.settings.validation_problems > 0
    return TrainerConfig(
        max_steps=method.steps,
        project_name="cepo-bench",
        experiment_name=job.cell.name,
        logger=(),
        nnodes=job.easyr1.nodes,
        n_gpus_per_node=job.easyr1.gpus_per_node,
        val_before_train=validating and not resuming,
        val_freq=job.settings.validate_every if validating else -1,
        save_freq=job.settings.checkpoint_every,
        save_limit=3,  # EasyR1 deletes old ones before it writes, and may keep the best besides; the newest must stay
        save_checkpoint_path=str(job.checkpoints),
    )
