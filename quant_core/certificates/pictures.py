"""Two small drawings for the page, as inline SVG: no library, no figure of another page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from quant_core.foundation.language import Say
from quant_core.foundation.types import FloatArray

WIDTH, LEFT, RIGHT = 860, 12, 12
BINS = 31
BLUE, AMBER, SOFT, RULE = "#1f5fa8", "#d08a1d", "#5c6773", "#e1e6ec"


class BandDot(NamedTuple):
    """One convention and the final equity it gives."""

    label: str
    value: float


def histogram(sample: FloatArray, interval: tuple[float, float], say: Say) -> str:
    """How a sample lies around zero, with the interval of its mean."""
    reach = float(np.abs(sample).max()) or 1.0
    counts, edges = np.histogram(sample, bins=BINS, range=(-reach, reach))
    height, ground = 206, 176
    scale = (WIDTH - LEFT - RIGHT) / (2 * reach)

    def across(value: float) -> float:
        return LEFT + (value + reach) * scale

    tallest = int(counts.max())
    bars = [
        f'<rect x="{across(edge) + 1:.1f}" y="{ground - 140 * count / tallest:.1f}" '
        f'width="{across(edges[i + 1]) - across(edge) - 2:.1f}" '
        f'height="{140 * count / tallest:.1f}" fill="{BLUE}" fill-opacity="0.55"/>'
        for i, (edge, count) in enumerate(zip(edges.tolist(), counts.tolist(), strict=False))
    ]
    low, high = (across(value) for value in interval)
    band = (
        f'<rect x="{low:.1f}" y="26" width="{max(high - low, 1):.1f}" height="{ground - 26}" '
        f'fill="{AMBER}" fill-opacity="0.28"/>'
    )
    zero = _line(across(0.0), 26, ground, SOFT)
    ticks = [_text(across(v), height - 12, f"{v:+.1%}") for v in (-reach, 0.0, reach)]
    told = _text((low + high) / 2, 18, say("99 % interval of the mean"))
    return _svg(height, [band, *bars, zero, _floor(ground), *ticks, told])


def band_picture(dots: Sequence[BandDot], quoted: float) -> str:
    """Final equity under every convention, with the quoted one as a line."""
    values = [dot.value for dot in dots] + [quoted]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 1.0
    left, right, step = 330, 20, 20

    def across(value: float) -> float:
        share = (value - low + margin) / (high - low + 2 * margin)
        return left + share * (WIDTH - left - right)

    ground = step * len(dots) + 10
    parts = [_line(across(quoted), 4, ground, AMBER), _floor(ground)]
    for number, dot in enumerate(dots):
        y = step * number + 16
        parts.append(_text(left - 12, y + 4, dot.label, "end"))
        parts.append(f'<circle cx="{across(dot.value):.1f}" cy="{y}" r="4.5" fill="{BLUE}"/>')
    ends = ((low, "start"), (high, "end"))
    parts += [_text(across(v), ground + 18, f"{v:,.0f}", anchor) for v, anchor in ends]
    return _svg(ground + 28, parts)


def _line(x: float, top: float, bottom: float, colour: str) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}" '
        'stroke-width="1.5"/>'
    )


def _floor(y: float) -> str:
    return f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="{RULE}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    inside = min(max(x, LEFT), WIDTH - RIGHT)
    if anchor == "middle":
        anchor = "start" if x < LEFT + 20 else "end" if x > WIDTH - RIGHT - 20 else anchor
    return (
        f'<text x="{inside:.1f}" y="{y:.1f}" font-size="12" fill="{SOFT}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" style="max-width:{WIDTH}px" '
        f'role="img">{"".join(parts)}</svg>'
    )
