"""Every choice of references and of teachers' weights against tests/methods/parity/rules.py, on random groups."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from methods.base import Method, Weights
from methods.cepo import Cepo
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.sdpo import Sdpo
from methods.shared.references import Member, Reference
from tests.methods.parity import rules

WHOLE = ("full", "prefix", "suffix")


def groups() -> list[list[rules.Rollout]]:
    """Groups of one to eight rollouts: right, wrong with a box, with an empty one, without any; both rewards."""
    rng, made = np.random.default_rng(0), []
    for _ in range(60):
        group, scored = [], bool(rng.integers(2))
        for _ in range(rng.integers(1, 9)):
            is_right = bool(rng.random() < 0.35)
            answer = "5" if is_right else [None, "", "4", "3", "3"][rng.integers(5)]
            reward = (0.9 * is_right + 0.1 * (answer is not None)) if scored else float(is_right)
            tokens = tuple(int(x) for x in rng.integers(0, 99, rng.integers(1, 9)))
            group.append((answer, is_right, float(reward), tokens, f"so {rng.integers(10**6)} " + "x" * 60))
        made.append(group)
    return made


GROUPS = groups()


def shown(method, teacher: str, group: list[rules.Rollout]) -> list[str | tuple[int, ...] | None]:
    members = [Member(*rollout) for rollout in group]
    found = method.teachers()[teacher].choose(members, "5", np.random.default_rng(0), ["5", "7"])
    return [plain(reference) for reference in found]


def plain(reference: Reference | None) -> str | tuple[int, ...] | None:
    if reference is None:
        return None
    return reference.text if reference.tokens is None else reference.tokens


@pytest.mark.parametrize("unboxed", ["skip", "none_str", "head50"])
@pytest.mark.parametrize("pick", ["first_min_reward", "modal_wrong"])
@pytest.mark.parametrize("part", ["answer", *WHOLE])
def test_what_the_wrong_teacher_is_shown(part, pick, unboxed):
    for group, alone, bug in product(GROUPS, (False, True), (False, True)):
        method = Cepo(wrong=part, neg_pick=pick, neg_unboxed=unboxed, exclude_self=alone, cot_k=4, suffix_bug=bug)
        assert shown(method, "wrong", group) == rules.wrong(group, part, pick, unboxed, alone, 4, bug)


@pytest.mark.parametrize("part", ["answer", *WHOLE])
def test_what_the_right_teacher_is_shown(part):
    for group, alone, bug in product(GROUPS, (False, True), (False, True)):
        method = Cepo(right=part, exclude_self=alone, cot_k=4, suffix_bug=bug)
        assert shown(method, "right", group) == rules.right(group, "5", part, alone, 4, bug)


def test_a_random_pick_is_any_candidate_and_the_same_for_all():
    for group in GROUPS:
        answers = {answer for _, answer in rules.candidates(group, "skip")}
        found = shown(Cepo(neg_pick="random"), "wrong", group)
        assert set(found) <= (answers or {None})
        assert len(set(found)) == 1


def test_another_problems_answer_is_not_this_ones():
    assert all(shown(Cepo(wrong="other_problem"), "wrong", group) == ["7"] * len(group) for group in GROUPS)


@pytest.mark.parametrize("context", ["answer", "peer_demo"])
def test_what_sdpos_teacher_is_shown(context):
    for group in GROUPS:
        wanted = rules.peer(group) if context == "peer_demo" else ["5"] * len(group)
        assert shown(Sdpo(context=context), "right", group) == wanted


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    return Policy(tiny_base, Method(), "cpu", "float32", seed=0)


WEIGHTS = [Weights("synced", every=every) for every in (1, 5, 10, 25)]
WEIGHTS += [Weights("ema", decay, tick) for decay in (0.999, 0.95) for tick in ("update", "step")]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_whose_weights_a_teacher_has_over_fifty_steps(weights, policy: Policy):
    """One tensor stands for all: two updates a step, as of 32 problems in halves."""
    rng = np.random.default_rng(1)
    walk = rng.normal(0, 1, 101).cumsum()
    actor = [[walk[2 * step], walk[2 * step + 1], walk[2 * step + 2]] for step in range(50)]
    name, tensor = next(iter(policy.trainable.items()))
    tensor.data.fill_(actor[0][0])
    teachers, seen = AdapterTeachers(policy, {weights}), []
    for step, (_, *updates) in enumerate(actor):
        teachers.start_step(step)
        seen.append(float(teachers.shadows[weights][name].flatten()[0]))
        for value in updates:
            tensor.data.fill_(value)
            teachers.moved("update")
        teachers.moved("step")
    wanted = rules.teacher_values(actor, weights.source, weights.decay, weights.tick, weights.every)
    np.testing.assert_allclose(seen, wanted, rtol=1e-5, atol=1e-5)
    if weights == Weights("synced", every=1):
        np.testing.assert_allclose(seen, [row[0] for row in actor], rtol=1e-6)  # the actor itself


def test_with_a_copy_every_25_steps_the_teacher_is_the_base_while_lambda_is_above_zero():
    method = Cepo(teacher_weights="synced", teacher_sync=25)
    actor = [[float(step)] * 3 for step in range(50)]
    synced = rules.teacher_values(actor, "synced", 0.0, "update", 25)
    fixed = rules.teacher_values(actor, "fixed", 0.0, "update", 25)
    asked = [step for step in range(50) if method.needs_teachers(step)]
    assert asked == list(range(25))
    assert [synced[step] for step in asked] == [fixed[step] for step in asked]
