"""A table in its four formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from contracts.files import write_text
from evals.analysis.rendering import latex, markdown, web_page
from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.layout import Part


def write_document(out: Path, stem: str, words: Words, parts: Sequence[Part], numbers: pd.DataFrame) -> list[Path]:
    """Write ``stem`` as .md, .csv (every number), .tex and .html to the folder ``out``; returns the paths."""
    texts = {
        "md": markdown.render(words, list(parts)),
        "csv": numbers.to_csv(index=False, lineterminator="\n"),
        "tex": latex.render(words, list(parts), stem),
        "html": web_page.render(words, list(parts)),
    }
    return [write_text(out / f"{stem}.{kind}", text) for kind, text in texts.items()]
