"""Tables for LaTeX, with booktabs."""

from __future__ import annotations

from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.cell_words import MINUS
from evals.analysis.rendering.layout import ABSENT, Entry, Part

LONGEST = 30  # rows of a table that stays on one page
SPECIAL = {character: f"\\{character}" for character in "&%#_${}"}
SPECIAL |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
SPECIAL |= {MINUS: "$-$", ABSENT: "--"}


def render(words: Words, parts: list[Part], stem: str = "table") -> str:
    """One table per part, each with a ``\\label``; the notes stand under the last.

    A part of more than :data:`LONGEST` rows is a ``longtable``, which breaks over pages; others are ``table*``. Labels
    are ``tab:<stem>-<number>``, the first ``tab:<stem>``.
    """
    first, *rest = words.caption
    captions = [f"{words.title}: {_lower(parts[0].title)}. {first}"]
    captions += [f"{words.title}: {_lower(part.title)}, read as Table~\\ref{{tab:{stem}}}." for part in parts[1:]]
    notes = [" ".join(escape(sentence) for sentence in rest)] if rest else []
    notes += [_superscript(mark) + escape(text) for mark, text in words.notes]
    lines = [f"% {words.title}. Needs \\usepackage{{booktabs,graphicx,longtable}}; longtable needs one column."]
    for number, (part, caption) in enumerate(zip(parts, captions, strict=True)):
        label = f"tab:{stem}" + (f"-{number + 1}" if number else "")
        text = caption if number else escape(caption)
        below = notes if part is parts[-1] else []
        lines += (_long if _rows_of(part) > LONGEST else _table)(part, text, label, below)
    return "\n".join(lines) + "\n"


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _rows_of(part: Part) -> int:
    return sum(len(section.rows) for section in part.sections)


def _table(part: Part, caption: str, label: str, notes: list[str]) -> list[str]:
    start, rows, end = _tabular(part)
    return [
        r"\begin{table*}[t]",
        r"\centering",
        rf"\caption{{{caption}}}\label{{{label}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",  # shrink, never blow up
        rf"\begin{{tabular}}{{{_alignment(part)}}}",
        *start,
        *rows,
        *end,
        r"\end{tabular}",
        r"}",
        *([r"\par\smallskip\raggedright\scriptsize", " \\\\\n".join(notes)] if notes else []),
        r"\end{table*}",
    ]


def _long(part: Part, caption: str, label: str, notes: list[str]) -> list[str]:
    """A table that breaks over pages, its heads repeated; set small, since it cannot be shrunk to fit."""
    start, rows, _ = _tabular(part)
    return [
        r"\begingroup\scriptsize\setlength{\tabcolsep}{2pt}",
        rf"\begin{{longtable}}{{{_alignment(part)}}}",
        rf"\caption{{{caption}}}\label{{{label}}}\\",
        *start,
        r"\endfirsthead",
        *start,
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        *rows,
        r"\end{longtable}",
        *([r"\par\smallskip\noindent", " \\\\\n".join(notes)] if notes else []),
        r"\endgroup",
    ]


def _alignment(part: Part) -> str:
    return "l" + r"@{\quad}".join("r" * len(group.columns) for group in part.groups)


def _tabular(part: Part) -> tuple[list[str], list[str], list[str]]:
    """Lines of the head, of the rows, and after them."""
    width = sum(len(group.columns) for group in part.groups)
    rows: list[str] = []
    for index, section in enumerate(part.sections):
        rows += [r"\midrule"] if index else []
        rows.append(rf"\multicolumn{{{width + 1}}}{{l}}{{\textit{{{escape(section.heading)}}}}} \\")
        for name, entries in section.rows:
            rows += _rows(name, entries)
    return [r"\toprule", _heads(part), r"\midrule"], rows, [r"\bottomrule"]


def _heads(part: Part) -> str:
    spans, rules, start = [""], [], 2
    for group in part.groups:
        end = start + len(group.columns) - 1
        spans.append(rf"\multicolumn{{{len(group.columns)}}}{{c}}{{{escape(group.heading)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{end}}}")
        start = end + 1
    names = [escape(part.stub), *(escape(column) for group in part.groups for column in group.columns)]
    return "\n".join([" & ".join(spans) + r" \\", " ".join(rules), " & ".join(names) + r" \\"])


def _rows(name: str, entries: list[Entry]) -> list[str]:
    """One line of numbers and one line for each of the smaller lines under them, set closely."""
    lines = [" & ".join([escape(name), *map(_main, entries)])]
    for depth in range(max((len(entry.small) for entry in entries), default=0)):
        small = [escape(entry.small[depth]) if depth < len(entry.small) else "" for entry in entries]
        lines.append(" & ".join(["", *(rf"{{\scriptsize {text}}}" if text else "" for text in small)]))
    return [line + r" \\[-2.5pt]" for line in lines[:-1]] + [lines[-1] + r" \\[2pt]"]


def _main(entry: Entry) -> str:
    text = rf"\textbf{{{escape(entry.main)}}}" if entry.bold else escape(entry.main)
    return (rf"\textit{{{text}}}" if entry.paper and text else text) + _superscript(entry.mark)


def _superscript(mark: str) -> str:
    return rf"\textsuperscript{{{mark}}}" if mark else ""


def escape(text: str) -> str:
    """Plain text with LaTeX's special characters made safe."""
    return "".join(SPECIAL.get(character, character) for character in text)
