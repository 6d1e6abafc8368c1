"""Tables as GitHub Markdown: one per scale and group of columns, narrow enough to be read without scrolling."""

from __future__ import annotations

from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.layout import ColumnGroup, Entry, Part

HOW_TO_READ = "How to read this table, and where its numbers come from"
NO_BREAK = "\u00a0"  # a space at which a line must not break


def render(words: Words, parts: list[Part]) -> str:
    """Return the complete document."""
    lead, *rest = words.caption
    about = [f"- {_escape(sentence)}" for sentence in rest]
    blocks = [f"## {words.title}", _escape(lead), *_folded(HOW_TO_READ, about)]
    for part in parts:
        blocks.append(f"### {part.title}")
        blocks += [_table(part.stub, *table) for table in _tables(part)]
    if words.notes:
        notes = [f"- {f'<sup>{mark}</sup> ' if mark else ''}{_escape(text)}" for mark, text in words.notes]
        blocks += _folded(f"{len(notes)} note{'s' * (len(notes) > 1)} on the published numbers", notes)
    return "\n\n".join(blocks) + "\n"


def _folded(summary: str, items: list[str]) -> list[str]:
    """A list that a reader opens; GitHub shows one line of it."""
    return [f"<details>\n<summary>{summary}</summary>", "\n".join(items), "</details>"] if items else []


Rows = list[tuple[str, list[Entry]]]


def _tables(part: Part) -> list[tuple[str, list[str], Rows]]:
    """Heading, columns and rows of each table; the paper's average stands beside our numbers too."""
    tables = []
    for section in part.sections:
        start = 0
        for group in part.groups:
            columns, picked = _columns(part.groups, group, start)
            start += len(group.columns)
            if group.beside and len(columns) == 1:
                continue  # its only column stands beside the others
            rows = [(name, [entries[index] for index in picked]) for name, entries in section.rows]
            heading = f"**{_escape(section.heading)}** · {group.heading}"
            if shown := [row for row in rows if any(entry.main for entry in row[1])]:
                tables.append((heading, columns, shown))
    return tables


def _columns(groups: list[ColumnGroup], group: ColumnGroup, start: int) -> tuple[list[str], list[int]]:
    columns, picked = list(group.columns), list(range(start, start + len(group.columns)))
    last = groups[-1]
    if last.beside and group is not last:
        columns.append(_stacked(last.beside, last.columns[-1]))
        picked.append(sum(len(each.columns) for each in groups) - 1)
    return columns, picked


def _table(stub: str, heading: str, columns: list[str], rows: Rows) -> str:
    lines = [_line([stub, *columns]), _line([":--", *["--:"] * len(columns)])]
    lines += [_line([name, *map(_entry, entries)]) for name, entries in rows]
    return "\n".join([heading, "", *lines])


def _stacked(*texts: str) -> str:
    return "<br>".join(text for text in texts if text)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _entry(entry: Entry) -> str:
    main = f"**{entry.main}**" if entry.bold else entry.main
    main = f"*{main}*" if entry.paper and main else main
    main += f"<sup>{entry.mark}</sup>" if entry.mark else ""
    return _stacked(main, *(f"<sub>{text.replace(' ', NO_BREAK)}</sub>" for text in entry.small))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")
