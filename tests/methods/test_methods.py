"""What the paper says about the five methods, as tests: containment, leakage, and what the released presets do."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, tensor
from torch.testing import assert_close

from contracts.records import Evidence
from methods.base import Method, Rollouts, TokenCredit, Weights, load_method
from methods.cepo import Cepo
from methods.grpo import Grpo
from methods.opsd import Opsd
from methods.rlsd import Rlsd
from methods.sdpo import Sdpo
from methods.shared.credit import evidence_moments
from methods.shared.references import Reference
from methods.shared.surrogate import clipped_surrogate, mean_over
from tests.helpers.method_batches import ALL_RIGHT, TOKENS, member, random_rollouts
from workflows.lib.config.method_options import read_methods

SEEDS = st.integers(0, 10_000)


def released(name: str) -> Method:
    return load_method(name, read_methods()[name].presets["released"])


def shown(method: Method, teacher: str, members, truth: str = "5") -> list[Reference | None]:
    return method.teachers()[teacher].choose(members, truth, np.random.default_rng(0), ["7"])


@given(SEEDS)
def test_lam_zero_is_grpo_bit_for_bit(seed):
    batch = random_rollouts(seed)
    grpo = Grpo().credit(batch, 0)
    for method in (Rlsd(lam=0.0), Cepo(lam=0.0)):
        assert torch.equal(method.credit(batch, 0), grpo)
    for method in (Rlsd(), Cepo()):
        assert torch.equal(method.credit(batch, 25), grpo)  # faded out


@given(SEEDS, st.integers(0, 24), st.sampled_from(["from_zero", "from_one"]))
def test_cepo_is_rlsd_bit_for_bit_where_the_wrong_teacher_is_the_student(seed, step, clock):
    batch = random_rollouts(seed)
    rlsd = Rlsd(eps_w=0.5, lam_clock=clock).credit(batch, step)
    as_student = replace(batch, logp=batch.logp | {"wrong": batch.logp["student"]})
    assert torch.equal(Cepo(lam_clock=clock).credit(as_student, step), rlsd)
    without = replace(batch, has=batch.has | {"wrong": torch.zeros_like(batch.has["wrong"])})
    assert torch.equal(Cepo(lam_clock=clock).credit(without, step), rlsd)


@given(SEEDS)
def test_credit_keeps_the_sign_of_the_advantage(seed):
    batch = random_rollouts(seed)
    for method in (Rlsd(), Cepo(), Cepo(evidence_order="shuffled"), Cepo(empty_neg="right")):
        sign = torch.sign(method.credit(batch, 0))
        assert torch.equal(sign, torch.sign(batch.advantage)[:, None] * batch.mask)


def test_without_a_wrong_answer_the_released_weight_is_one():
    batch = random_rollouts(0)
    batch = replace(batch, has={k: torch.ones_like(v) for k, v in batch.has.items()})
    batch.has["wrong"][:] = False
    assert torch.equal(Cepo(empty_neg="right").credit(batch, 0), Grpo().credit(batch, 0))
    assert not torch.equal(Cepo().credit(batch, 0), Grpo().credit(batch, 0))


def test_shuffled_evidence_keeps_the_credit_of_a_response_but_not_its_tokens():
    batch = random_rollouts(1, groups=1, size=8, length=12)
    plain, mixed = Cepo().credit(batch, 0), Cepo(evidence_order="shuffled").credit(batch, 0)
    assert_close(plain.sort(1).values, mixed.sort(1).values)
    assert not torch.equal(plain, mixed)


def test_evidence_fits_the_log():
    for method in (Rlsd(), Cepo()):
        batch = random_rollouts(2)
        Evidence(**evidence_moments(batch.advantage, method.evidence(batch), method.eps_w, batch.mask))


class TinyStudent:
    """A linear student on fixed features, with the gradient of its weights under a method's loss."""

    def __init__(self, batch: Rollouts) -> None:
        g = torch.Generator().manual_seed(99)
        self.batch = batch
        self.features = torch.randn(*batch.mask.shape, 5, generator=g)
        self.weights = torch.randn(5, TOKENS, generator=g)
        self.teacher = torch.randn(*batch.mask.shape, TOKENS, generator=g).log_softmax(-1)

    def sampled(self, log_probs: Tensor) -> Tensor:
        """Entries of the sampled tokens."""
        return log_probs.gather(-1, self.batch.tokens[..., None])[..., 0] * self.batch.mask

    def gradient(self, method: Method, teacher: Tensor) -> Tensor:
        """Gradient of the mini-batch mean by the weights; both teachers of CEPO differ by a constant factor."""
        weights = self.weights.clone().requires_grad_()
        logits = self.features @ weights
        if method.matches_distributions:
            per_token = method.loss(logits, teacher, self.batch)
        else:
            logp = self.sampled(logits.log_softmax(-1))
            right = self.sampled(teacher)
            batch = replace(self.batch, logp={"student": logp.detach(), "right": right, "wrong": 0.5 * right})
            credit = method.credit(batch, 0)
            per_token, _ = clipped_surrogate(logp, logp.detach(), credit, 0.2, 0.28, 3.0)
        mean_over(per_token, self.batch.mask, "token").backward()
        assert weights.grad is not None
        return weights.grad

    def other_teacher(self) -> Tensor:
        """The same probability for every sampled token, other ones for all the rest."""
        changed = self.teacher.clone()
        for row in range(changed.shape[0]):
            for t in range(changed.shape[1]):
                rest = [v for v in range(TOKENS) if v != self.batch.tokens[row, t]]
                changed[row, t, rest] = self.teacher[row, t, rest[1:] + rest[:1]]
        return changed


LEAKING = [Opsd(), Opsd(divergence="jsd"), Opsd(divergence="reverse_kl"), Sdpo(), Sdpo(top_k=3)]


@pytest.mark.parametrize("method", [Rlsd(), Cepo()], ids=["rlsd", "cepo"])
def test_unsampled_tokens_of_the_teacher_do_not_reach_the_gradient(method):
    student = TinyStudent(random_rollouts(3))
    before = student.gradient(method, student.teacher)
    assert torch.equal(before, student.gradient(method, student.other_teacher()))
    assert not torch.equal(before, student.gradient(method, 2 * student.teacher))  # sampled tokens do


@pytest.mark.parametrize("method", LEAKING, ids=str)
def test_distribution_matching_leaks_what_the_teacher_thinks_of_unsampled_tokens(method):
    student = TinyStudent(random_rollouts(3))
    before = student.gradient(method, student.teacher)
    assert (before - student.gradient(method, student.other_teacher())).abs().max() > 1e-3


def test_matching_needs_no_reward_but_credit_does():
    batch = random_rollouts(4)
    unrewarded = replace(batch, advantage=torch.zeros_like(batch.advantage))
    student = TinyStudent(unrewarded)
    assert (student.gradient(Cepo(), student.teacher) == 0).all()
    assert (student.gradient(Opsd(), student.teacher) != 0).any()


def test_sdpo_weighs_tokens_by_the_clipped_ratio_and_skips_rollouts_without_a_demo():
    batch = random_rollouts(5)
    student = TinyStudent(batch)
    logits = student.features @ student.weights
    old = student.sampled(logits.log_softmax(-1)) - tensor([0.0, 0.5, 5.0, -1.0, 0.0, 0.0])  # ratios 1, 1.65, 2, e**-1
    batch = replace(batch, logp={"student": old})
    plain = Sdpo().loss(logits, student.teacher, batch)
    ratio = tensor([1.0, exp(0.5), 2.0, exp(-1.0), 1.0, 1.0])
    assert_close(Sdpo(is_clip=2.0).loss(logits, student.teacher, batch), plain * ratio)
    assert (plain[~batch.has["right"]] == 0).all()
    assert not batch.has["right"].all()


def test_presets_of_the_official_sdpo_and_opsd():
    sdpo, opsd = released("sdpo"), released("opsd")
    assert sdpo.teachers()["right"].weights == Weights("ema", decay=0.95, tick="step")
    assert Sdpo().teachers()["right"].weights == Weights("ema", decay=0.999, tick="update")
    group = [member("4", False, tokens=(1,)), member("5", True, tokens=(2,))]
    assert shown(sdpo, "right", group) == [Reference(tokens=(2,)), None]
    assert shown(Sdpo(), "right", group) == [Reference(text="5")] * 2
    assert opsd.teachers()["right"].weights.source == "fixed"
    assert opsd.teachers()["right"].style == "user_turn"


def test_released_cepo_shows_none_to_blind_teachers():
    group = [member("4", False, 0.1), member(None, False, 0.0), member("5", True, 1.0)]
    cepo = released("cepo")
    assert shown(cepo, "wrong", group) == [Reference(text="None")] * 3
    assert shown(Cepo(), "wrong", group) == [Reference(text="4")] * 3
    assert shown(cepo, "wrong", ALL_RIGHT) == [None] * 4
    for teacher in cepo.teachers().values():
        assert (teacher.image, teacher.positions, teacher.style) == (False, "arange", "inline")
    for teacher in Cepo().teachers().values():
        assert (teacher.image, teacher.positions, teacher.style) == (True, "mrope", "inline")


def test_released_rlsd_shows_nothing_but_sees_the_image():
    (teacher,) = released("rlsd").teachers().values()
    assert shown(released("rlsd"), "right", ALL_RIGHT) == [Reference(text="")] * 4
    assert shown(Rlsd(), "right", ALL_RIGHT) == [Reference(text="5")] * 4
    assert (teacher.image, teacher.positions) == (True, "mrope")


def test_with_blind_teachers_cepo_does_not_contain_rlsd():
    # The released P+ does not see the image and P_S does: P- = P_S then compares a blind pass with a sighted one.
    assert not released("cepo").teachers()["right"].image
    assert released("rlsd").teachers()["right"].image


def test_table_5_feedback_sources():
    group = [member("4", False, tokens=tuple(range(9))), member("5", True, tokens=tuple(range(20, 27)))]
    wanted = {
        ("answer", "answer"): (Reference(text="5"), Reference(text="4")),
        ("answer", "full"): (Reference(text="5"), Reference(tokens=tuple(range(9)))),
        ("full", "full"): (Reference(tokens=tuple(range(20, 27))), Reference(tokens=tuple(range(9)))),
        ("prefix", "prefix"): (Reference(tokens=(20, 21, 22)), Reference(tokens=(0, 1, 2))),
        ("suffix", "suffix"): (Reference(tokens=(24, 25, 26)), Reference(tokens=(6, 7, 8))),
        ("answer", "other_problem"): (Reference(text="5"), Reference(text="7")),
    }
    for (right, wrong), (r, w) in wanted.items():
        method = Cepo(right=right, wrong=wrong, cot_k=3)
        assert shown(method, "right", group) == [r] * 2
        assert shown(method, "wrong", group) == [w] * 2


@pytest.mark.parametrize("source", ["actor", "fixed", "ema", "synced"])
def test_table_4_teacher_sources(source):
    for method in (Cepo(teacher_weights=source, teacher_sync=5), Rlsd(teacher_weights=source, teacher_sync=10)):
        for teacher in method.teachers().values():
            assert teacher.weights.source == source
            assert teacher.weights.every == method.teacher_sync


def test_defaults_are_the_papers():
    cepo, rlsd, grpo = Cepo(), Rlsd(), Grpo()
    assert (cepo.lr, rlsd.lr, grpo.lr) == (5e-6, 1e-6, 1e-6)
    assert (cepo.eps_w, cepo.lam, cepo.decay_steps, rlsd.eps_w) == (0.5, 0.5, 25, 0.2)
    assert (cepo.lora_rank, cepo.lora_alpha, cepo.steps, cepo.prompts, cepo.group_size) == (16, 32, 50, 32, 8)
    assert (cepo.clip_low, cepo.clip_high, cepo.reward, cepo.lr_schedule) == (0.2, 0.28, "binary", "cosine")
    assert isinstance(cepo, TokenCredit)
