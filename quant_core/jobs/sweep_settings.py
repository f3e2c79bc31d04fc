"""Settings of every combination of a grid, as the configuration would read each.

Every ``key=value`` line is read once by the configuration, on top of the settings given beside
the grid; a combination takes from each reading the value that the line sets. Where that is not
enough (two lines inside one value, another strategy type, values that contradict each other)
the configuration reads the combination itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    return [_combined(combination, base, known, read) for combination in grid]


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


def _combined(
    combination: Combination,
    base: Settings,
    known: dict[str, Settings | QuantError],
    read: Read,
) -> Settings | QuantError:
    taken: dict[Path, Settings] = {}
    for line in combination.overrides:
        found = known[line]
        if isinstance(found, QuantError):
            return found if len(combination.overrides) == 1 else _read(read, combination.overrides)
        path = _place(line.partition("=")[0], base, found)
        if path is None or any(_overlap(path, other) for other in taken):
            return _read(read, combination.overrides)
        taken[path] = found
    result = base
    for path, found in taken.items():
        changed = _with(result, found, path)
        if changed is None:
            return _read(read, combination.overrides)
        result = changed
    return result


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
