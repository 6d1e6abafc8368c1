"""The report: every figure is there, what is missing is said, nothing is fetched or run, whatever the folder holds."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lxml import html

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import read_arms, trained
from evals.analysis.figures import FIGURES as REGISTERED
from evals.analysis.figures import credit as creditfigures
from evals.analysis.figures import figure3, gradient_signal, teacher_knowledge
from evals.analysis.figures import training as figures
from evals.analysis.figures import truth as truthfigure
from evals.analysis.published.numbers import load
from evals.analysis.report.embed import figure, table
from evals.analysis.report.page import FIGURES, SECTIONS, build
from evals.analysis.report.verdicts import verdicts
from evals.analysis.tables import TABLES, claims, credit, gradients, table2, table3
from tests.helpers.analysis_cells import write_experiment, write_grid
from tests.helpers.base_checks import write_teachers
from tests.helpers.credit_cells import write_credit
from tests.helpers.measured_gradients import write_measured
from tests.helpers.measured_truth import write_measured_truth

PUBLISHED = ROOT / "results" / "published"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRAWN = ["figure1", "reward", "figure4", "figure5", "gradient_signal", "truth", "teacher_knowledge", "figure3"]  # all
CLAIMS = """{"world": "micro", "claims": [
 {"id": "a", "topic": "T", "says": "CEPO <b>leads</b>", "where": "Table 2", "verdict": "undecided", "why": "one seed",
  "parts": [{"name": "p", "unit": "points", "value": -1.25, "low": -3.0, "high": 0.5, "seeds": 1, "paper": 2.26,
             "interval_over": "questions", "verdict": "undecided", "why": "", "cells": ["cepo/small/default/s1"],
             "control": {"state": "no control was run", "works": false}}]},
 {"id": "b", "topic": "T", "says": "It is slower", "where": "Table 3", "verdict": "supported", "why": "",
  "parts": [{"name": "small", "unit": "ratio", "value": 1.1, "low": 1.0, "high": 1.2, "verdict": "supported"},
            {"name": "large", "unit": "ratio", "value": null, "verdict": "undecided", "why": "not run"}]},
 {"id": "c", "topic": "T", "says": "It turns", "where": "here", "verdict": "undecided", "why": "",
  "parts": [{"name": "small", "unit": "cosine", "value": -0.14, "verdict": "undecided", "why": ""}]}]}"""


class Listener(ThreadingHTTPServer):
    """Counts what is asked of it."""

    asked: list[str]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    server = Listener(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def few_texts(cells: list[Path], *methods: str) -> list[Path]:
    """The small scale of these methods: a heat map draws every token of every response by itself, which takes long."""
    return [cell for cell in cells if cell.parts[-3] == "small" and cell.parts[-4] in methods]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Path:
    """A finished folder whose responses and files try to run and to fetch something."""
    root = tmp_path_factory.mktemp("results") / "micro"
    cells = write_grid(root / "cells", ("base", "grpo", "rlsd", "cepo"))
    outside = f"http://127.0.0.1:{listener.server_port}"
    attack = f"<script src={outside}/script></script><img src={outside}/image onerror=alert(1)>"
    for cell in cells:
        if "base" not in cell.parts:
            write_credit(cell, cell.parts[-4], extra=attack, problems=1)
    table2.write(cells, PUBLISHED, root / "tables")
    credit.write(cells, PUBLISHED, root / "tables")
    figures.write(cells, PUBLISHED, root / "figures")
    creditfigures.write(few_texts(cells, "grpo", "cepo"), PUBLISHED, root / "figures")
    figure3.write(write_experiment(root.parent / "sweep", "figure3"), PUBLISHED, root / "figures")
    write_measured(root)
    gradients.write([], PUBLISHED, root / "tables")
    gradient_signal.write([], PUBLISHED, root / "figures")
    write_measured_truth(root)
    truthfigure.write([], PUBLISHED, root / "figures")
    teacher_knowledge.write(write_teachers(root.parent / "teachers"), PUBLISHED, root / "figures")
    (root / "tables" / "claims.json").write_text(CLAIMS)
    bad = f"<html><body><h1 onclick=x>Mine</h1>{attack}<p style='background:url({outside}/css)'>text</p></body></html>"
    (root / "tables" / "mine.html").write_text(bad)
    return root


@pytest.fixture(scope="module")
def page(results: Path) -> Path:
    path = results / "report.html"
    path.write_text(build(results), encoding="utf-8")
    return path


def test_every_figure_and_table_is_there_with_a_name(page: Path):
    root = html.fromstring(page.read_text())
    drawn = {element.get("id"): element for element in root.iter("figure")}
    assert list(drawn) == DRAWN
    assert set(DRAWN) == set(FIGURES)
    for element in drawn.values():
        (svg,) = element.iter("svg")
        assert svg.get("role") == "img"
        assert svg.get("aria-label") == element.find("figcaption").text
        assert len(list(svg.iter("path"))) > 10
    titles = [heading.text for heading in root.iter("h3")]
    assert {"Table 2 in the micro world", "Credit in the micro world", "Mine"} <= set(titles)
    assert next(heading.text for heading in root.iter("h2")) == "Verdicts"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    links = [a.get("href") for a in root.iter("a")]
    assert {link[1:] for link in links} <= set(ids)


def test_every_table_and_figure_of_the_project_has_a_section_and_a_caption():
    shown = {name for section in SECTIONS for name in section.tables}
    assert shown == TABLES.keys() - {"claims", "pairs"}  # verdicts come first; pairs are a user's own
    drawn = {name for section in SECTIONS for name in section.figures}
    assert drawn == {name for one in REGISTERED.values() for name in one.files} == FIGURES.keys()


def test_a_figure_is_made_of_shapes_which_the_report_keeps(results: Path):
    for path in (results / "figures").glob("*.svg"):
        assert "<image" not in path.read_text(), path.name


def test_a_phone_scrolls_figures_and_gets_verdicts_as_cards(page: Path):
    root = html.fromstring(page.read_text())
    for svg in root.iter("svg"):
        assert svg.getparent().get("class") == "scroll"
        least, most = (int(one.partition(":")[2][:-2]) for one in svg.get("style").split(";"))
        assert 1.3 < most / least < 1.4  # letters of 8 points are 11 pixels high at least
    (rows,) = root.xpath("//table[@class='verdicts']/tbody")
    for cell in rows.iter("td"):
        assert bool(cell.get("title")) == bool(cell.text_content()), cell.text_content()


def test_nothing_leads_out_and_nothing_runs(page: Path):
    root = html.fromstring(page.read_text())
    assert not [e.tag for e in root.iter("script", "img", "iframe", "link", "object", "embed", "base", "form")]
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "http" not in value or name.startswith("xmlns")
            if name in ("href", "src"):
                assert value.startswith("#")
    assert "default-src 'none'" in root.find(".//meta[@http-equiv]").get("content")


def test_what_is_missing_is_said_with_the_way_to_it(page: Path, tmp_path: Path):
    text = page.read_text()
    assert "Not computed: table3 (make reproduce)" in text
    assert "Not computed: noise (make noise)" in text
    assert text.count("(make figure3)") == 1
    (tmp_path / "tables").mkdir()
    empty = build(tmp_path)
    assert "Not computed: claims (make everything)" in empty
    assert "Not computed: cells (make reproduce)" in empty
    with pytest.raises(DataError, match="holds no tables, figures or cells"):
        build(tmp_path / "tables")


def test_verdicts_show_signs_words_and_effects(results: Path):
    root = html.fromstring(verdicts(results / "tables" / "claims.json"))
    counts = [item.text_content() for item in root.iter("li")]
    assert counts == ["1 \u2713 supported", "0 \u2717 contradicted", "2 ? undecided"]
    rows = [[" ".join(cell.text_content().split()) for cell in row] for row in root.iter("tr")]
    effect = "\u22121.2 points[\u22123.0, +0.5] over questions"
    why = "one seed1 cellcepo/small/default/s1"
    assert rows[2] == [
        "CEPO <b>leads</b> (Table 2)",
        "? undecided",
        effect,
        "1",
        "+2.3 points",
        why,
        "no control was run",
    ]
    assert [row[0] for row in rows[3:]] == ["It is slower (Table 3)", "small", "large", "It turns (here)"]
    assert rows[4][2] == "1.100 times[1.000, 1.200]"
    assert rows[6][2] == "\u22120.140 cosine"


def test_claims_without_any_number_are_counted(tmp_path: Path):
    path = tmp_path / "claims.json"
    path.write_text(CLAIMS.replace("-0.14", "null"))
    counts = [item.text_content() for item in html.fromstring(verdicts(path)).iter("li")]
    assert counts[2] == "2 ? undecided, 1 of them not measured here"


def test_a_method_of_ones_own_is_in_every_part(tmp_path: Path):
    cells = write_grid(tmp_path / "cells", ("base", "grpo", "cepo", "mine"))
    others = [cell for cell in cells if "base" not in cell.parts]
    for cell in others:
        write_credit(cell, cell.parts[-4], problems=1)
    for made in (table2, table3, credit, claims):
        made.write(cells, PUBLISHED, tmp_path / "tables")
    figures.write(cells, PUBLISHED, tmp_path / "figures")
    creditfigures.write(few_texts(cells, "grpo", "mine"), PUBLISHED, tmp_path / "figures")
    root = html.fromstring(build(tmp_path))
    for section in ("verdicts", "comparison", "credit", "cost", "provenance"):
        assert "mine" in root.get_element_by_id(section).text_content(), section
    assert "mine" in root.get_element_by_id("figure5").getnext().text_content()
    drawn = figures.figure1(trained(read_arms(cells)), load(PUBLISHED).figure1)
    assert "mine" in [text.get_text() for legend in drawn.legends for text in legend.get_texts()]


def test_broken_parts_are_named_in_their_place(results: Path, tmp_path: Path):
    shutil.copytree(results, tmp_path / "micro")
    (tmp_path / "micro" / "tables" / "claims.json").write_text("[]")
    (tmp_path / "micro" / "figures" / "figure4.svg").write_text("<svg")
    (tmp_path / "micro" / "cells" / "cepo" / "small" / "default" / "s1" / "run.json").write_text("{}")
    text = build(tmp_path / "micro")
    for words in ("is not a table of claims", "figure4.svg: cannot be read", "s1/run.json: cell"):
        assert words in text


def test_an_svg_keeps_its_drawing_only(tmp_path: Path):
    path = tmp_path / "drawn.svg"
    path.write_text(
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()">'
        '<script>1</script><image href="http://x/y"/><foreignObject><p/></foreignObject><g id="a" fill="url(#b)">'
        '<use href="#a"/><use href="http://x/y"/><path d="M0 0" style="fill:url(http://x)"/><text>&x;</text></g></svg>'
    )
    shown = figure(path, "words")
    assert 'id="drawn-a"' in shown
    assert 'href="#drawn-a"' in shown
    assert "url(#drawn-b)" in shown
    for gone in ("script", "image", "foreignObject", "http://x", "onload", "&x;"):
        assert gone not in shown.replace("http://www.w3.org", "")


def test_a_table_keeps_its_words_only(results: Path):
    shown = table(results / "tables" / "mine.html")
    assert shown == "<h3>Mine</h3><p>text</p>"


@pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome is installed (Debian: apt-get install chromium)")
def test_a_browser_draws_it_and_asks_for_nothing(page: Path, listener: Listener, tmp_path: Path):
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=2000",
    ]
    done = subprocess.run(
        [str(BROWSER), *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=240
    )
    root = html.fromstring(done.stdout)
    assert [element.get("id") for element in root.iter("figure")] == DRAWN
    assert len(list(root.iter("svg"))) == len(DRAWN)
    assert listener.asked == []
