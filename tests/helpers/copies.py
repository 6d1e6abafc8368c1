"""Copies of the project whose scripts only write small files, so that tests of the DAG need not wait for jobs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.paths import ROOT
from tests.helpers.snakemake_server import FORKED, run_snakemake

COPIED = ["Snakefile", "workflows", "contracts", "methods", "evals", "envs", "results/published"]
OPTIONS = ["--workflow-profile", "workflows/profiles/local", "--cores", "4"]
CONFIG = ["--configfile", "workflows/configs/smoke.yaml"]
STAND_IN = f"""
{FORKED}
from pathlib import Path

name = " ".join([snakemake.rule, *map(str, snakemake.wildcards)])
with open("ran.txt", "a") as file:
    print(name, file=file)
for path in map(Path, snakemake.output):
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path = path / "file"
    path.write_text(name + str(snakemake.params))
"""


@dataclass
class Project:
    """A copy of the project to edit and run."""

    root: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the copy, with the copy's modules."""
        own = ("SNAKEMAKE", "MLFLOW", "PYTEST")  # the last names the test that runs: calls of two tests would differ
        kept = {key: value for key, value in os.environ.items() if not key.startswith(own)}
        environment = kept | {"PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.root / ".xdg")}
        return run_snakemake([*OPTIONS, *arguments], self.root, environment)

    def planned(self, *arguments: str, config: Sequence[str] = CONFIG) -> set[str]:
        """Jobs that would run, as ``rule wildcards``; targets are left out."""
        done = self.snakemake("-n", *arguments, *config)
        assert done.returncode == 0, done.stderr
        jobs = set()
        for rule, block in re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout + done.stderr, re.MULTILINE):
            wildcards = re.search(r"    wildcards: (.*)", block)
            values = [part.partition("=")[2] for part in wildcards.group(1).split(", ")] if wildcards else []
            jobs.add(" ".join([rule, *values]))
        return jobs - {"all", "bases", "cell"}

    def run(self, *arguments: str) -> set[str]:
        """Run the workflow; returns the jobs whose script ran: those taken from the cache are not among them."""
        done = self.snakemake(*arguments, *CONFIG)
        assert done.returncode == 0, done.stderr
        return self.ran()

    def ran(self) -> set[str]:
        """Jobs whose script ran since this was last asked."""
        path = self.root / "ran.txt"
        names = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return set(names)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace ``old``, which must occur, by ``new``."""
        text = (self.root / file).read_text()
        assert old in text, f"{file} does not contain {old!r}"
        (self.root / file).write_text(text.replace(old, new, 1))


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
