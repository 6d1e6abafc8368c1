"""`snakemake fetch` against a hub on loopback, then everything without it: the real hub cannot be reached by a test."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from methods.micro.benchmarks import FEATURES, draw_items, image_cell, row
from tests.helpers.copies import ROOT, Project, copy_project
from tests.helpers.hub_server import Hub, commit, serve
from workflows.lib.hub.needs import OFFLINE, WEIGHTS, Need, lacking, read_lock, snapshot

MODEL, GEO, VISION = "owner/model", "owner/geo", "owner/vision"
REAL = ["fetch.py", "hub_problems.py", "hub_benchmarks.py", "base_model.py"]  # not stood in for
MADE = ["data/train.parquet", "data/test.parquet", "benchmarks/mathvision.parquet", "models/small/base.json"]
AT_ONCE = "import time; time.sleep = lambda seconds: None"  # the library waits up to 23 s in all between its tries


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory, micro_data: Path) -> Path:
    """Files of a hub, not to be changed: one model, problems in Geo3k's schema, and 304 items of MathVision-mini."""
    root = tmp_path_factory.mktemp("hub")
    model, geo, vision = root / "models" / MODEL, root / "datasets" / GEO / "data", root / "datasets" / VISION / "data"
    for folder in (model, geo, vision):
        folder.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(os.urandom(100_000))
    (model / "pytorch_model.bin").write_text("a pickle")
    (model / "modeling_x.py").write_text("raise SystemExit")
    for split in ("train", "validation", "test"):
        shutil.copy(micro_data / f"{split}.parquet", geo / f"{split}-00000-of-00001.parquet")
    items = [row(item, number, image_cell(item.problem)) for number, item in draw_items("mathvision", 0)]
    rows = [items[i % len(items)] | {"id": str(i)} for i in range(304)]
    for part in range(2):
        table = pa.Table.from_pylist(rows[part::2], schema=FEATURES["mathvision"].arrow_schema)
        pq.write_table(table, vision / f"testmini-0000{part}-of-00002.parquet")
    pq.write_table(table, vision / "test-00000-of-00001.parquet")
    return root


@pytest.fixture
def hub(repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that serves a copy of those files."""
    with serve(shutil.copytree(repositories, tmp_path / "hub")) as hub:
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def project(hub: Hub, tmp_path: Path) -> Project:
    """A copy of the project whose paper.yaml names that hub."""
    made = copy_project(tmp_path / "project")
    for name in REAL:
        shutil.copy(ROOT / "workflows" / "scripts" / name, made.root / "workflows" / "scripts")
    path = made.root / "workflows" / "configs" / "paper.yaml"
    config = yaml.safe_load(path.read_text())
    config["scales"] = {"small": {"model_name": "M", "base_model": MODEL, "revision": commit(MODEL)}}
    config["problems"] = {"repo": GEO}
    config |= {"benchmarks": ["mathvision"], "benchmark_data": {"mathvision": {"repo": VISION}}, "engine": "local"}
    path.write_text(yaml.safe_dump(config))
    return made


def nobody() -> str:
    """An address of this machine at which nobody answers."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def paper(project: Project, *arguments: str) -> tuple[int, str]:
    done = project.snakemake(*arguments, "--configfile", "workflows/configs/paper.yaml")
    return done.returncode, done.stderr


def test_fetch_once_then_offline(project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch):
    wanted = [f"results/paper/{name}" for name in MADE]
    status, said = paper(project, "-n")
    assert status == 0
    assert f"Missing: scales.small: {MODEL}: has not been fetched; run: make fetch" in said
    status, said = paper(project, *wanted)
    assert status == 1
    assert (
        f"ConfigError: scales.small: {MODEL}: has not been fetched (and 2 more: make doctor); run: make fetch" in said
    )
    status, said = paper(project, "fetch")
    assert status == 0, said
    asked = {name.partition("@")[0] for name in hub.asked}
    assert {"model.safetensors", "config.json", "testmini-00000-of-00002.parquet"} < asked
    assert not {"pytorch_model.bin", "modeling_x.py", "README.md"} & asked
    lock = json.loads((project.root / "workflows/configs/paper.lock.json").read_text())
    assert {key: entry["revision"] for key, entry in lock.items()} == {
        f"models/{MODEL}": commit(MODEL), f"datasets/{GEO}": commit(GEO), f"datasets/{VISION}": commit(VISION),
    }  # fmt: skip
    monkeypatch.setenv("HF_ENDPOINT", nobody())
    status, said = paper(project, *wanted)
    assert status == 0, said
    made = project.root / "results" / "paper"
    assert pq.read_metadata(made / MADE[0]).num_rows == 64
    assert pq.read_metadata(made / MADE[2]).num_rows == 304
    assert sorted(path.name for path in (made / "models/small/model").iterdir()) == ["config.json", "model.safetensors"]
    assert paper(project, "fetch")[0] == 0  # nothing left to ask for
    assert "Missing" not in paper(project, "-n")[1]


def fetch(lock: Path, revision: str | None = None, repo: str = MODEL, first: str = "") -> str:
    """What fetching the model in a process of its own says: the hub's address is read when its library is imported.

    ``first``: Python that the process runs before anything else.
    """
    code = f"""
{first}
from pathlib import Path
from workflows.lib.hub import fetch
from contracts.errors import DataError
from workflows.lib.hub.needs import WEIGHTS, Need
try:
    fetch.fetch([Need("scales.small", "model", {repo!r}, {revision!r}, WEIGHTS)], Path({str(lock)!r}), print)
except DataError as error:
    print(error)
"""
    env = {name: value for name, value in os.environ.items() if name not in OFFLINE}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    ).stdout.strip()


def weights(lock: Path) -> Path:
    """Where the fetched weights are."""
    need = Need("scales.small", "model", MODEL, None, WEIGHTS)
    assert lacking(need, read_lock(lock)) is None
    return snapshot(need, commit(MODEL)) / "model.safetensors"


def test_bytes_that_are_not_what_the_hub_says_are_refused_and_removed(hub: Hub, tmp_path: Path):
    lock = tmp_path / "paper.lock.json"
    hub.broken.add("model.safetensors")
    said = fetch(lock)
    assert re.search(r"model.safetensors: is not what the hub says it is .*; it was removed; run: make fetch$", said)
    assert not lock.exists()
    hub.broken.clear()
    fetch(lock)
    assert weights(lock).read_bytes() == (hub.root / "models" / MODEL / "model.safetensors").read_bytes()


def test_after_a_transfer_that_broke_off_whole_files_are_not_fetched_again(hub: Hub, tmp_path: Path):
    lock = tmp_path / "paper.lock.json"
    hub.cut.add("model.safetensors")
    assert "cannot be fetched" in fetch(lock, first=AT_ONCE)
    hub.cut.clear()
    hub.asked.clear()
    fetch(lock)
    assert weights(lock).stat().st_size == 100_000
    assert [name.partition("@")[0] for name in hub.asked] == ["model.safetensors"]


def test_what_the_lock_holds_is_checked_by_size_and_fetched_again(hub: Hub, tmp_path: Path):
    lock = tmp_path / "paper.lock.json"
    fetch(lock)
    path = weights(lock)
    assert "here already" in fetch(lock)
    path.resolve().write_bytes(b"cut short")
    need = Need("scales.small", "model", MODEL, None, WEIGHTS)
    assert str(lacking(need, read_lock(lock))).endswith("has 9 bytes instead of 100000")
    assert "is not what the hub says" in fetch(lock)
    fetch(lock)
    assert weights(lock).stat().st_size == 100_000


@pytest.mark.parametrize(
    ("repo", "revision", "line"),
    [
        ("owner/none", None, "owner/none@main (scales.small): the hub has no such repository, or none that is open"),
        (MODEL, "1" * 40, f"{MODEL}@{'1' * 40} (scales.small): the hub has no such commit; correct 'revision'"),
    ],
)
def test_mistakes_are_one_line(hub: Hub, tmp_path: Path, repo: str, revision: str | None, line: str):
    assert fetch(tmp_path / "x.lock.json", revision, repo).startswith(line)


def test_no_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", nobody())
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    said = fetch(tmp_path / "x.lock.json", "1" * 40, first=AT_ONCE)
    assert re.search(r"^owner/model@1{40} \(scales.small\): cannot be fetched \(.*\); check the network", said)


def test_a_split_of_other_size_than_the_papers_is_refused(project: Project, hub: Hub):
    next((hub.root / "datasets" / VISION / "data").glob("testmini-00001-*")).unlink()
    assert paper(project, "fetch")[0] == 0
    status, said = paper(project, f"results/paper/{MADE[2]}")
    assert status == 1
    assert f"DataError: {VISION}, split testmini: has 152 rows, the paper's benchmark has 304; choose" in said
