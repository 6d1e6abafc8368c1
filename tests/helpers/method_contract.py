"""The rules that every method must keep. They are checked on each file in methods/ and on the example in docs/."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from methods.base import Method, Rollouts, Teacher
from methods.shared.references import Reference
from tests.helpers.method_batches import ALL_RIGHT, ALL_WRONG, MIXED, TOKENS, pad, random_rollouts, take, with_services

STEPS = (0, 1, 1000)


def check_contract(method: Method) -> None:
    """Raise AssertionError where ``method`` breaks the contract of methods/base.py."""
    check_teachers(method)
    tree = method.rollout_tree()
    assert tree is None or (method.branched and tree.leaves == method.group_size)
    for seed in range(5):
        batch = with_services(method, random_rollouts(seed, size=4 if tree is None else tree.leaves))
        if method.privileged_rollouts() is not None:
            check_privileged(method, batch)
        if method.matches_distributions:
            check_loss(method.loss, batch)
        else:
            for step in STEPS:
                check_credit(method, batch, step)


def check_teachers(method: Method) -> None:
    """One reference or None per member, whatever the group is like."""
    if not method.teachers():
        assert not any(method.needs_teachers(step) for step in STEPS)
    for teacher in method.teachers().values():
        check_chooser(teacher)


def check_chooser(teacher: Teacher) -> None:
    """One reference or None per member, whatever the group is like."""
    for members in (MIXED, ALL_RIGHT, ALL_WRONG):
        chosen = teacher.choose(members, "5", np.random.default_rng(0), ["5", "7"])
        assert len(chosen) == len(members)
        assert all(r is None or isinstance(r, Reference) for r in chosen)


def check_credit(method: Method, batch: Rollouts, step: int) -> None:
    """Padding and, without values or scores, zero advantages get 0; neither padding nor order changes a value."""
    credit = method.credit(batch, step)
    assert credit.shape == batch.mask.shape
    assert credit.isfinite().all()
    assert not credit.requires_grad
    assert (credit[batch.mask == 0] == 0).all()
    if method.prefix_values() is None and method.prepared != "step_scorer":  # these differ in uniform groups too
        assert (credit[batch.advantage == 0] == 0).all()
    wider = method.credit(pad(batch, 3), step)
    assert torch.equal(wider[:, : credit.shape[1]], credit)
    assert (wider[:, credit.shape[1] :] == 0).all()
    order = torch.randperm(len(credit), generator=torch.Generator().manual_seed(0))
    assert torch.equal(method.credit(take(batch, order), step), credit[order])


def check_privileged(method: Method, batch: Rollouts) -> None:
    """The flag is set, each problem is marked or not, the teacher picks like any, and ``distil`` is a loss."""
    wanted = method.privileged_rollouts()
    assert wanted is not None
    assert method.tutored
    marked = wanted.mark(batch)
    assert (marked.dtype, len(marked)) == (torch.bool, len(batch.group.unique()))
    check_chooser(wanted.teacher)
    check_loss(method.distil, batch)


def check_loss(loss_of: Callable[[Tensor, Tensor, Rollouts], Tensor], batch: Rollouts) -> None:
    """Padding gets 0; rollouts are independent; the gradient reaches the student's logits and not the teacher's."""
    g = torch.Generator().manual_seed(batch.seed)
    student = torch.randn(*batch.mask.shape, TOKENS, generator=g, requires_grad=True)
    teacher = torch.randn(*batch.mask.shape, TOKENS, generator=g, requires_grad=True)
    loss = loss_of(student, teacher, batch)
    assert loss.shape == batch.mask.shape
    assert (loss[batch.mask == 0] == 0).all()
    loss.sum().backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None
    rows = torch.tensor([3, 1])
    torch.testing.assert_close(loss_of(student[rows], teacher[rows], take(batch, rows)), loss[rows])
