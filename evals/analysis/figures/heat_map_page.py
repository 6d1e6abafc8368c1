"""Heat maps of weights as a web page: one file without scripts. Responses are model output and always escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evals.analysis.figures.heat_map_picture import colour, ink, marked
from evals.analysis.figures.heat_map_rollouts import HeatMap, Shown

STYLE = """
.rollout { margin: 1.2em 0; break-inside: avoid }
.rollout h4 { margin: 0 0 .3em; font-size: 1em }
.rollout dl { display: grid; grid-template-columns: max-content 1fr; gap: .25em .8em; margin: 0 }
.rollout dt { font-weight: 600 }
.rollout dd { margin: 0; font: .85em/1.7 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.rollout dd, .rollout span { overflow-wrap: anywhere }
.rollout dd span { color: #111; white-space: pre-wrap; padding: .12em 0 }
.rollout dd span { -webkit-print-color-adjust: exact; print-color-adjust: exact }
.rollout u { text-decoration-thickness: 1px; text-underline-offset: .18em }
.rollout u.slip { color: #b00020; text-decoration-style: double }
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }}
{style}</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def page(maps: Sequence[HeatMap], title: str, note: str) -> str:
    """Return the complete document."""
    return PAGE.format(title=escape(title), style=STYLE, body=f"<p>{escape(note)}</p>{blocks(maps)}")


def blocks(maps: Sequence[HeatMap]) -> str:
    """Return every response with the weights of every method, as HTML for a page with :data:`STYLE`."""
    shown = [_block(one, m) for m in maps for one in m.shown]
    return "".join(shown) or "<p>No group of the first step held a right and a wrong rollout.</p>"


def _block(one: Shown, m: HeatMap) -> str:
    heading = f"{m.model}, problem {one.sample.problem}: {'right' if one.sample.correct else 'wrong'}"
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_tokens(one, weights, m.reach)}</dd>" for name, weights in one.weights.items()
    )
    return f'<article class="rollout"><h4>{escape(heading)}</h4><dl>{rows}</dl></article>'


def _tokens(one: Shown, weights: Sequence[float], reach: float) -> str:
    return "".join(_token(*token, reach) for token in marked(one.sample, weights))


def _token(shown: str, weight: float, decisive: bool, slipped: bool, uncertain: bool, reach: float) -> str:
    text = escape(shown)
    if decisive or slipped:
        kind, words = (' class="slip"', "slip") if slipped else ("", "decisive")
        text = f'<u{kind} title="{words}">{text}</u>'
    look = f"background:{colour(weight, reach)}" + ("" if uncertain else f";color:{ink(slipped, uncertain)}")
    return f'<span style="{look}" title="{weight:.3f}">{text}</span>'
