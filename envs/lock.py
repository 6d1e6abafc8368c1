"""Write the lock files of this folder with the hashes of the package index: python envs/lock.py [role ...].

A role with a ``.in`` is solved anew, keeping versions of its lock where they still fit. For one without (local, slurm)
the lock is its own input: edit a version there, and the hashes follow. Needs uv.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PYTHON = {"easyr1": "3.12", "eval": "3.12"}  # of the environment; 3.11 for the others
UV = ["uv", "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
NAME = re.compile(r"^([\w.-]+)(?===)", re.MULTILINE)


def lock(role: str) -> None:
    """Write ``<role>.txt``: every package of the environment with its version and the hashes of its files."""
    target, wanted = FOLDER / f"{role}.txt", FOLDER / f"{role}.in"
    solved = ["--override", str(FOLDER / "overrides.txt"), str(wanted)]
    source = solved if wanted.exists() else ["--no-deps", str(target)]
    platform = ["--python-version", PYTHON.get(role, "3.11"), "--python-platform", "x86_64-manylinux_2_28"]
    spelt = {_normal(name): name for name in NAME.findall(target.read_text() if target.exists() else "")}
    subprocess.run([*UV, *platform, *source, "-o", str(target)], check=True)  # noqa: S603
    text = NAME.sub(lambda found: spelt.get(_normal(found[1]), found[1]), target.read_text())
    target.write_text(text)  # names as before: they are part of the digest that decides what runs again


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    for role in sys.argv[1:] or sorted({path.stem for path in FOLDER.glob("*.in")} | {"local", "slurm"}):
        lock(role)
