"""benchmarks/where_time_goes.py on a results folder of two cells and the log of the run that made them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from contracts.paths import ROOT
from tests.helpers.analysis_cells import write_cell

BENCHMARK = "s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:02\t100.0\t{processor}\n"
# Ten seconds of planning, a base of 20 s, two cells of 40 and 60 s side by side, a table of 10 s, and 2.5 s at last.
LOG = """SNAKEMAKE
  Date: 2026-11-29 19:00:00
Provided cores: 2
[Sun Nov 29 19:00:10 2026]
localrule base_model:
    output: results/micro/models/small/s1/base.json, results/micro/models/small/s1/model
    jobid: 1
    wildcards: base=small/s1
[Sun Nov 29 19:00:30 2026]
Finished jobid: 1 (Rule: base_model)
[Sun Nov 29 19:00:30 2026]
localrule train:
    input: results/micro/models/small/s1/model
    output: results/micro/cells/grpo/small/default/s1/run.json
    jobid: 2
[Sun Nov 29 19:00:30 2026]
localrule train:
    input: results/micro/models/small/s1/model
    output: results/micro/cells/cepo/small/default/s1/run.json
    jobid: 3
[Sun Nov 29 19:01:10 2026]
Finished jobid: 2 (Rule: train)
[Sun Nov 29 19:01:30 2026]
Finished jobid: 3 (Rule: train)
[Sun Nov 29 19:01:30 2026]
localrule table_table2:
    input: results/micro/cells/cepo/small/default/s1/run.json
    output: results/micro/tables/table2.md
    jobid: 4
    benchmark: results/micro/logs/table_table2.time.tsv
[Sun Nov 29 19:01:40 2026]
Finished jobid: 4 (Rule: table_table2)
[Sun Nov 29 19:01:40 2026]
localrule track:
    jobid: 5
Elapsed time: 0:01:42.5
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("where_time_goes")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two trained cells, one of them evaluated; a base that was built here and a ready-made one; a table."""
    results = tmp_path / "results" / "micro"
    cell = write_cell(results / "cells", "grpo", questions=1)
    write_cell(results / "cells", "cepo", questions=1)
    phases = {"check": 1.0, "generate": 2.0}
    texts = {
        cell / "eval" / "lmms" / "generation.json": json.dumps({"seconds": phases}),
        cell / "eval" / "score.time.tsv": BENCHMARK.format(seconds=2.5, processor=1.5),
        results / "models" / "small" / "s1" / "base.json": '{"seconds": 18.0}',
        results / "models" / "small" / "s2" / "base.json": '{"seconds": 300.0, "ready_made": "results/bases/micro"}',
        results / "models" / "small" / "s1" / "check.time.tsv": BENCHMARK.format(seconds=30.0, processor="NA"),
        results / "logs" / "check.time.tsv": BENCHMARK.format(seconds=6.0, processor=6.0),
        results / "logs" / "table_table2.time.tsv": BENCHMARK.format(seconds=9.0, processor=9.0),
        tmp_path / "run.log": LOG,
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return results


def rows(text: str) -> dict[str, list[str]]:
    """The last row of each name in its second column, or of its first where that is empty."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return {row[1] if row[0] != "install" else "install": row for row in cells}


def test_what_jobs_recorded(script: Any, results: Path, capsys: pytest.CaptureFixture[str]):
    script.main([str(results), "--install", "60"])
    text = capsys.readouterr().out
    found = rows(text)
    assert found["base_model"] == [
        "bases",
        "base_model",
        "2",
        "18.0",
        "0.30",
        "7.9",
        "",
    ]  # the ready-made one took none
    assert found["check_rollouts"] == ["bases", "check_rollouts", "1", "30.0", "0.50", "13.1", ""]
    assert found["check_benchmarks"][:4] == ["bases", "check_benchmarks", "1", "6.0"]
    assert found["train"] == ["training", "train", "2", "50.0", "1.67", "43.8", ""]
    assert found["evaluate"][:5] == ["evaluation", "evaluate", "1", "3.0", "0.05"]
    assert found["score"][-1] == "0.03"
    assert found["table_table2"][0] == "tables and figures"
    assert found["install"][2:5] == ["1", "60.0", "1.00"]
    assert found["generate"] == ["evaluate", "generate", "1", "2.0", "0.03", "66.7"]
    assert "only Snakemake's log knows" in text


def test_what_the_log_adds(script: Any, results: Path, capsys: pytest.CaptureFixture[str]):
    script.main([str(results), "--log", str(results.parents[1] / "run.log")])
    text = capsys.readouterr().out
    assert "One run of 1.7 minutes on 2 cores" in text
    assert "1 jobs did not finish" in text
    before, found = text.split("One run of")[0], rows(text.split("One run of")[1])
    assert "planning" not in before
    assert found["train"] == ["training", "train", "2", "50.0", "1.67", "48.8", "1.67"]
    assert found["table_table2"][-1] == "0.15"  # of 10 s from start to end, 9 s are in its benchmark
    assert found["planning"][4] == "0.33"  # 10 s of two cores
    assert found["closing"][4] == "0.08"
    assert found["waiting for a job"][4] == "0.83"  # 205 s of a core less 130 of jobs, 20 and 5
    chain = [line.split("|")[1:3] for line in text.split("longest chain")[1].splitlines() if line.startswith("| ")]
    assert [(name.strip(), spent.strip()) for name, spent in chain[1:]] == [
        ("base_model", "20"),
        ("train", "60"),
        ("table_table2", "10"),
        ("together", "90"),
    ]


def test_what_cannot_be_read_is_one_line(script: Any, results: Path):
    with pytest.raises(SystemExit) as none:
        script.main([str(results / "logs" / "nothing")])
    assert str(none.value.code).startswith(f"DataError: {results}/logs/nothing: no finished job has left a record here")
    log = results.parents[1] / "run.log"
    log.write_text(LOG.split("Elapsed")[0])
    with pytest.raises(SystemExit) as running:
        script.main([str(results), "--log", str(log)])
    assert "no log of a run that ended" in str(running.value.code)
