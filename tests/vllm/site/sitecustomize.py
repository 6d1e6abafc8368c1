"""For .venv-vllm only, copied into it: torchvision of the package index is built for CUDA; torch here is for CPUs.

Its compiled operators do not load, and its Python part then fails on import because it describes two of them. They are
declared here, without a body: nothing in these tests calls them. Every process of vLLM needs it, so no test can do it.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

OPERATORS = ("nms", "qnms")


class DeclareOperators(MetaPathFinder):
    """Declares them when somebody first imports torchvision, and finds nothing itself."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name != "torchvision":
            return
        sys.meta_path.remove(self)
        import torch

        if torch.version.cuda is None:
            for operator in OPERATORS:
                schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{operator}", schema)


sys.meta_path.insert(0, DeclareOperators())
