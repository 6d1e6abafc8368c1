"""Tables for LaTeX, with booktabs."""

from __future__ import annotations

from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.cell_words import MINUS
from evals.analysis.rendering.layout import ABSENT, Entry, Part

SPECIAL = {character: f"\\{character}" for character in "&%#_${}"}
SPECIAL |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
SPECIAL |= {MINUS: "$-$", ABSENT: "--"}


def render(words: Words, parts: list[Part]) -> str:
    """One ``table*`` per part: the caption stands in the first, the notes on the published numbers under the last."""
    captions = [" ".join([f"{words.title}: {_lower(parts[0].title)}.", *words.caption])]
    captions += [f"{words.title}: {_lower(part.title)}, read as the table before." for part in parts[1:]]
    notes = [[]] * (len(parts) - 1) + [[_superscript(mark) + escape(text) for mark, text in words.notes]]
    lines = [f"% {words.title}. Needs \\usepackage{{booktabs,graphicx}}."]
    for part, caption, below in zip(parts, captions, notes, strict=True):
        lines += _table(part, caption, below)
    return "\n".join(lines) + "\n"


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _table(part: Part, caption: str, notes: list[str]) -> list[str]:
    return [
        r"\begin{table*}[t]",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",  # shrink, never blow up
        *_tabular(part),
        r"}",
        *([r"\par\smallskip\raggedright\scriptsize", " \\\\\n".join(notes)] if notes else []),
        r"\end{table*}",
    ]


def _tabular(part: Part) -> list[str]:
    width = sum(len(group.columns) for group in part.groups)
    columns = r"@{\quad}".join("r" * len(group.columns) for group in part.groups)
    lines = [rf"\begin{{tabular}}{{l{columns}}}", r"\toprule"]
    lines += [_heads(part), r"\midrule"]
    for index, section in enumerate(part.sections):
        lines += [r"\midrule"] if index else []
        lines.append(rf"\multicolumn{{{width + 1}}}{{l}}{{\textit{{{escape(section.heading)}}}}} \\")
        for name, entries in section.rows:
            lines += _rows(name, entries)
    return [*lines, r"\bottomrule", r"\end{tabular}"]


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
