"""A config that cannot be read is one line with file, line and way out, also where Snakemake would read it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.config.yaml_file import read_table

BROKEN = [
    (b"world: micro\nseeds: [1,\n", r"my.yaml:3: is not valid YAML \(.*; mend this line or the one before it; indent "),
    (b"world: micro\nseeds:\n\t- 1\n", r"my.yaml:3: is not valid YAML \("),
    (b"world: micro\nmicro: {seed: 1, seed: 2}\n", r"my.yaml:2: is not valid YAML \(key 'seed' stands here twice\)"),
    (b"world: \x00", r"my.yaml: is not valid YAML \("),
    (b"world: \xff\xfe", r"my.yaml: is not text in UTF-8; give a file like workflows/configs/"),
    (b"# world: micro\n", r"my.yaml: is empty; start from one of workflows/configs/"),
    (b"- micro\n", r"my.yaml: is a list, not a table of keys and values; start from one of "),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{tmp_path}/{message}") as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none.yaml: cannot be read \(No such file or directory\); give a "):
        read_table(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        read_table(tmp_path)


def test_a_whole_file_is_a_table(tmp_path: Path):
    path = tmp_path / "my.yaml"
    path.write_text("a: &a {b: 1}\nc: {<<: *a, d: 1e-3}\n")
    assert read_table(path) == {"a": {"b": 1}, "c": {"b": 1, "d": "1e-3"}}


def made(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What make does with the environment as it is, also where another make runs these tests."""
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "python").symlink_to(sys.executable)
    nothing = [f"READY={tmp_path}", f"BIN={bin}"]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *nothing, *arguments], cwd=ROOT, capture_output=True, text=True, env=alone)


def test_make_looks_at_a_config_before_snakemake_does(tmp_path: Path):
    path = tmp_path / "my.yaml"
    path.write_text("world: micro\nseeds: [1,\n")
    done = made(tmp_path, "reproduce", f"CONFIG={path}")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"ConfigError: {path}:3: is not valid YAML")
    assert second.startswith("make: ***")


def test_smoke_takes_no_config(tmp_path: Path):
    done = made(tmp_path, "smoke", "CONFIG=workflows/configs/micro.yaml")
    assert done.returncode == 2
    assert "smoke has a config of its own" in done.stderr


@pytest.mark.parametrize("given", ["SEEDS=a", "SEEDS=0", "SEEDS=-1", "PROFILE=none"])
def test_what_make_is_given_is_checked(tmp_path: Path, given: str):
    done = made(tmp_path, "reproduce", given)
    assert done.returncode == 2
    assert f"*** {given}: give " in done.stderr
