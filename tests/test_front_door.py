"""The front door: README, Makefile and the folders' own pages name what is there, and stay short."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from contracts.paths import ROOT

PAGES = ["README.md", "docs/README.md", "docs/words.md", "results/README.md", "results/reference/micro/README.md"]
PAGES += ["envs/README.md", "benchmarks/README.md", "tests/README.md"]
WORDS = {"target"}  # that follow "make" in a comment
NAMED = re.compile(r"\[[^\]]*\]\((?!http)([^)#]+)\)")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    path = ROOT / page
    assert [link for link in NAMED.findall(path.read_text()) if not (path.parent / link).exists()] == []


def test_readme_is_short_and_names_every_folder():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 100
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout: no list of the project's files")
    folders = {name.partition("/")[0] for name in tracked.stdout.splitlines() if "/" in name}
    assert [folder for folder in sorted(folders) if not folder.startswith(".") and f"`{folder}/`" not in text] == []


def test_the_readme_table_is_the_committed_one():
    shown = dict(re.findall(r"^\| (\w+) \| (\d.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    rows = (ROOT / "results/reference/micro/tables/table2.csv").read_text().splitlines()
    average = [row.split(",") for row in rows if ",average,accuracy," in row and row.startswith("micro,")]
    committed: dict[str, str] = {}
    for row in average:
        value, low, high = (f"{float(number):.1f}" for number in row[8:11])
        before = f"{committed[row[5]]} | " if row[5] in committed else ""
        committed[row[5]] = f"{before}{value} [{low}, {high}]"
    assert shown == {name: committed[name] for name in ("Base", "GRPO", "OPSD", "SDPO", "RLSD", "CEPO")}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def aliases() -> set[str]:
    (names,) = re.findall(r"^ALIASES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(names.split())


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_make_target_on_a_page_exists(page: str):
    text = (ROOT / page).read_text()
    code = "\n".join(
        re.findall(r"```(?:bash|console)\n(.*?)```", text, re.DOTALL) + re.findall(r"`(make [^`]+)`", text)
    )
    assert set(re.findall(r"\bmake ([a-z0-9-]+)", code)) <= targets() | aliases() | WORDS


def made(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make says, also where another make runs these tests."""
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "-o", ".venv/.ready", *arguments]  # as if everything were installed
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=alone)


def test_the_help_lists_every_target_once_and_fits():
    help = re.sub("^This folder was .*\n", "", made().stdout)  # said in a folder that was moved
    listed = re.findall(r"^  make ([a-z0-9-]+) ", help, re.MULTILINE)
    assert sorted(listed) == sorted(targets() - {"help", "comma"})
    assert max(map(len, help.splitlines())) <= 80
    assert max(map(len, (ROOT / "Makefile").read_text().splitlines())) <= 120


def test_an_experiment_runs_by_its_name_and_by_its_old_target():
    by_name = made("-n", "run", "EXPERIMENT=table4", "SEEDS=2").stdout
    assert "experiments=[table4] seeds=[1,2] every_seed=true" in by_name
    memory = re.compile(r"mem_mb=\d+")
    assert memory.sub("", made("-n", "table4", "SEEDS=2").stdout) == memory.sub("", by_name)
    experiments = {path.stem for path in Path(ROOT, "workflows/configs/experiments").glob("*.yaml")}
    assert aliases() == experiments - {"smoke", "table2"}


@pytest.mark.parametrize("given", ["EXPERIMENT=table9", "EXPERIMENT="])
def test_an_unknown_experiment_is_refused_with_the_known_ones(given: str):
    done = made("-n", "run", given)
    assert done.returncode == 2
    assert f"{given}: give one of audit bases budgets" in done.stderr
