"""Check on one GPU what a CPU cannot show. Three parts, each under eight minutes, one table. Nothing is downloaded.

    python benchmarks/gpu_check.py head       # the head at 151,936 tokens of vocabulary, float32 against bfloat16
    python benchmarks/gpu_check.py engine     # the local engine at the shape of Qwen3-VL-2B, random weights
    python benchmarks/gpu_check.py worker --easyr1 EasyR1 --easyr1-python /envs/easyr1/bin/python
    python benchmarks/gpu_check.py wheels     # the packages to bring along where torch is all there is

Several parts may be given at once. ``--small`` makes them small enough for a CPU, where memory is not measured. A line
that ends in NO has a number outside of what was expected, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from gpu_engine import engine_rows
from gpu_head import head_rows
from gpu_row import Row
from gpu_worker import worker_rows
from packaging.utils import canonicalize_name
from tabulate import tabulate

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "envs" / "local.txt"
CARRIED = (  # what parts head and engine import besides torch and numpy, in envs/local.txt's versions
    "accelerate", "annotated-types", "filelock", "fsspec", "hf-xet", "huggingface-hub", "jaxtyping", "jinja2",
    "markupsafe", "math-verify", "latex2sympy2-extended", "antlr4-python3-runtime", "mpmath", "packaging", "peft",
    "pillow", "psutil", "pyarrow", "pydantic", "pydantic-core", "pyyaml", "regex", "safetensors", "sympy", "tabulate",
    "tokenizers", "torchvision", "tqdm", "transformers", "typing-inspection", "wadler-lindig",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the parts, print the table; the exit status is 1 if a number is not as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["head", "engine", "worker", "wheels"])
    parser.add_argument("--small", action="store_true", help="for a CPU")
    parser.add_argument("--easyr1", type=Path, help="folder of EasyR1, for part worker")
    parser.add_argument("--easyr1-python", type=Path, help="Python with envs/easyr1.txt, for part worker")
    asked = parser.parse_args(arguments)
    if "wheels" in asked.parts:
        print("\n".join(carried(LOCK.read_text())))
        return 0
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not asked.small:
        parser.error("no GPU here; --small runs the same code on a CPU")
    if "worker" in asked.parts and not (asked.easyr1 and asked.easyr1_python):
        parser.error("part worker needs --easyr1 and --easyr1-python")
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for part in asked.parts for row in run(part, asked, device, Path(folder))]
    print(tabulate([row.cells() for row in rows], headers=Row.HEADERS))
    return int(any(row.fails for row in rows))


def run(part: str, asked: argparse.Namespace, device: str, folder: Path) -> Iterator[Row]:
    """The rows of one part; each is printed as well as soon as it is there, since a part may be stopped."""
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "head": lambda: head_rows(device, asked.small),
        "engine": lambda: engine_rows(device, asked.small, folder),
        "worker": lambda: worker_rows(device, asked.easyr1, asked.easyr1_python, folder),
    }
    for row in parts[part]():
        print(*row.cells(), sep="  ", file=sys.stderr, flush=True)
        yield row


def carried(lock: str) -> list[str]:
    """The lines ``name==version`` of :data:`CARRIED` in a lock file, for ``pip download --no-deps``."""
    lines = [line.removesuffix("\\").strip() for line in lock.splitlines() if "==" in line and line[0].isalnum()]
    return [line for line in lines if canonicalize_name(line.split("==")[0].split("[")[0]) in CARRIED]


if __name__ == "__main__":
    sys.exit(main())
