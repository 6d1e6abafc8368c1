"""What stands around a table: seeds by exception, each commit once, folded notes, labels, tables that break."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.paths import ROOT
from contracts.records import Run
from evals.analysis import provenance
from evals.analysis.cells import read_arms
from evals.analysis.rendering import latex, markdown, web_page
from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.layout import ColumnGroup, Entry, Part, TableSection
from evals.analysis.tables.table2 import write
from tests.helpers.analysis_cells import write_cell, write_grid

A, B = "a" * 40, "b" * 40
WORDS = Words("Table 9", ["What is shown.", "How it is read & made."], [], {})


def part(rows: int) -> Part:
    lines = [(f"row {number}", [Entry("1.0"), Entry("2.0")]) for number in range(rows)]
    return Part("Numbers", [ColumnGroup("Both", ["one", "two"])], [TableSection("small", lines)])


def test_other_seeds_are_named_while_they_are_few_and_counted_after(tmp_path: Path):
    cells = [write_cell(tmp_path, method, questions=4) for method in ("grpo", "opsd", "sdpo", "rlsd", "cepo")]
    assert provenance.seeds(read_arms(cells)) == "seed 1"
    cells.append(write_cell(tmp_path, "grpo", seed=2, questions=4))
    assert provenance.seeds(read_arms(cells)) == "seed 1 (GRPO small: 1 and 2)"
    for variant in ("a", "b", "c"):
        cells += [write_cell(tmp_path, "cepo", seed=seed, variant=variant, questions=4) for seed in (1, 2)]
    assert provenance.seeds(read_arms(cells)) == "seeds 1 and 2 (4 arms) and seed 1 (4 arms)"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (
            [("a" * 40, False), ("a" * 40, True), ("b" * 40, False)],
            f"code {'a' * 10} (in part with uncommitted changes) and {'b' * 10}",
        ),
        ([(A, True)], f"code {A[:10]} (with uncommitted changes)"),
        ([(None, None)], "code outside git"),
    ],
)
def test_a_commit_is_named_once(states: list[tuple[str | None, bool | None]], said: str):
    fields = {"git_sha": None, "git_dirty": None}
    runs = [Run.model_construct(**fields | {"git_sha": sha, "git_dirty": dirty}) for sha, dirty in states]
    assert provenance._code(runs) == said


def test_the_first_sentence_is_shown_and_the_others_are_folded():
    text = markdown.render(WORDS, [part(1)])
    assert (
        text.index("What is shown.") < text.index("<details>") < text.index("How it is read") < text.index("</details>")
    )
    page = web_page.render(WORDS, [part(1)])
    assert "<p>What is shown.</p><details><summary>" in page
    assert "<li>How it is read &amp; made.</li></ul></details>" in page


def test_tables_have_labels_and_long_ones_break():
    text = latex.render(WORDS, [part(3), part(latex.LONGEST + 1)], "table9")
    assert re.findall(r"\\label\{([^}]*)\}", text) == ["tab:table9", "tab:table9-2"]
    assert "read as Table~\\ref{tab:table9}" in text
    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 1
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    assert text.index(r"\endfirsthead") < text.index(r"\endhead") < text.index("row 30")
    captions = re.findall(r"\\caption\{(.*?)\}\\label", text)
    assert captions[0] == "Table 9: numbers. What is shown."
    assert r"How it is read \& made." in text
    for opened, closed in (("begin", "end"), ("begingroup", "endgroup")):
        assert len(re.findall(rf"\\{opened}\b", text)) == len(re.findall(rf"\\{closed}\b", text))


def test_a_compact_table_for_a_paper(tmp_path: Path):
    paths = write(write_grid(tmp_path / "cells", ("base", "grpo", "cepo")), ROOT / "results" / "published", tmp_path)
    assert paths[0].name == "table2_main.tex"
    text = paths[0].read_text()
    assert r"\label{tab:main}" in text
    assert len(text.splitlines()) < 40
    assert re.search(r"^CEPO & \d+\.\d & .*\d", text, re.MULTILINE)
