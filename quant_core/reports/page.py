"""The HTML page: one file that opens offline, with one inlined copy of Plotly."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from quant_core.foundation.errors import InvariantBroken
from quant_core.reports.figures import Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its blocks of HTML."""

    anchor: str
    title: str
    blocks: Sequence[str]


class FigureSheet:
    """Collects figures and hands out the places where they are drawn."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []

    def place(self, figure: Figure) -> str:
        """HTML of an empty place that the page's script fills with ``figure``."""
        self._figures.append(figure)
        return f'<div class="figure" id="figure-{len(self._figures) - 1}"></div>'

    def script(self) -> str:
        """The script that draws all figures; no text in them can end it early."""
        data = json.dumps(self._figures, allow_nan=False, separators=(",", ":"))
        safe = data.replace("<", "\\u003c")
        return (
            f"const figures = {safe};\n"
            "figures.forEach((f, i) => Plotly.newPlot('figure-' + i, f.data, f.layout,"
            " {responsive: true, displayModeBar: false}));"
        )


def render_page(title: str, language: str, sections: Sequence[Section], sheet: FigureSheet) -> str:
    """The whole document: no part of it is loaded from elsewhere."""
    menu = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    body = "".join(
        f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>{"".join(s.blocks)}</section>'
        for s in sections
    )
    html_language = "zh-CN" if language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{html_language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<script>{_plotly_script()}</script></head><body>"
        f"<header><h1>{escape(title)}</h1><nav>{menu}</nav></header><main>{body}</main>"
        f"<script>{sheet.script()}</script></body></html>\n"
    )


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: range = range(1, 99)
) -> str:
    """An HTML table; the columns in ``numbers`` are aligned to the right."""

    def cell(tag: str, column: int, text: str) -> str:
        kind = ' class="number"' if column in numbers else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    top = "".join(cell("th", i, text) for i, text in enumerate(head))
    lines = [
        "<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>"
        for row in rows
    ]
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def cards(items: Sequence[tuple[str, str, str]]) -> str:
    """Key figures: name, value, and a small line under it."""
    made = [
        f'<div class="card"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}</div><div class="note">{escape(note)}</div></div>'
        for name, value, note in items
    ]
    return f'<div class="cards">{"".join(made)}</div>'


def bullets(lines: Sequence[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, optionally of a kind: ``warning``, ``small``."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def folded(summary: str, content: str) -> str:
    """Content that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _plotly_script() -> str:
    """The library as text, from the installed package, without importing it."""
    found = importlib.util.find_spec("plotly")
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise InvariantBroken("the plotly package is not installed", fix="run `make setup`")
    path = Path(folders[0]) / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


STYLE = """
:root { --ink: #1d2630; --soft: #5c6773; --rule: #e1e6ec; --paper: #fff; --blue: #1f5fa8; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #f4f6f9; font: 15px/1.5 -apple-system,
  'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif; }
header { background: var(--paper); border-bottom: 1px solid var(--rule); padding: 18px 28px 10px; }
h1 { font-size: 22px; margin: 0 0 6px; } h2 { font-size: 17px; margin: 0 0 10px; }
h3 { font-size: 14px; margin: 18px 0 6px; color: var(--soft); }
nav a { margin-right: 16px; color: var(--blue); text-decoration: none; font-size: 13px; }
main { max-width: 1240px; margin: 18px auto; padding: 0 18px; }
section { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px;
  padding: 16px 20px; margin-bottom: 18px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; }
.card { border: 1px solid var(--rule); border-radius: 6px; padding: 9px 12px; }
.card .name { font-size: 12px; color: var(--soft); }
.card .value { font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.card .note { font-size: 11.5px; color: var(--soft); min-height: 1.2em; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; }
.pair > div { min-width: 0; } @media (max-width: 900px) { .pair { grid-template-columns: 1fr; } }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--rule); text-align: left; }
th { color: var(--soft); font-weight: 600; }
td:first-child { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.warning { background: #fff6e3; border-left: 4px solid #d08a1d; padding: 8px 12px; margin: 8px 0; }
.small { font-size: 12.5px; color: var(--soft); } ul { margin: 6px 0; padding-left: 20px; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--blue); }
@media print { nav { display: none; } section { break-inside: avoid; } }
"""
