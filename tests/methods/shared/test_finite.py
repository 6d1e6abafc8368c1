"""Weights with NaN or an infinity are refused, and the tensor is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from contracts.errors import DataError
from methods.shared.finite import check_finite


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_the_tensor_is_named(number: float, dtype: torch.dtype, tmp_path: Path):
    weights = {"good": torch.ones(2, 2, dtype=dtype), "bad": torch.tensor([1.0, number], dtype=dtype)}
    save_file({"good": weights["good"]}, tmp_path / "model-1.safetensors")
    check_finite(tmp_path, "the model")
    save_file(weights, tmp_path / "model-2.safetensors")
    with pytest.raises(DataError, match="the model: tensor bad holds a number that is none"):
        check_finite(tmp_path, "the model")


def test_a_broken_file_is_one_line(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"model\.safetensors: not readable"):
        check_finite(tmp_path, "the model")
