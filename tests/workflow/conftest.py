"""A copy of the project whose scripts leave empty files: the DAG is tested, not the hours it takes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILE = "workflows/profiles/local"
COPIED = ["Snakefile", "workflows", "methods", "evals", "envs", "results/published"]
STAND_IN = """
from pathlib import Path

name = " ".join([snakemake.rule, *map(str, snakemake.wildcards)])
with open("ran.txt", "a") as file:
    print(name, file=file)
for path in map(Path, snakemake.output):
    if path.suffix:
        path.write_text(name)
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / "file").write_text(name)
"""


@dataclass
class Project:
    """A copy of the project to edit and run."""

    root: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the copy, with the copy's modules."""
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", PROFILE, *arguments]
        path = {"PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.root / ".xdg")}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "MLFLOW"))}
        return subprocess.run(command, cwd=self.root, env=clean | path, capture_output=True, text=True)

    def planned(self, *arguments: str) -> list[str]:
        """Jobs that would run: rule and wildcards, targets left out."""
        done = self.snakemake("-n", *arguments)
        assert done.returncode == 0, done.stderr
        blocks = re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout + done.stderr, re.MULTILINE)
        jobs = []
        for rule, block in blocks:
            wildcards = re.search(r"    wildcards: (.*)", block)
            values = [part.partition("=")[2] for part in wildcards.group(1).split(", ")] if wildcards else []
            jobs.append(" ".join([rule, *values]))
        return sorted(job for job in jobs if job.split()[0] not in ("all", "cell"))

    def run(self, *arguments: str) -> list[str]:
        """Jobs whose script ran; those taken from the cache are not among them."""
        (self.root / "ran.txt").unlink(missing_ok=True)
        done = self.snakemake("-j4", *arguments)
        assert done.returncode == 0, done.stderr
        return sorted((self.root / "ran.txt").read_text().splitlines()) if (self.root / "ran.txt").exists() else []

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace ``old``, which must occur, by ``new``."""
        path = self.root / file
        text = path.read_text()
        assert old in text, f"{file} does not contain {old!r}"
        path.write_text(text.replace(old, new, 1))


def copy_project(root: Path) -> Project:
    """The project's files in ``root``, with stand-ins for the scripts."""
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for script in (root / "workflows" / "scripts").glob("*.py"):
        script.write_text(STAND_IN)
    return Project(root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy."""
    return copy_project(tmp_path)
