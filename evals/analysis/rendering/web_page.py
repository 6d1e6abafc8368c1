"""Tables as one HTML file that needs nothing else, on screen and on paper."""

from __future__ import annotations

from html import escape

from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.layout import Entry, Part

SENTENCE = 30  # a longer entry is broken over lines
STYLE = """
@page { size: A4 landscape; margin: 10mm }
body { font: 14px/1.45 "Source Sans 3", "Helvetica Neue", Arial, sans-serif; color: #111; max-width: 1500px }
body { margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin: 0 0 .4em }
h2 { font-size: 1.1em; margin: 1.6em 0 .4em }
ul { max-width: 90em; color: #333; font-size: .88em; padding-left: 1.2em }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
table { border-top: 2px solid; border-bottom: 2px solid }
th, td { padding: .28em .5em; text-align: right; vertical-align: top; white-space: nowrap }
th { font-weight: 600; white-space: normal }
th:first-child, tr.section th { text-align: left }
thead th { vertical-align: bottom }
thead tr.group th { text-align: center; border-bottom: 1px solid #999 }
tr.section th { background: #f0f0f0; border-top: 1px solid #999 }
tbody tr + tr:not(.section) { border-top: 1px solid #e4e4e4 }
tbody tr:not(.section) th { font-weight: 500; min-width: 6em; max-width: 30em }
td.words { white-space: normal; text-align: left; min-width: 14em; max-width: 30em }
small { display: block; color: #555; font-size: .74em; line-height: 1.3 }
td.paper { color: #555; font-style: italic }
.first { border-left: 1px solid #999; padding-left: .9em }
sup { font-size: .7em; font-style: normal; line-height: 0 }
@media print {
  details::details-content { content-visibility: visible }
  body { font-size: 9px; margin: 0; max-width: none; padding: 0 }
  tr, section { break-inside: avoid }
  .scroll { overflow: visible }
}
"""


def render(words: Words, parts: list[Part]) -> str:
    """Return the complete document. It has no scripts and fetches nothing."""
    lead, *rest = words.caption
    about = "".join(f"<li>{escape(sentence)}</li>" for sentence in rest)
    folded = "How to read this table, and where its numbers come from"
    caption = f"<p>{escape(lead)}</p>" + (
        f"<details><summary>{folded}</summary><ul>{about}</ul></details>" if rest else ""
    )
    notes = "".join(f"<li>{_sup(mark)}{escape(text)}</li>" for mark, text in words.notes)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(words.title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(words.title)}</h1>{caption}",
            *map(_part, parts),
            _folded(words, notes),
            "</body></html>\n",
        ]
    )


def _folded(words: Words, notes: str) -> str:
    """The notes under a line that counts them; empty without notes."""
    count = len(words.notes)
    summary = f"{count} note{'s' * (count > 1)} on the published numbers"
    return f"<details><summary>{summary}</summary><ul>{notes}</ul></details>" if count else ""


def _part(part: Part) -> str:
    firsts = _first_columns(part)
    width = 1 + sum(len(group.columns) for group in part.groups)
    body = []
    for section in part.sections:
        body.append(f'<tr class="section"><th colspan="{width}">{escape(section.heading)}</th></tr>')
        body += [
            f'<tr><th scope="row">{escape(name)}</th>{_cells(entries, firsts)}</tr>' for name, entries in section.rows
        ]
    table = f"<table>{_head(part)}<tbody>{''.join(body)}</tbody></table>"
    return f'<section><h2>{escape(part.title)}</h2><div class="scroll">{table}</div></section>'


def _first_columns(part: Part) -> set[int]:
    """Columns (from 0, methods' names not counted) before which a group begins, the first group aside."""
    starts, start = set(), 0
    for group in part.groups:
        starts.add(start)
        start += len(group.columns)
    return starts - {0}


def _head(part: Part) -> str:
    spans = "".join(f'<th colspan="{len(group.columns)}">{escape(group.heading)}</th>' for group in part.groups)
    names = "".join(f'<th scope="col">{escape(column)}</th>' for group in part.groups for column in group.columns)
    stub = f'<th scope="col">{escape(part.stub)}</th>'
    return f'<thead><tr class="group"><th></th>{spans}</tr><tr>{stub}{names}</tr></thead>'


def _cells(entries: list[Entry], firsts: set[int]) -> str:
    return "".join(_cell(entry, index in firsts) for index, entry in enumerate(entries))


def _cell(entry: Entry, first: bool) -> str:
    kinds = (("paper", entry.paper), ("first", first), ("words", len(entry.main) > SENTENCE))
    names = " ".join(name for name, present in kinds if present)
    start = f'<td class="{names}">' if names else "<td>"
    main = f"<b>{escape(entry.main)}</b>" if entry.bold else escape(entry.main)
    small = "".join(f"<small>{escape(text)}</small>" for text in entry.small)
    return f"{start}{main}{_sup(entry.mark)}{small}</td>"


def _sup(mark: str) -> str:
    return f"<sup>{escape(mark)}</sup>" if mark else ""
