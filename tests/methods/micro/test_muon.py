"""Muon in float32 against torch's own, which rounds to bfloat16."""

from __future__ import annotations

import pytest
import torch

from methods.micro.muon import Float32Muon, orthogonal


def test_singular_values_come_near_one_and_vectors_stay():
    matrix = torch.randn(24, 8, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonal(matrix) @ right.T
    values = turned.diagonal()
    assert ((values > 0.6) & (values < 1.3)).all()
    assert torch.allclose(turned, values.diag(), atol=1e-4)
    assert torch.allclose(orthogonal(matrix.T), orthogonal(matrix).T, atol=1e-5)


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_it_moves_as_torchs_own_does(shape: tuple[int, int]):
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator)
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}
    optimizers = Float32Muon([ours], **options), torch.optim.Muon([theirs], **options, adjust_lr_fn="original")
    for _ in range(3):
        ours.grad = theirs.grad = torch.randn(shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=0.02)
    assert (ours - start).abs().max() > 0.1
