"""Settings of every combination of a grid, as the configuration would read each.

Every ``key=value`` line is read once by the configuration, on top of the settings given beside
the grid; a combination takes from each reading the value that the line sets. Where that is not
enough (two lines inside one value, another strategy type, values that contradict each other)
the configuration reads the combination itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from quant_core.foundation.errors import ConfigurationError, QuantError
from quant_core.foundation.settings import Settings
from quant_core.foundation.settings_section import Section
from quant_core.sweeps.grid import Combination

Kind = TypeVar("Kind", bound=Section)

Read = Callable[[Sequence[str]], Settings]
"""Settings with some more lines on top."""

Path = tuple[str, ...]
"""Attributes from the settings down to a value."""

Lines = tuple[str, ...]
"""The ``key=value`` lines of a combination, or the first of them."""


UNKNOWN = "unknown key"
"""How the configuration begins to speak of a key that there is not."""


def settings_of(
    grid: Sequence[Combination], base: Settings, read: Read
) -> list[Settings | QuantError]:
    """The settings of each combination, or why it has none.

    Raises
    ------
    ConfigurationError
        If a line names a key that there is not: no combination could be read.
    """
    lines = dict.fromkeys(line for combination in grid for line in combination.overrides)
    known = {line: _read(read, (line,)) for line in lines}
    unknown = {problem.where: problem for problem in _unknown_keys(known.values())}
    if unknown:
        raise ConfigurationError.all_of(list(unknown.values()))
    combiner = _Combiner(base, known, read)
    return [combiner.settings(combination.overrides) for combination in grid]


def _unknown_keys(found: Iterable[Settings | QuantError]) -> Iterator[ConfigurationError]:
    for error in found:
        if isinstance(error, ConfigurationError):
            for problem in error.problems or (error,):
                if problem.problem.startswith(UNKNOWN):
                    yield problem


def _read(read: Read, lines: Sequence[str]) -> Settings | QuantError:
    try:
        return read(lines)
    except QuantError as error:
        return error


class _Combiner:
    """Settings of combinations from the settings that each line of them was read to.

    The settings of a combination are those of all its lines but the last with one value
    changed; neighbours in a grid share them.
    """

    def __init__(
        self, base: Settings, known: Mapping[str, Settings | QuantError], read: Read
    ) -> None:
        self._known = known
        self._read = read
        self._places = {
            line: _place(line.partition("=")[0], base, found)
            for line, found in known.items()
            if not isinstance(found, QuantError)
        }
        self._joined: dict[Lines, Settings | None] = {(): base}

    def settings(self, lines: Lines) -> Settings | QuantError:
        """Settings with all these lines, or why there are none."""
        if len(lines) == 1 and isinstance(refused := self._known[lines[0]], QuantError):
            return refused
        joined = self._join(lines) if all(line in self._places for line in lines) else None
        return _read(self._read, lines) if joined is None else joined

    def _join(self, lines: Lines) -> Settings | None:
        """The base with the value of each line; None where the configuration must read them."""
        if lines not in self._joined:
            self._joined[lines] = self._with_the_last(lines)
        return self._joined[lines]

    def _with_the_last(self, lines: Lines) -> Settings | None:
        *before, last = lines
        path, found = self._places[last], self._known[last]
        under = self._join(tuple(before))
        others = [self._places[line] for line in before]
        if under is None or path is None or isinstance(found, QuantError):
            return None
        if any(other is None or _overlap(path, other) for other in others):
            return None
        return _with(under, found, path)


def _place(key: str, base: Section, found: Section) -> Path | None:
    """Where the value of a key stands: the attributes down to what is no common section."""
    parts = key.split(".")
    if parts[:2] == ["strategy", "type"]:
        return None
    if parts[0] == "strategy" and len(parts) > 2 and parts[1] != "risk":
        parts[1] = "options"
    path: list[str] = []
    for part in parts:
        if part not in type(base).model_fields:
            return None
        path.append(part)
        ours, theirs = getattr(base, part), getattr(found, part)
        if not isinstance(ours, Section) or type(ours) is not type(theirs):
            break
        base, found = ours, theirs
    return tuple(path)


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _with(base: Kind, found: Kind, path: Path) -> Kind | None:
    """``base`` with the value that stands at ``path`` in ``found``; None = a contradiction."""
    name, *rest = path
    value = getattr(found, name)
    if rest:
        value = _with(getattr(base, name), value, tuple(rest))
        if value is None:
            return None
    changed = base.model_copy(update={name: value})
    return None if any(True for _ in changed.conflicts()) else changed
