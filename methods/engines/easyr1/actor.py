"""EasyR1's actor with our losses. Its unmodified forward pass, padded or packed, gives the hidden states."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float
from torch import Tensor
from verl.protocol import DataProto
from verl.utils.seqlen_balancing import prepare_dynamic_batch
from verl.workers.actor.dp_actor import DataParallelPPOActor

from methods.base import Method, Rollouts
from methods.engines.easyr1.batch_rows import STANDARD, teacher_rows
from methods.engines.easyr1.head import Head
from methods.engines.easyr1.losses import credit_loss, matching_loss
from methods.shared.surrogate import token_weights

MicroBatch = dict[str, Any]
Output = Callable[[Tensor, MicroBatch], Tensor]
HAS = "has_"  # has_<teacher>: column of a batch that says whether the teacher has a reference
USED = (  # columns that an update needs; those of distribution matching are there only then
    *(*STANDARD, "responses", "response_mask", "old_log_probs", "advantages"),
    *("teacher_hidden", "group", "reward", "correct", "advantage", "row"),
)


class Actor(DataParallelPPOActor):
    """Scores and updates with a method of this project.

    The model's own head must return hidden states unchanged (worker.py makes it so). ``head`` computes log-probs and
    losses from those of response tokens. ``after_update`` is called after every optimizer update.
    """

    def __init__(self, method: Method, head: Head, after_update: Callable[[], None], **easyr1: Any) -> None:  # noqa: ANN401
        super().__init__(**easyr1)
        self.method, self.head, self.after_update = method, head, after_update
        self.output: Output = self._logp
        self.seen: list[tuple[Tensor, Tensor]] = []  # matching: rows (b,) and their losses (b, T) in this rollout step
        self.log_probs_from_logits = lambda logits, labels: logits  # EasyR1 calls hidden states logits here

    def hidden(self, micro_batch: MicroBatch) -> Float[Tensor, "b T hidden"]:
        """Return the last hidden states, from which each response token is predicted."""
        return super()._forward_micro_batch(micro_batch, temperature=1.0)

    def _forward_micro_batch(self, micro_batch: MicroBatch, temperature: float) -> Tensor:
        """Return what EasyR1's ``compute_log_prob`` collects. The method's own temperature is used."""
        return self.output(self.hidden(micro_batch), micro_batch)

    @contextmanager
    def giving(self, output: Output) -> Iterator[None]:
        """Within this block ``compute_log_prob`` collects another function of the hidden states."""
        kept, self.output = self.output, output
        try:
            yield
        finally:
            self.output = kept

    def _logp(self, hidden: Float[Tensor, "b T hidden"], micro_batch: MicroBatch) -> Float[Tensor, "b T"]:
        valid = response_tokens(micro_batch)
        flat = self.head.logp(hidden[valid], micro_batch["responses"][valid], self.method.temperature)
        return flat.new_zeros(valid.shape).masked_scatter(valid, flat)

    def score(self, data: DataProto) -> Float[Tensor, "B T 3"]:
        """Log-probs of the sampled tokens, entropy, log-probs at temperature 1; nats, no gradient, padding is 0."""

        def all_three(hidden: Tensor, micro_batch: MicroBatch) -> Tensor:
            valid = response_tokens(micro_batch)
            flat = self.head.scores(hidden[valid], micro_batch["responses"][valid], self.method.temperature)
            return flat.new_zeros((*valid.shape, 3)).masked_scatter(valid[..., None], flat)

        with self.giving(all_three):
            return self.compute_log_prob(data)

    def teacher_hidden(self, data: DataProto) -> Float[Tensor, "B T hidden"]:
        """Hidden states at the response tokens, of the contexts that ``data`` holds for the teacher; no gradient."""
        with self.giving(lambda hidden, _: hidden):
            return self.compute_log_prob(teacher_rows(data))

    def update_policy(self, data: DataProto) -> dict[str, list[float]]:
        """Make one optimizer update for each mini-batch. Metrics are those of the mini-batch over all ranks."""
        self.actor_module.train()
        self.seen.clear()
        has = [key for key in list(data.batch.keys()) if key.startswith(HAS)]
        kept = data.select([*USED, *has], ["multi_modal_inputs"])
        metrics: dict[str, list[float]] = defaultdict(list)
        for part in kept.split(self.config.global_batch_size_per_device):
            sums = self._accumulate(part)
            norm = self._optimizer_step()
            self.after_update()
            for name, value in {**sums, "grad_norm": float(norm)}.items():
                metrics[f"update/{name}"].append(value)
        return metrics

    def _accumulate(self, mini_batch: DataProto) -> dict[str, float]:
        """Compute the gradients of one mini-batch. Returns its loss and the share of tokens that each clip changed."""
        mask = mini_batch.batch["response_mask"].float()
        total = self._total(mask.sum() if self.method.loss_avg == "token" else torch.tensor(float(len(mask))))
        local = float(mask.sum()) if self.method.loss_avg == "token" else len(mask)
        # token_weights averages over this rank's part of the mini-batch. The mean must be over all of it.
        mini_batch.batch["weight"] = token_weights(mask, self.method.loss_avg) * (local / total)
        sums: dict[str, float] = defaultdict(float)
        for micro_batch in self._micro_batches(mini_batch):
            per_token, marks = self._losses(micro_batch, mini_batch.meta_info)
            loss = (per_token * micro_batch["weight"]).sum()
            (loss * self.world_size).backward()  # FSDP takes the mean of the ranks' gradients
            sums["loss"] += float(loss.detach())
            for name, mark in marks.items():
                sums[name] += float((mark * micro_batch["response_mask"]).sum())
        tokens = self._total(mask.sum())
        return {name: self._total(torch.tensor(s)) / (1 if name == "loss" else tokens) for name, s in sums.items()}

    def _losses(self, micro_batch: MicroBatch, meta: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        hidden = self.hidden(micro_batch)
        if not self.method.matches_distributions:
            logp = self._logp(hidden, micro_batch)
            return credit_loss(self.method, logp, micro_batch["old_log_probs"], micro_batch["advantages"])
        batch = rollouts_of(micro_batch, int(meta["hook_seed"]))
        loss = matching_loss(self.method, self.head, hidden, micro_batch["teacher_hidden"], batch)
        self.seen.append((micro_batch["row"].cpu(), loss.detach().cpu()))
        return loss, {}

    def _micro_batches(self, mini_batch: DataProto) -> Iterator[MicroBatch]:
        size = self.config.micro_batch_size_per_device_for_update
        if self.config.dynamic_batching:
            longest = mini_batch.batch["input_ids"].size(-1)
            parts, _ = prepare_dynamic_batch(mini_batch, max_token_len=size * longest)
        else:
            parts = mini_batch.split(size)
        for part in parts:
            yield {**part.batch, **part.non_tensor_batch}

    @staticmethod
    def _total(value: Tensor) -> float:
        """Sum over ranks."""
        value = value.detach().double().to(torch.cuda.current_device())
        dist.all_reduce(value)
        return float(value)


def response_tokens(micro_batch: MicroBatch) -> Bool[Tensor, "b T"]:
    """True on response tokens, False on padding."""
    return micro_batch["attention_mask"][:, -micro_batch["responses"].size(-1) :].bool()


def rollouts_of(micro_batch: MicroBatch, seed: int) -> Rollouts:
    """Return the rows of a micro-batch in the form that a method's ``loss`` is given."""
    has = {key.removeprefix(HAS): value for key, value in micro_batch.items() if key.startswith(HAS)}
    return Rollouts(
        group=micro_batch["group"],
        reward=micro_batch["reward"],
        correct=micro_batch["correct"],
        advantage=micro_batch["advantage"],
        tokens=micro_batch["responses"],
        mask=micro_batch["response_mask"].float(),
        logp={"student": micro_batch["old_log_probs"]},
        has=has,
        seed=seed,
    )
