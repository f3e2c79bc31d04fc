"""The grid of a sweep: axes, their values as written, and every combination of them.

A value stays the text it was written as: the configuration reads it, as it reads ``--set``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quant_core.foundation.errors import UsageError

_OPENING, _CLOSING, _QUOTES = "[{(", "]})", "\"'"


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of the grid: a settings key or a name in braces, and its values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    """One cell of the grid; ``overrides`` are the ``key=value`` lines that make its settings."""

    number: int
    values: Mapping[str, str]
    overrides: tuple[str, ...]


def read_axis(text: str) -> Axis:
    """The axis that ``key=[v1, v2]`` describes.

    Raises
    ------
    UsageError
        If it is no list, or an empty one.

    Examples
    --------
    >>> read_axis("strategy.linear.weights=[{momentum_20: 1.0}, {volatility_20: -1.0}]").values
    ('{momentum_20: 1.0}', '{volatility_20: -1.0}')
    """
    name, _, written = text.partition("=")
    written = written.strip()
    inside = written[1:-1].strip()
    values = tuple(_parts(inside)) if inside else ()
    listed = written.startswith("[") and written.endswith("]")
    if not (name.strip() and listed and values and all(values)):
        raise UsageError(
            "an axis of the grid is not a list of values",
            expected="key=[value, value, ...]",
            found=text,
            where="--grid",
            fix="quote it for the shell: --grid 'strategy.top_k=[10, 20, 50]'",
        )
    return Axis(name.strip(), values)


def read_grid_file(text: str) -> tuple[Axis, ...]:
    r"""The axes of a file: ``key: [v1, v2]`` a line, ``#`` begins a comment.

    Examples
    --------
    >>> read_grid_file("# how many\nstrategy.top_k: [10, 20]\nlookback: [20, 60]")[1]
    Axis(name='lookback', values=('20', '60'))
    """
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    axes: list[Axis] = []
    for line in lines:
        if line and not line.startswith("#"):
            key, _, value = line.partition(":")
            axes.append(read_axis(f"{key}={value}"))
    return tuple(axes)


def combinations(axes: Sequence[Axis], settings: Sequence[str]) -> list[Combination]:
    """Every combination, the last axis quickest, numbered from 0.

    Parameters
    ----------
    axes : sequence of Axis
        The name of an axis that stands as ``{name}`` in one of the ``settings`` is filled in
        there; any other is a settings key.
    settings : sequence of str
        The ``key=value`` lines given beside the grid.

    Raises
    ------
    UsageError
        If there is no axis, or one twice.

    Examples
    --------
    >>> grid = [read_axis("days=[20, 60]"), read_axis("strategy.top_k=[5]")]
    >>> combinations(grid, ["strategy.linear.weights={momentum_{days}: 1}"])[1].overrides
    ('strategy.top_k=5', 'strategy.linear.weights={momentum_60: 1}')
    """
    names = [axis.name for axis in axes]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            "the grid has no axis" if not names else "the grid names an axis twice",
            expected="each key once",
            found=", ".join(names),
            fix="--grid 'strategy.top_k=[10, 20]' for each key that varies",
        )
    unfilled = open_lines(axes, settings)
    blanks = [name for name in names if any("{" + name + "}" in line for line in unfilled)]
    found: list[Combination] = []
    for number, values in enumerate(itertools.product(*(axis.values for axis in axes))):
        chosen = dict(zip(names, values, strict=True))
        lines = [f"{name}={value}" for name, value in chosen.items() if name not in blanks]
        filled = [_filled(line, {name: chosen[name] for name in blanks}) for line in unfilled]
        found.append(Combination(number, chosen, (*lines, *filled)))
    return found


def open_lines(axes: Sequence[Axis], settings: Sequence[str]) -> list[str]:
    """The lines with the name of an axis in braces: they are no settings before it is filled in.

    Examples
    --------
    >>> open_lines([read_axis("days=[20, 60]")], ["a={momentum_{days}: 1}", "b={c: 1}"])
    ['a={momentum_{days}: 1}']
    """
    return [line for line in settings if any("{" + axis.name + "}" in line for axis in axes)]


def _filled(line: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        line = line.replace("{" + name + "}", value)
    return line


def _parts(text: str) -> Iterator[str]:
    """What stands between the commas that are in no bracket and no quotes."""
    depth, quote, begun = 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            yield text[begun:place].strip()
            begun = place + 1
    yield text[begun:].strip()
