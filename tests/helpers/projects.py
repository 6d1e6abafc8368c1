"""A project of three files, for tests that read method sources and code digests."""

from __future__ import annotations

from pathlib import Path

BASE = '''
from dataclasses import dataclass
from typing import Literal

PRESETS = {"released": {"alpha": 64, "eps": 0.1}}

@dataclass(frozen=True)
class Method:
    """Options of all."""

    lr: float = 1e-6  # the paper's
    alpha: int = 32
    schedule: Literal["cosine", "constant"] = "cosine"
    keep: bool = False

@dataclass(frozen=True)
class Credit(Method):
    eps: float = 0.5
'''
PLAIN = """
from dataclasses import dataclass
from methods.base import Method

@dataclass(frozen=True)
class Plain(Method):
    pass
"""
SHARP = """
from dataclasses import dataclass
from methods.base import Credit
from methods.maths import clip

PRESETS = {"released": {"lr": 1e-5}, "sharp": {"eps": 0.9}}

@dataclass(frozen=True)
class Sharp(Credit):
    lr: float = 5e-6
    top: int = -1
"""
MATHS = '''
def clip(x):
    """Between 0 and 1."""
    return min(max(x, 0), 1)  # both ends
'''


def write_project(root: Path) -> Path:
    """The methods ``plain`` and ``sharp`` on a base class of two levels, in ``root``."""
    files = {"base": BASE, "plain": PLAIN, "sharp": SHARP, "maths": MATHS, "__init__": ""}
    for name, text in files.items():
        path = root / "methods" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
