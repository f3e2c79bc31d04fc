"""The grid of a sweep: axes, their values as written, and every combination of them.

1. :func:`read_axis`, :func:`read_grid_file` - texts become axes.
2. :func:`check_axes` - what is wrong with them, all at once.
3. :func:`combinations` - the ``key=value`` lines of every cell.

A value stays the text it was written as: the configuration reads it, as it reads ``--set``. An
axis is a settings key, or a name that stands in braces in other lines and is filled in there.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quant_core.foundation.errors import ConfigurationError

LARGEST_GRID = 100_000
"""Combinations of one sweep."""

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


def read_axis(text: str, where: str = "--grid") -> Axis:
    """The axis that ``key=[v1, v2]`` describes.

    Raises
    ------
    ConfigurationError
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
    listed = written.startswith("[") and written.endswith("]") and len(written) > 1
    if not (name.strip() and listed and values and all(values)):
        raise ConfigurationError(
            "an axis of the grid is not a list of values",
            expected="key=[value, value, ...]",
            found=text,
            where=where,
            fix="quote it for the shell: --grid 'strategy.top_k=[10, 20, 50]'",
        )
    return Axis(name.strip(), values)


def read_axes(
    texts: Sequence[str], lines: Sequence[str] = (), file: str = ""
) -> tuple[list[Axis], list[ConfigurationError]]:
    """The axes of a file's lines and of the command line, and what cannot be read of them.

    Examples
    --------
    >>> axes, problems = read_axes(["strategy.top_k=[5, 10]", "rebalance.every=5"])
    >>> [axis.name for axis in axes], len(problems)
    (['strategy.top_k'], 1)
    """
    axes: list[Axis] = []
    problems: list[ConfigurationError] = []
    given = [(line, file) for line in lines] + [(text, "--grid") for text in texts]
    for text, where in given:
        try:
            axes.append(read_axis(text, where))
        except ConfigurationError as problem:
            problems.append(problem)
    return axes, problems


def lines_of_file(text: str) -> list[str]:
    r"""The axes of a grid file as ``key=[...]``: a line ``key: [v1, v2]`` each, ``#`` comments.

    Examples
    --------
    >>> lines_of_file("# how many\nstrategy.top_k: [10, 20]\nlookback: [20, 60]  # sessions")
    ['strategy.top_k=[10, 20]', 'lookback=[20, 60]']
    """
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    parts = [line.partition(":") for line in lines if line and not line.startswith("#")]
    return [f"{key.strip()}={value.strip()}" for key, _, value in parts]


def check_axes(
    axes: Sequence[Axis], settings: Sequence[str], keys: Collection[str], columns: Collection[str]
) -> list[ConfigurationError]:
    """What is wrong with the axes as a whole.

    Parameters
    ----------
    axes : sequence of Axis
    settings : sequence of str
        The ``key=value`` lines given beside the grid.
    keys : collection of str
        Settings keys without a dot.
    columns : collection of str
        Columns of the table, which no axis may be called.

    Examples
    --------
    >>> [p.problem for p in check_axes([read_axis("days=[20, 60]")], [], ["rebalance"], [])]
    ["an axis is no settings key, and nothing holds it in braces: 'days'"]
    """
    problems: list[ConfigurationError] = []
    if not axes:
        problems.append(_problem("the grid has no axis", "at least one --grid", "none"))
    names = [axis.name for axis in axes]
    problems += [
        _problem(f"the grid names an axis twice: {name!r}", "each name once", name)
        for name in dict.fromkeys(name for name in names if names.count(name) > 1)
    ]
    filled = open_names(axes, settings)
    for name in dict.fromkeys(names):
        if "." not in name and name not in keys and name not in filled:
            told = f"an axis is no settings key, and nothing holds it in braces: {name!r}"
            problems.append(_problem(told, f"a settings key, or {{{name}}} in a --set", name))
        elif name in columns:
            told = f"an axis is called like a column of the table: {name!r}"
            problems.append(_problem(told, "another name", name))
    problems += [
        _problem(f"an axis has a value twice: {axis.name!r}", "each value once", value)
        for axis in axes
        for value, times in Counter(axis.values).items()
        if times > 1
    ]
    size = math.prod(len(axis.values) for axis in axes)
    if size > LARGEST_GRID:
        told = "the grid is too large"
        problems.append(_problem(told, f"at most {LARGEST_GRID:,} combinations", f"{size:,}"))
    return problems


def _problem(told: str, expected: str, found: str) -> ConfigurationError:
    fix = "--grid 'strategy.top_k=[10, 20]' for each key that varies"
    return ConfigurationError(told, expected=expected, found=found, where="--grid", fix=fix)


def open_names(axes: Sequence[Axis], settings: Sequence[str]) -> list[str]:
    """The axes whose name stands in braces in a line, or in a value of another axis."""
    texts = [*settings, *(value for axis in axes for value in axis.values)]
    return [axis.name for axis in axes if any("{" + axis.name + "}" in text for text in texts)]


def open_lines(axes: Sequence[Axis], settings: Sequence[str]) -> list[str]:
    """The lines with the name of an axis in braces: they are no settings before it is filled in.

    Examples
    --------
    >>> open_lines([read_axis("days=[20, 60]")], ["a={momentum_{days}: 1}", "b={c: 1}"])
    ['a={momentum_{days}: 1}']
    """
    return [line for line in settings if any("{" + axis.name + "}" in line for axis in axes)]


def combinations(axes: Sequence[Axis], settings: Sequence[str]) -> list[Combination]:
    """Every combination, the last axis quickest, numbered from 0.

    Parameters
    ----------
    axes : sequence of Axis
        The name of an axis that stands as ``{name}`` in a line of ``settings``, or in a value
        of another axis, is filled in there; any other is a settings key.
    settings : sequence of str
        The ``key=value`` lines given beside the grid.

    Examples
    --------
    >>> grid = [read_axis("days=[20, 60]"), read_axis("strategy.top_k=[5]")]
    >>> combinations(grid, ["strategy.linear.weights={momentum_{days}: 1}"])[1].overrides
    ('strategy.linear.weights={momentum_60: 1}', 'strategy.top_k=5')
    """
    names = [axis.name for axis in axes]
    blanks, unfilled = open_names(axes, settings), open_lines(axes, settings)
    found: list[Combination] = []
    for number, values in enumerate(itertools.product(*(axis.values for axis in axes))):
        chosen = dict(zip(names, values, strict=True))
        lines = [f"{name}={value}" for name, value in chosen.items() if name not in blanks]
        filled = [_filled(line, {n: chosen[n] for n in blanks}) for line in (*unfilled, *lines)]
        found.append(Combination(number, chosen, tuple(filled)))
    return found


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
