"""Plotly figures as plain JSON values: no drawing library is imported to make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from quant_core.foundation.language import Say
from quant_core.foundation.types import FloatArray, SessionArray

Json: TypeAlias = "str | float | int | bool | Sequence[Json] | Mapping[str, Json] | None"
Figure: TypeAlias = dict[str, Json]

BLUE, GREY, RED, GREEN, AMBER = "#1f5fa8", "#8a94a3", "#c0392b", "#2e8b57", "#d08a1d"
FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif"


def equity_figure(
    sessions: SessionArray, equity: FloatArray, benchmark: FloatArray, gross: FloatArray, say: Say
) -> Figure:
    """Equity net and gross of costs against the benchmark, logarithmic."""
    lines = [
        line(say("Strategy, net"), sessions, equity, BLUE, width=2.0),
        line(say("Strategy, gross of costs"), sessions, gross, BLUE, dash="dot", width=1.0),
    ]
    if np.isfinite(benchmark).any():
        lines.append(line(say("Benchmark"), sessions, benchmark, GREY, width=1.5))
    ticks = _log_ticks(np.concatenate([equity, benchmark, gross]))
    axis: Figure = {"type": "log", "tickformat": "~s", "tickvals": ticks}
    return time_figure(lines, axis, height=380)


def underwater_figure(
    sessions: SessionArray, drawdown: FloatArray, benchmark_drawdown: FloatArray, say: Say
) -> Figure:
    """Distance from the running peak."""
    area = line(say("Strategy, net"), sessions, drawdown, RED, width=1.0)
    area |= {"fill": "tozeroy", "fillcolor": "rgba(192,57,43,0.15)"}
    lines = [area]
    if np.isfinite(benchmark_drawdown).any():
        lines.append(line(say("Benchmark"), sessions, benchmark_drawdown, GREY, width=1.0))
    return time_figure(lines, {"tickformat": ".0%"}, height=240)


def monthly_figure(years: Sequence[int], table: FloatArray, say: Say) -> Figure:
    """Heat map of monthly returns: a row a year, newest at the bottom; NaN = no sessions."""
    names = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"]
    bound = float(np.nanmax(np.abs(table))) if np.isfinite(table).any() else 0.01
    heat: Figure = {
        "type": "heatmap",
        "x": names,
        "y": [str(year) for year in years],
        "z": [_numbers(row) for row in table],
        "text": [["" if not np.isfinite(v) else f"{v:z.1%}" for v in row] for row in table],
        "texttemplate": "%{text}",
        "zmin": -bound,
        "zmax": bound,
        "colorscale": [[0, "#c0392b"], [0.5, "#ffffff"], [1, "#2e8b57"]],
        "showscale": False,
        "hovertemplate": f"%{{y}}-%{{x}}: %{{z:.2%}}<extra>{say('Monthly return')}</extra>",
        "xgap": 2,
        "ygap": 2,
    }
    layout: Figure = {
        "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False},
        "xaxis": {"type": "category", "side": "top", "showgrid": False},
        "margin": {"t": 36},
    }
    return figure([heat], layout, height=70 + 34 * len(years))


def histogram_figure(name: str, values: FloatArray, color: str, tick: str = ".1%") -> Figure:
    """Distribution of fractions such as returns or gaps."""
    bars: Figure = {
        "type": "histogram",
        "name": name,
        "x": _numbers(values),
        "marker": {"color": color},
        "nbinsx": 80,
    }
    layout: Figure = {"xaxis": {"tickformat": tick, "type": "linear"}, "bargap": 0.03}
    return figure([bars], layout, height=260)


def spread_figure(
    names: tuple[str, str], values: FloatArray, mark: float, color: str, tick: str
) -> Figure:
    """Distribution over scenarios with a line at one value; ``names`` are those of both."""
    bars: Figure = {
        "type": "histogram",
        "name": names[0],
        "x": _numbers(values),
        "marker": {"color": color},
        "nbinsx": 30,
    }
    line_at: Figure = {
        "type": "line",
        "x0": mark,
        "x1": mark,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": RED, "width": 2, "dash": "dot"},
    }
    text: Figure = {
        "x": mark,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": names[1],
        "showarrow": False,
        "font": {"color": RED},
    }
    known = bool(np.isfinite(mark))
    layout: Figure = {
        "xaxis": {"tickformat": tick, "type": "linear"},
        "bargap": 0.03,
        "margin": {"t": 28},
        "shapes": [line_at] if known else [],
        "annotations": [text] if known else [],
    }
    return figure([bars], layout, height=240)


def capital_figure(
    names: tuple[str, str], capital: FloatArray, ratio: FloatArray, share: FloatArray
) -> Figure:
    """A ratio (left) and a share (right) against capital on a logarithmic axis."""

    def curve(name: str, values: FloatArray, color: str, axis: str) -> Figure:
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": _numbers(capital),
            "y": _numbers(values),
            "yaxis": axis,
            "line": {"color": color, "width": 2},
            "marker": {"size": 7},
        }

    lines = [curve(names[0], ratio, BLUE, "y"), curve(names[1], share, GREY, "y2")]
    layout: Figure = {
        "xaxis": {
            "type": "log",
            "tickvals": _numbers(capital),
            "ticktext": [f"{value:,.0f}" for value in capital.tolist()],
        },
        "yaxis": {"tickformat": ".2f", "rangemode": "tozero"},
        "yaxis2": {
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "tickformat": ".0%",
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.05],
            "showgrid": False,
        },
    }
    return figure(lines, layout, height=280)


def lines_figure(lines: list[Figure], tick: str, height: int = 240) -> Figure:
    """Time series that share one axis."""
    return time_figure(lines, {"tickformat": tick, "rangemode": "tozero"}, height=height)


def bars_figure(name: str, sessions: SessionArray, values: FloatArray, tick: str) -> Figure:
    """One bar a session where the value is not zero."""
    shown = values != 0.0
    bars: Figure = {
        "type": "bar",
        "name": name,
        "x": _dates(sessions[shown]),
        "y": _numbers(values[shown]),
        "marker": {"color": BLUE},
    }
    return time_figure([bars], {"tickformat": tick}, height=220)


def line(
    name: str,
    sessions: SessionArray,
    values: FloatArray,
    color: str,
    *,
    width: float = 1.5,
    dash: str = "solid",
) -> Figure:
    """One line over time; NaN leaves a gap."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _dates(sessions),
        "y": _numbers(values),
        "line": {"color": color, "width": width, "dash": dash},
    }


def time_figure(traces: Sequence[Figure], value_axis: Figure, *, height: int) -> Figure:
    """Traces over sessions, with dates that read the same in every language."""
    dates: Figure = {
        "type": "date",
        "hoverformat": "%Y-%m-%d",
        "tickformatstops": [
            {"dtickrange": [None, "M1"], "value": "%Y-%m-%d"},
            {"dtickrange": ["M1", None], "value": "%Y-%m"},
        ],
    }
    return figure(traces, {"xaxis": dates, "yaxis": value_axis}, height=height)


def figure(traces: Sequence[Figure], layout: Figure, *, height: int) -> Figure:
    """Traces with the house's layout."""
    base: Figure = {
        "height": height,
        "margin": {"l": 56, "r": 48, "t": 16, "b": 36},
        "font": {"family": FONT, "size": 12, "color": "#2b3440"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.12, "x": 0},
        "hovermode": "x unified",
        "xaxis": {"showgrid": False, "linecolor": "#cfd6df"},
        "yaxis": {"gridcolor": "#e8ecf1", "zerolinecolor": "#cfd6df"},
    }
    for key, value in layout.items():
        below = base.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            base[key] = {**below, **value}
        else:
            base[key] = value
    return {"data": list(traces), "layout": base}


def _dates(sessions: SessionArray) -> list[str]:
    return sessions.astype("datetime64[D]").astype(str).tolist()


def _numbers(values: FloatArray) -> list[float | None]:
    """Seven significant digits are more than a picture shows; NaN is null."""
    return [float(f"{v:.7g}") if np.isfinite(v) else None for v in values.tolist()]


def _steps(span: float) -> Sequence[float]:
    """Ticks of one decade: the wider the span, the fewer."""
    if span <= 2:
        return [float(step) for step in np.arange(10, 100, 5) / 10]
    if span <= 10:
        return 1, 1.5, 2, 3, 5, 7
    return (1, 2, 5) if span <= 1000 else (1,)


def _log_ticks(values: FloatArray) -> list[float]:
    """Round ticks that do not run into each other."""
    known = values[np.isfinite(values) & (values > 0.0)]
    if len(known) == 0:
        return []
    low, high = float(known.min()), float(known.max())
    decade = 10.0 ** np.floor(np.log10(low))
    steps = _steps(high / low)
    ticks = [decade * 10.0**k * s for k in range(0, 16) for s in steps]
    return [float(f"{t:.6g}") for t in ticks if low * 0.97 <= t <= high * 1.03]
