"""Folders outside the project: the variable and the folder are named before any work begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.machine.folders import check_folders, needed

NOWHERE = "/proc/nohome"  # nobody, root included, can make it


def test_the_variable_and_the_folder_are_named(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=rf"XDG_CACHE_HOME, {NOWHERE}/.cache: cannot write .*; Snakemake needs it; export"
    ):
        check_folders({"HOME": NOWHERE})
    with pytest.raises(
        ConfigError, match=rf"HF_HOME, {NOWHERE}/.cache/huggingface/datasets: .* an evaluation needs it"
    ):
        check_folders({"HOME": NOWHERE, "XDG_CACHE_HOME": str(tmp_path)})
    check_folders({"HOME": NOWHERE, "XDG_CACHE_HOME": str(tmp_path), "HF_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_its_own_for_datasets_counts(tmp_path: Path):
    given = {"HOME": NOWHERE, "HF_HOME": NOWHERE, "LMMS_EVAL_DATASETS_CACHE": str(tmp_path)}
    assert [(one.variable, one.folder) for one in needed(given)][1] == ("LMMS_EVAL_DATASETS_CACHE", tmp_path)


def test_before_snakemake_it_is_one_line():
    environment = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "HF_HOME")}
    command = [sys.executable, "-m", "workflows.lib.machine.folders"]
    done = subprocess.run(command, cwd=ROOT, env=environment | {"HOME": NOWHERE}, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"ConfigError: XDG_CACHE_HOME, {NOWHERE}/.cache")
