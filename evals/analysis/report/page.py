"""The report: one HTML file that opens offline, verdicts first, from a finished results folder alone.

    python -m evals.analysis.report.page results/micro

It shows the tables and figures that are there, and says of missing ones how to make them. It computes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.errors import DataError, one_line_errors
from contracts.files import write_text
from evals.analysis.cell_texts import RECORDS, unpack_texts
from evals.analysis.cells import CellFolder
from evals.analysis.figures.heat_map_page import STYLE as HEAT_MAPS
from evals.analysis.report.embed import figure, table
from evals.analysis.report.runs import runs
from evals.analysis.report.style import STYLE
from evals.analysis.report.verdicts import verdicts

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'"  # the browser fetches and runs nothing, whatever the page holds
)


@dataclass(frozen=True)
class ReportSection:
    """A heading, and the names of the tables and figures under it, in order."""

    id: str
    title: str
    about: str
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    target: str = ""  # make target that makes what is missing


FIGURES = {
    "figure1": "Figure 1. Validation accuracy (percent) over training steps: a line for each method, the mean of its "
    "seeds; shaded, their range. Below, the difference to GRPO at the same step. Right, the paper's curves, on a scale "
    "of their own.",
    "reward": "Mean reward of each step's rollouts over training: a line for each method, the mean of its seeds; "
    "shaded, their range.",
    "figure3": "Figure 3. Average accuracy (percent) of CEPO with other values of three options: lambda if it stays "
    "constant, the steps over which lambda falls to 0, and the clip of token weights. Below, the paper's points.",
    "figure4": "Figure 4. Share of tokens over training whose evidence is positive or negative (top), and of those "
    "without evidence (middle). Bottom, how well token weights single out decisive tokens: AUROC, 50 % is chance.",
    "gradient_signal": "Gradients. Left, rollouts that each method needs for a gradient as clear as GRPO's of one "
    "rollout. Right, whether its gradient points where accuracy rises: cosine, 1 is the same direction. Bars: 95 % "
    "intervals.",
    "truth": "Two responses, token by token: how much each token changed the probability of a right answer (bars: one "
    "standard error), and below it the credit that each method gave.",
    "figure5": "Figure 5. Credit that each method gave to the tokens of the same rollouts, right and wrong ones. Blue: "
    "less than an equal share; orange: more.",
    "teacher_knowledge": "What each method gains over GRPO (points, 95 % intervals), against how much the teachers of "
    "its untrained base know.",
}
SECTIONS = (
    ReportSection("comparison", "Five methods compared", "", ("table2",), ("figure1", "reward"), "reproduce"),
    ReportSection("credit", "Where credit goes", "", ("credit",), ("figure4", "figure5"), "reproduce"),
    ReportSection("gradients", "Gradients", "Signal, noise and direction of every method's gradient on the same "
            "rollouts, measured without training.", ("gradients",), ("gradient_signal",), "gradients"),
    ReportSection("credit-truth", "Credit and truth", "Every method's credit beside the measured advantage of every "
            "token of the same rollouts.", ("truth",), ("truth",), "truth"),
    ReportSection("systems", "Systems", "What every system uses, leaks, costs and gains.", ("table1",), (), "table1"),
    ReportSection("bases", "Base models", "The untrained models, under each way to sample.", ("bases",), (), "bases"),
    ReportSection("knowledge", "What teachers know", "What methods gain where teachers know more.", ("teachers",),
            ("teacher_knowledge",), "teachers"),
    ReportSection("cost", "What methods cost", "", ("table3",), (), "reproduce"),
    ReportSection("teachers", "Teachers' weights", "", ("table4",), (), "table4"),
    ReportSection("feedback", "What teachers are shown", "", ("table5",), (), "table5"),
    ReportSection("sweeps", "Options of CEPO", "", ("sweeps",), ("figure3",), "figure3"),
    ReportSection("tuning", "Learning rates", "", ("tuning",), (), "tuning"),
    ReportSection("controls", "Controls", "What remains of CEPO's lead once one thing at a time is taken away.",
            ("controls", "budgets"), (), "controls"),
    ReportSection("audit", "Audit", "Where the paper's text and the released code differ (docs/audit.md), one option "
            "at a time, and the published numbers checked against themselves.",
            ("audit", "publishedcheck"), (), "audit"),
    ReportSection("noise", "Noise floor", "The same adapter evaluated again and again: differences smaller than this "
            "are nothing.", ("noise",), (), "noise"),
)  # fmt: skip


def build(results: Path) -> str:
    """The whole page for ``results/<world>``; DataError if that is no results folder."""
    if not any((results / name).is_dir() for name in ("tables", "figures", "cells", "gradients", "truth")):
        raise DataError(str(results), "holds no tables, figures or cells", "name a folder like results/micro")
    sections = [*SECTIONS, *_others(results)]
    with _with_cells(results) as unpacked:
        name, provenance = escape(_world(unpacked)), _provenance(unpacked)
    body = [_verdicts(results), *(_section(results, one) for one in sections), provenance]
    titles = {"verdicts": "Verdicts"} | {one.id: one.title for one in sections} | {"provenance": "Provenance"}
    links = "".join(f'<li><a href="#{id}">{escape(title)}</a></li>' for id, title in titles.items())
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>cepo-bench: {name} world</title><style>{STYLE}{HEAT_MAPS}</style></head><body>
<a class="skip" href="#verdicts">Skip to the verdicts</a>
<header><h1>CEPO, rerun in the {name} world</h1>
<p class="lead">{_lead(name)}</p>
<nav aria-label="Sections"><ol>{links}</ol></nav></header>
<main>{"".join(body)}</main>
<footer>Made by cepo-bench from the files of its results folder. The paper: arXiv:2605.19436.</footer>
</body></html>
"""


@contextmanager
def _with_cells(results: Path) -> Iterator[Path]:
    """Give the block ``results``, or if that is an archive a temporary folder of the same name with its cells."""
    if (results / "cells").is_dir() or not (results / RECORDS).exists():
        yield results
        return
    with TemporaryDirectory() as folder:
        unpacked = Path(folder, results.resolve().name)
        unpack_texts(results, unpacked)
        yield unpacked


def _world(results: Path) -> str:
    """Name of the world of the cells; without cells the name of the folder."""
    cells = (CellFolder(path.parent) for path in sorted((results / "cells").glob("*/*/*/*/cell.json")))
    return next((cell.cell.world for cell in cells), results.resolve().name)


def _lead(world: str) -> str:
    text = "What the runs of this folder say about the claims of <cite>CEPO: RLVR Self-Distillation using Contrastive "
    text += "Evidence Policy Optimization</cite>, then the evidence."
    other = (
        " Models and questions here are this project's own: nothing on this page reproduces a number about Qwen3-VL."
    )
    return text if world == "paper" else text + other


def _others(results: Path) -> Iterator[ReportSection]:
    """Tables and figures that no section names: those of experiments a user added."""
    tables = {name for one in SECTIONS for name in one.tables} | {"claims"}
    figures = {name for one in SECTIONS for name in one.figures}
    more = [sorted(path.stem for path in results.glob(pattern)) for pattern in ("tables/*.html", "figures/*.svg")]
    more = [
        tuple(name for name in names if name not in known) for names, known in zip(more, (tables, figures), strict=True)
    ]
    if any(more):
        yield ReportSection("more", "Further tables and figures", "", more[0], more[1])


def _verdicts(results: Path) -> str:
    content = _part(results / "tables" / "claims.json", verdicts, "claims", "everything")
    notes = _part(results / "tables" / "claims.html", table, "", "")
    if notes:
        content = (
            f"<details><summary>How verdicts are reached, and the table as text</summary>{notes}</details>{content}"
        )
    return _wrap("verdicts", "Verdicts", "", content)


def _section(results: Path, section: ReportSection) -> str:
    tables = [results / "tables" / f"{name}.html" for name in section.tables]
    figures = [results / "figures" / f"{name}.svg" for name in section.figures]
    missing = dict.fromkeys(path.stem for path in (*tables, *figures) if not path.exists())
    content = [_part(path, table, "", "") for path in tables]
    content += [_figure(path) for path in figures if path.exists()]
    content += [_missing(", ".join(missing), section.target)] if missing else []
    return _wrap(section.id, section.title, section.about, "".join(content))


def _figure(path: Path) -> str:
    words = FIGURES.get(path.stem, path.stem)
    drawn = _part(path, lambda svg: figure(svg, words), "", "")
    text = path.with_suffix(".html")
    more = _part(text, table, "", "")
    if more:
        more = f"<details><summary>As text, with every weight</summary>{more}</details>"
    drawn = f'<div class="scroll" tabindex="0">{drawn}</div>'
    return f'<figure id="{escape(path.stem)}">{drawn}<figcaption>{escape(words)}</figcaption></figure>{more}'


def _provenance(results: Path) -> str:
    return _wrap("provenance", "Provenance", "", _part(results / "cells", runs_of, "cells", "reproduce"))


def runs_of(cells: Path) -> str:
    """:func:`runs` of the folder around ``cells``."""
    return runs(cells.parent)


def _part(path: Path, show: Callable[[Path], str], name: str, target: str) -> str:
    """Show a file with ``show``, or say in a sentence why it is missing. A part without a name may be missing."""
    if not path.exists():
        return _missing(name, target) if name else ""
    try:
        return show(path)
    except DataError as error:
        return f'<p class="missing">{escape(str(error))}</p>'


def _missing(names: str, target: str) -> str:
    way_out = f" (make {target})" if target else ""
    return f'<p class="missing">Not computed: {escape(names)}{way_out}.</p>'


def _wrap(id: str, title: str, about: str, content: str) -> str:
    text = f"<p>{escape(about)}</p>" if about else ""
    heading = f'<h2 id="{id}-title">{escape(title)}</h2>'
    return f'<section id="{id}" aria-labelledby="{id}-title">{heading}{text}{content}</section>'


def main() -> None:
    """Write ``report/report.html`` into the results folder named."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m evals.analysis.report.page <results/world>")
    results = Path(sys.argv[1])
    with one_line_errors():
        print(write_text(results / "report" / "report.html", build(results)))


if __name__ == "__main__":
    main()
