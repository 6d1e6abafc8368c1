"""Table 2 as GitHub Markdown."""

from __future__ import annotations

from evals.analysis.captions import Words
from evals.analysis.layout import Entry, Part, Section


def render(words: Words, parts: list[Part]) -> str:
    """The whole document."""
    blocks = [f"## {words.title}", "\n".join(f"- {_escape(sentence)}" for sentence in words.caption)]
    for part in parts:
        blocks.append(f"### {part.title}")
        blocks += [_section(part, section) for section in part.sections]
    notes = [f"- {f'<sup>{mark}</sup> ' if mark else ''}{_escape(text)}" for mark, text in words.notes]
    return "\n\n".join([*blocks, "### Notes on the published numbers", "\n".join(notes)]) + "\n"


def _section(part: Part, section: Section) -> str:
    heads = [_stacked(group.prefix, column) for group in part.groups for column in group.columns]
    lines = [_line(["Method", *heads]), _line([":--", *["--:"] * len(heads)])]
    lines += [_line([name, *map(_entry, entries)]) for name, entries in section.rows]
    return "\n".join([f"**{_escape(section.heading)}**", "", *lines])


def _stacked(*texts: str) -> str:
    return "<br>".join(text for text in texts if text)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _entry(entry: Entry) -> str:
    main = f"**{entry.main}**" if entry.bold else entry.main
    main = f"*{main}*" if entry.paper and main else main
    main += f"<sup>{entry.mark}</sup>" if entry.mark else ""
    return _stacked(main, *(f"<sub>{text}</sub>" for text in entry.small))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")
