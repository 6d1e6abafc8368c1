"""Every switch of the five methods against tests/methods/parity/formulas.py, on random batches in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from methods.base import Rollouts
from methods.cepo import Cepo
from methods.grpo import Grpo
from methods.opsd import Opsd
from methods.rlsd import Rlsd
from methods.sdpo import Sdpo
from methods.shared.advantage import group_advantage
from methods.shared.rewards import reward
from methods.shared.schedule import lr_factor
from methods.shared.surrogate import clipped_surrogate, mean_over
from tests.methods.parity import formulas

GROUPS, SIZE, WIDTH, VOCABULARY = 4, 4, 7, 13
ROWS = GROUPS * SIZE


class Batch:
    """One random batch, as plain numbers and as Rollouts."""

    def __init__(self, seed: int, kind: str = "binary", drop_all_wrong: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.lengths = [int(n) for n in rng.integers(1, WIDTH + 1, ROWS)]
        self.groups = [i // SIZE for i in range(ROWS)]
        self.right = [bool(x) for x in rng.random(ROWS) < 0.4]
        self.right[:SIZE] = [False] * SIZE  # one group all wrong
        boxed = [r or bool(b) for r, b in zip(self.right, rng.random(ROWS) < 0.7, strict=True)]
        self.rewards = [reward(r, b, kind) for r, b in zip(self.right, boxed, strict=True)]
        self.logp = {name: -2 * rng.random((ROWS, WIDTH)) for name in ("student", "right", "wrong")}
        self.new = self.logp["student"] + rng.normal(0, 0.5, (ROWS, WIDTH))
        self.has = {name: rng.random(ROWS) < 0.7 for name in ("right", "wrong")}
        self.tokens = rng.integers(0, VOCABULARY, (ROWS, WIDTH))
        self.logits = [rng.normal(0, 2, (ROWS, WIDTH, VOCABULARY)) for _ in range(2)]
        self.advantage = formulas.advantages(self.rewards, self.groups, drop_all_wrong, self.right)

    @property
    def mask(self) -> torch.Tensor:
        """1 on response tokens."""
        return (torch.arange(WIDTH) < torch.tensor(self.lengths)[:, None]).double()

    def rollouts(self, drop_all_wrong: bool = False) -> Rollouts:
        """The batch as a method sees it."""
        reward_ = torch.tensor(self.rewards, dtype=torch.float64)
        group, right = torch.tensor(self.groups), torch.tensor(self.right)
        advantage = group_advantage(reward_, group, correct=right if drop_all_wrong else None)
        logp = {k: torch.from_numpy(v) for k, v in self.logp.items()}
        has = {k: torch.from_numpy(v) for k, v in self.has.items()}
        tokens = torch.from_numpy(self.tokens)
        return Rollouts(group, reward_, right, advantage, tokens, self.mask, logp, has, seed=0)

    def evidence(self, empty_neg: str | None) -> np.ndarray:
        """log P+ - log P-, where a missing P+ is the student and a missing P- is as ``empty_neg`` says (None: RLSD)."""
        out = np.zeros((ROWS, WIDTH))
        for i in range(ROWS):
            plus = self.logp["right" if self.has["right"][i] else "student"][i]
            minus = self.logp["student"][i]
            if empty_neg is not None and self.has["wrong"][i]:
                minus = self.logp["wrong"][i]
            elif empty_neg == "right":
                minus = plus
            out[i] = plus - minus
        return out


def close(actual: torch.Tensor, expected: np.ndarray, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["binary", "accuracy_format"])
@pytest.mark.parametrize("drop", [False, True])
def test_grpo_advantage_and_credit(kind, drop):
    for seed in range(10):
        batch = Batch(seed, kind, drop)
        rollouts = batch.rollouts(drop)
        close(rollouts.advantage, np.array(batch.advantage))
        close(Grpo().credit(rollouts, 0), formulas.grpo(batch.advantage, batch.lengths, WIDTH))


@pytest.mark.parametrize("clock", ["from_zero", "from_one"])
@pytest.mark.parametrize("ticks", [10, 25, 50])
@pytest.mark.parametrize("eps", [0.2, 0.5])
def test_rlsd(clock, ticks, eps):
    batch, lam_at = Batch(1), formulas.lam_cepo if clock == "from_zero" else formulas.lam_rlsd
    for step in (0, 1, 9, 10, 24, 49):
        wanted = formulas.shaped(
            batch.advantage, batch.evidence(None), batch.lengths, lam_at(step + 1, 0.5, ticks), eps
        )
        close(Rlsd(lam_clock=clock, decay_steps=ticks, eps_w=eps).credit(batch.rollouts(), step), wanted)


@pytest.mark.parametrize("empty_neg", ["student", "right"])
@pytest.mark.parametrize("eps", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("kind", ["binary", "accuracy_format"])
def test_cepo(empty_neg, eps, kind):
    for seed in range(5):
        batch = Batch(seed, kind)
        evidence = batch.evidence(empty_neg)
        for step in (0, 12, 24, 25):
            wanted = formulas.shaped(
                batch.advantage, evidence, batch.lengths, formulas.lam_cepo(step + 1, 0.5, 25), eps
            )
            close(Cepo(empty_neg=empty_neg, eps_w=eps).credit(batch.rollouts(), step), wanted)


@pytest.mark.parametrize("ticks", [10, 25, 50])
@pytest.mark.parametrize("lam", [0.5, 1.0])
def test_cepo_on_the_other_clock_and_other_decays(ticks, lam):
    batch = Batch(8)
    evidence = batch.evidence("student")
    for clock, lam_at in (("from_zero", formulas.lam_cepo), ("from_one", formulas.lam_rlsd)):
        method = Cepo(lam=lam, decay_steps=ticks, lam_clock=clock)
        for step in (0, 1, 9, 24, 49):
            wanted = formulas.shaped(batch.advantage, evidence, batch.lengths, lam_at(step + 1, lam, ticks), 0.5)
            close(method.credit(batch.rollouts(), step), wanted)


def test_shuffled_evidence_is_the_same_numbers_on_other_tokens():
    batch, moved = Batch(9), 0
    plain = formulas.shaped(batch.advantage, batch.evidence("student"), batch.lengths, 0.5, 0.5)
    credit = Cepo(evidence_order="shuffled").credit(batch.rollouts(), 0).numpy()
    for i, n in enumerate(batch.lengths):
        np.testing.assert_allclose(sorted(credit[i, :n]), sorted(plain[i, :n]), rtol=1e-12)
        assert not credit[i, n:].any()
        moved += not np.allclose(credit[i], plain[i])
    assert moved > ROWS // 4


@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_rlsd_schedules(schedule):
    batch = Batch(10)
    for step in (0, 24, 49):
        lam = 0.5 if schedule == "constant" else formulas.lam_cepo(step + 1, 0.5, 25)
        wanted = formulas.shaped(batch.advantage, batch.evidence(None), batch.lengths, lam, 0.2)
        close(Rlsd(lam_schedule=schedule).credit(batch.rollouts(), step), wanted)


@pytest.mark.parametrize("lam", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_cepo_with_constant_lambda(lam):
    batch = Batch(2)
    wanted = formulas.shaped(batch.advantage, batch.evidence("student"), batch.lengths, lam, 0.5)
    for step in (0, 49):
        close(Cepo(lam=lam, lam_schedule="constant").credit(batch.rollouts(), step), wanted)


@pytest.mark.parametrize("dual", [0.0, 3.0])
@pytest.mark.parametrize(("low", "high"), [(0.2, 0.28), (0.2, 0.3), (0.1, 0.28)])
@pytest.mark.parametrize("how", ["token", "sequence"])
def test_surrogate_and_its_mean(dual, low, high, how):
    batch = Batch(3)
    batch.new[:, 0] += 3.0  # far enough for the dual clip
    credit = formulas.grpo(batch.advantage, batch.lengths, WIDTH)
    wanted = np.zeros((ROWS, WIDTH))
    for i in range(ROWS):
        for t in range(WIDTH):
            wanted[i, t] = formulas.surrogate(
                batch.new[i, t], batch.logp["student"][i, t], credit[i, t], low, high, dual
            )
    new, old = torch.from_numpy(batch.new), torch.from_numpy(batch.logp["student"])
    loss, _ = clipped_surrogate(new, old, torch.from_numpy(credit), low, high, dual)
    close(loss, wanted)
    assert abs(mean_over(loss, batch.mask, how).item() - formulas.mean(wanted, batch.lengths, how)) < 1e-12


def per_token(batch: Batch, one) -> np.ndarray:
    """``one`` of every response token's student and teacher logits; 0 on padding."""
    out = np.zeros((ROWS, WIDTH))
    for i, n in enumerate(batch.lengths):
        for t in range(n):
            out[i, t] = one(i, t, batch.logits[0][i, t], batch.logits[1][i, t])
    return out


@pytest.mark.parametrize("kind", ["forward_kl", "reverse_kl", "jsd"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("tau", [1.0, 1.1])
@pytest.mark.parametrize("beta", [0.5, 0.1])
def test_opsd(kind, clip, tau, beta):
    batch = Batch(4)
    student, teacher = (torch.from_numpy(x) for x in batch.logits)
    loss = Opsd(divergence=kind, token_clip=clip, tau=tau, beta=beta).loss(student, teacher, batch.rollouts())
    close(loss, per_token(batch, lambda i, t, s, q: formulas.divergence(
        kind, formulas.softmax(s, tau), formulas.softmax(q, tau), beta, clip)))  # fmt: skip


@pytest.mark.parametrize("kind", ["forward_kl", "reverse_kl", "jsd"])
@pytest.mark.parametrize("top_k", [0, 1, 5, VOCABULARY])
@pytest.mark.parametrize("is_clip", [0.0, 2.0])
@pytest.mark.parametrize(("temperature", "beta"), [(1.0, 0.5), (0.7, 0.5), (1.0, 0.1)])
def test_sdpo(kind, top_k, is_clip, temperature, beta):
    batch = Batch(5)

    def one(i: int, t: int, s: np.ndarray, q: np.ndarray) -> float:
        p_s, p_t = formulas.softmax(s), formulas.softmax(q)
        if 0 < top_k < VOCABULARY:
            p_s, p_t = formulas.top_k_and_tail(p_s, p_t, top_k)
        value = formulas.divergence(kind, p_s, p_t, beta) * bool(batch.has["right"][i])
        if is_clip:
            now = formulas.softmax(s, temperature)[batch.tokens[i, t]]
            value *= min(now / np.exp(batch.logp["student"][i, t]), is_clip)
        return value

    method = Sdpo(divergence=kind, top_k=top_k, is_clip=is_clip, temperature=temperature, beta=beta)
    student, teacher = (torch.from_numpy(x) for x in batch.logits)
    close(method.loss(student, teacher, batch.rollouts()), per_token(batch, one), tolerance=1e-10)


@pytest.mark.parametrize(
    "method", [Opsd(), Opsd(divergence="jsd", tau=1.1), Opsd(token_clip=0.05), Sdpo(), Sdpo(top_k=4)], ids=str
)
def test_gradients_by_finite_differences(method):
    batch = Batch(6)
    rollouts = replace(batch.rollouts(), has={"right": torch.ones(ROWS, dtype=torch.bool)})
    student, teacher = (torch.from_numpy(x) for x in batch.logits)
    student.requires_grad_()
    method.loss(student, teacher, rollouts).sum().backward()
    step, where = 1e-6, [(0, 0, 3), (2, 0, 7), (5, 0, 12)]
    assert student.grad is not None
    for index in where:
        ends = []
        for sign in (1, -1):
            moved = student.detach().clone()
            moved[index] += sign * step
            ends.append(method.loss(moved, teacher, rollouts).sum().item())
        assert abs((ends[0] - ends[1]) / (2 * step) - student.grad[index].item()) < 1e-6


@pytest.mark.parametrize("warm_up", [0, 5, 10])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_learning_rate(schedule, warm_up):
    for step in range(50):
        wanted = formulas.cosine_with_warm_up(step, 50, warm_up)
        if schedule == "constant" and step >= warm_up:
            wanted = 1.0
        assert abs(lr_factor(step, 50, schedule, warm_up) - wanted) < 1e-15


def test_float32_stays_close_to_float64():
    batch = Batch(7)
    exact = formulas.shaped(batch.advantage, batch.evidence("student"), batch.lengths, 0.5, 0.5)
    rollouts = batch.rollouts()
    single = replace(
        rollouts,
        advantage=rollouts.advantage.float(),
        mask=rollouts.mask.float(),
        logp={k: v.float() for k, v in rollouts.logp.items()},
    )
    close(Cepo().credit(single, 0).double(), exact, tolerance=1e-5)
