"""What `make reproduce` prints at its end: read from a small file, checked by hand at several widths."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.rendering import terminal

COMMITTED = ROOT / "results" / "reference" / "micro"
HEADER = "world,scale,model,method,variant,row,benchmark,quantity,value,low,high,unit,questions,seeds,source\n"
LINE = "micro,small,Micro-VL-S,{},default,{},{},{},{},percent,200,1 2,this run\n"
SMALL = HEADER + "".join(
    LINE.format(*values)
    for values in [
        ("base", "Base", "micro-MMMU", "accuracy", "21.04,14.6,29.2"),
        ("base", "Base", "average", "accuracy", "40.0,35.0,45.0"),
        ("cepo", "CEPO", "micro-MMMU", "accuracy", "32.0,22.0,44.0"),
        ("cepo", "CEPO", "average", "accuracy", "50.0,45.0,55.0"),
        ("cepo", "CEPO", "micro-MMMU", "difference to base", "11.0,-1.0,21.0"),
        ("cepo", "CEPO", "average", "difference to base", "10.0,2.0,18.0"),
        ("opsd", "OPSD", "average", "accuracy", "30.0,20.0,40.0"),
        ("opsd", "OPSD", "average", "difference to base", "-10.0,-15.0,-5.0"),
        ("opsd", "OPSD", "average", "unparsed", "0.5,,"),
    ]
)
PUBLISHED = "published,small,Qwen3-VL-2B-Instruct,base,default,,MMMU,accuracy,44.11,,,percent,,,Table 2\n"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def folder(tmp_path: Path, text: str = SMALL + PUBLISHED) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table2.csv").write_text(text)
    return tmp_path


def shown(results: Path, width: int) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=True, color_system="standard", highlight=False, no_color=False
    )
    terminal.show(console, results)
    return out.getvalue()


def test_a_table_by_hand(tmp_path: Path):
    lines = ESCAPE.sub("", shown(folder(tmp_path), 80)).splitlines()
    assert lines[0] == "Table 2, micro world: average accuracy over the benchmarks, percent"
    assert lines[1] == "95 % intervals over seeds 1, 2 and questions; *: excludes 0"
    assert [line.rstrip() for line in lines[2:7]] == [
        "                      average            minus base",
        "Micro-VL-S",
        "  Base      40.0 [35.0, 45.0]",
        "  CEPO      50.0 [45.0, 55.0]  +10.0* [+2.0, +18.0]",
        "  OPSD      30.0 [20.0, 40.0]  -10.0* [-15.0, -5.0]",
    ]


def test_rows_of_other_seeds_name_them(tmp_path: Path):
    seeds = {",base,": "1 2 3", ",cepo,": "1 3", ",opsd,": "1 2"}
    rows = [
        line.replace("1 2,", f"{next(own for key, own in seeds.items() if key in line)},")
        for line in SMALL.splitlines()[1:]
    ]
    text = "\n".join([HEADER.strip(), *rows, PUBLISHED])
    lines = [line.rstrip() for line in ESCAPE.sub("", shown(folder(tmp_path, text), 80)).splitlines()]
    assert lines[1:7] == [
        "95 % intervals over seeds and questions (one seed: questions); *: excludes 0",
        "            seeds            average            minus base",
        "Micro-VL-S",
        "  Base        1-3  40.0 [35.0, 45.0]",
        "  CEPO        1,3  50.0 [45.0, 55.0]  +10.0* [+2.0, +18.0]",
        "  OPSD        1-2  30.0 [20.0, 40.0]  -10.0* [-15.0, -5.0]",
    ]


def test_a_difference_of_nothing_has_no_minus(tmp_path: Path):
    text = shown(folder(tmp_path, SMALL.replace("10.0,2.0,18.0", "-0.01,-2.0,1.9")), 80)
    assert "+0.0 " in text
    assert "-0.0" not in text


def test_colours_say_what_the_marks_say(tmp_path: Path):
    text = shown(folder(tmp_path), 80)
    assert "\x1b[32m+10.0*" in text
    assert "\x1b[31m-10.0*" in text
    assert text.count("\x1b[32m") == text.count("\x1b[31m") == 1  # the base has no colour


@pytest.mark.parametrize("width", [80, 120])
def test_the_committed_run_fits_the_terminal(width: int):
    text = ESCAPE.sub("", shown(COMMITTED, width))
    lines = text.splitlines()
    assert len(lines) <= 38  # a row for each of eleven systems and the base at two scales, and 14 lines around them
    table = text.partition("Tables ")[0].splitlines()
    assert all(len(line.rstrip()) <= width for line in table)
    assert (
        len(re.findall(r"^  (?:Base|GRPO|OPSD|SDPO|RLSD|CEPO) +\d.*\]$", "\n".join(map(str.rstrip, table)), re.M)) == 12
    )
    assert "<" not in text
    assert "\u2026" not in text


def test_the_control_is_named_with_its_verdict(tmp_path: Path):
    results = folder(tmp_path)
    assert "Controls not judged: this run made no table of claims." in shown(results, 80)
    control = {"needed": True, "works": False, "state": "no control was run"}
    part = {"unit": "points", "scale": "small", "control": control}
    works = part | {"scale": "large", "control": control | {"state": "oracle over GRPO +2.0 points: works"}}
    claims = [{"verdict": "supported", "parts": [part]}, {"verdict": "undecided", "parts": [works, part]}]
    path = results / "tables" / "claims.json"
    path.write_text(json.dumps({"claims": claims}))
    text = shown(results, 120)
    said, second, *_ = text[text.index("Control") :].splitlines()
    assert said == "Control  oracle over GRPO, small: no control was run"
    assert second == "                           large: +2.0 points: works"  # below "small"
    works["control"] |= {"value": -2.04, "low": -3.0, "high": 0.5, "works": False}
    path.write_text(json.dumps({"claims": claims}))
    assert "large: -2.0 [-3.0, +0.5] points: not supported" in shown(results, 80)
    assert "Claims   1 supported, 0 contradicted, 1 undecided" in text
    path.write_text(json.dumps({"claims": claims[:1]}).replace("no control", "\\u001b[2J"))
    with pytest.raises(DataError, match=r"claims.json: is not a file of verdicts"):
        shown(results, 80)


def test_a_pipe_gets_no_colours_and_no_color_is_honoured():
    command = [sys.executable, "-m", "evals.analysis.rendering.terminal", str(COMMITTED)]
    forced = os.environ | {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}
    plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    for environment in (plain, forced):
        text = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        assert "+6.3*" in text
        assert not re.search(r"\x1b\[3\d", text)


def test_what_to_do_next_names_files_and_commands(tmp_path: Path):
    table = terminal.read_table2(folder(tmp_path) / "tables" / "table2.csv")
    text = "\n".join(terminal.next_steps(table, Path("results/micro")))
    assert "results/micro/tables/table2.md" in text
    assert "make report (one page)" in text
    assert "make show repeats this" in text
    assert "make cell CELL=cepo/small/default/s1" in text
    assert "docs/add-a-method.md" in text
    assert (ROOT / "docs/add-a-method.md").exists()
    other = "\n".join(terminal.next_steps(table, Path("x/micro"), "my.yaml"))
    assert "make report RESULTS=x/micro" in other
    assert "s1 CONFIG=my.yaml" in other


def test_the_results_folder_of_a_config(tmp_path: Path):
    assert terminal.results_folder(Path("results/micro")) == (Path("results/micro"), "")
    smoke = ROOT / "workflows/configs/smoke.yaml"
    assert terminal.results_folder(smoke) == (Path("results/smoke/micro"), str(smoke))
    paper = ROOT / "workflows/configs/paper.yaml"
    assert terminal.results_folder(paper) == (Path("results/paper"), str(paper))
    for name, text in {"a.yaml": "- 1", "b.yaml": "engine: local", "c.yaml": "a: ["}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="does not say where its results are"):
            terminal.results_folder(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    ["", HEADER, "a,b\n1,2\n", SMALL.replace("40.0,35.0", "40.0,"), SMALL.replace("CEPO", "\x1b[2JCEPO"), "\x00"],
)
def test_another_file_is_one_line(tmp_path: Path, text: str):
    with pytest.raises(DataError, match=r"table2.csv: is not the table that this project writes; delete it and run"):
        shown(folder(tmp_path, text), 80)


def test_no_file_is_one_line(tmp_path: Path):
    command = [sys.executable, "-m", "evals.analysis.rendering.terminal", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"DataError: {tmp_path}/tables/table2.csv: cannot be read (No such file or directory); run: "
    )
