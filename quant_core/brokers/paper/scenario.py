"""Scenario files: what the paper broker shall do wrong, and when.

A file is JSON, checked strictly: unknown keys, parameters that the action does not have,
values of another type and faults that could never strike are refused, all at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.types import Session

CALLS = (
    *("open", "submit", "find", "cancel", "cancel_all"),
    *("snapshot", "quotes", "instruments", "bars"),
)
EVENTS = (
    *("executed", "order_seen", "account_changed"),
    *("due_paid", "fraction_paid", "notice"),
)
PHASES = ("before_open", "open", "close", "after_close")
ORDERS = ("meets_market",)
SNAPSHOT_PARTS = ("cash", "positions", "open_orders", "completed_orders", "executions")

NAMES: Mapping[str, tuple[str, ...]] = {
    "call": CALLS,
    "event": EVENTS,
    "phase": PHASES,
    "order": ORDERS,
}
"""What a fault may be on, and the names of each."""

EVERY = "every"
"""In place of a session: the count begins anew in every one."""

WHEN = ("nth", "session", "chance")
"""Keys that say when a fault strikes."""

_Check = Callable[[object], object | None]
_LINK = ("refuse", "phases", "roll_back")

ACTIONS: Mapping[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("call", "slow"): (CALLS, ("seconds",)),
    ("call", "hang"): (CALLS, ("done",)),
    ("call", "unknown"): (("submit", "cancel"), ("done",)),
    ("call", "reject"): (("submit",), ("code",)),
    ("call", "nothing"): (("find",), ()),
    ("call", "refuse"): (("open",), ()),
    ("call", "unconfirmed"): (("cancel_all",), ()),
    ("call", "incomplete"): (("snapshot",), ("missing",)),
    ("call", "stale"): (("quotes",), ("seconds",)),
    ("call", "missing"): (("quotes",), ()),
    ("call", "disconnect"): (tuple(c for c in CALLS if c != "open"), ("done", *_LINK)),
    ("event", "drop"): (EVENTS, ()),
    ("event", "repeat"): (EVENTS, ("times",)),
    ("event", "late"): (EVENTS, ("events", "phases")),
    ("event", "commission_first"): (("executed",), ()),
    ("event", "commission_after"): (("executed",), ("events", "phases")),
    ("event", "commission_lost"): (("executed",), ()),
    ("event", "correct"): (("executed",), ("events", "phases")),
    ("event", "bust"): (("executed",), ("events", "phases")),
    ("event", "says_cancelled"): (("order_seen",), ()),
    ("phase", "disconnect"): (PHASES, _LINK),
    ("phase", "restart"): (PHASES, _LINK),
    ("phase", "roll_back_ids"): (PHASES, ("roll_back",)),
    ("phase", "notice"): (PHASES, ("code",)),
    ("order", "halt"): (ORDERS, ()),
    ("order", "part"): (ORDERS, ("percent",)),
    ("order", "split"): (ORDERS, ("parts",)),
}
"""For each action: the names it can be on, and the parameters it takes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    It strikes at the ``nth`` occurrence of its target (from 1; of every session, where
    ``session`` is "every"; of that session, where it is a date), at all of a session where
    only that is given, or at each with probability ``chance``. The other fields are the
    parameters of the actions; docs/concepts/paper_broker.md tells them.
    """

    on: str
    name: str
    do: str
    nth: int | None = None
    session: Session | None = None
    every_session: bool = False
    chance: float | None = None
    done: bool = False
    times: int = 1
    events: int = 0
    phases: int = 0
    parts: int = 2
    percent: int = 50
    refuse: int = 0
    roll_back: int = 0
    seconds: float = 0.0
    code: str = "scenario"
    missing: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """What is counted."""
        return f"{self.on}:{self.name}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults and the seed that decides the chances among them."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()


NO_FAULTS = Scenario()
"""A broker that behaves."""


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file.

    Raises
    ------
    ConfigurationError
        With everything that is wrong with it.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "the scenario file cannot be read",
            expected="a JSON file in UTF-8",
            found=str(error),
            where=str(path),
        ) from error
    return parse_scenario(content, str(path))


def parse_scenario(content: str, where: str = "scenario") -> Scenario:
    """The scenario in a JSON text.

    Examples
    --------
    >>> text = '{"faults": [{"on": "event", "name": "executed", "nth": 2, "do": "drop"}]}'
    >>> parse_scenario(text).faults[0].target
    'event:executed'
    """
    try:
        document: object = json.loads(content, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            "the scenario is not JSON",
            expected="one JSON object",
            found=str(error)[:200],
            where=where,
        ) from error
    problems = _Problems(where)
    scenario = _scenario(document, problems)
    if problems.found:
        raise ConfigurationError.all_of(problems.found)
    return scenario


class _Problems:
    """Everything that is wrong, with its place."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.found: list[ConfigurationError] = []

    def add(self, place: str, problem: str, expected: str, found: object) -> None:
        self.found.append(
            ConfigurationError(
                problem,
                expected=expected,
                found=f"{found!r:.80}",
                where=f"{self._where}: {place}",
                fix="see docs/concepts/paper_broker.md",
            )
        )


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def _scenario(document: object, problems: _Problems) -> Scenario:
    if not isinstance(document, dict):
        problems.add("top", "a scenario is a JSON object", "an object", document)
        return NO_FAULTS
    named = cast("dict[str, object]", document)
    for key in sorted(named.keys() - {"seed", "faults"}):
        problems.add(key, "a scenario has an unknown key", "seed, faults", key)
    seed, listed = named.get("seed", 0), named.get("faults")
    if type(seed) is not int:
        problems.add("seed", "the seed is not a whole number", "an integer", seed)
        seed = 0
    if not isinstance(listed, list):
        problems.add("faults", "a scenario lists its faults", "a list", listed)
        return NO_FAULTS
    faults = [
        _fault(f"faults[{number}]", item, problems)
        for number, item in enumerate(cast("list[object]", listed))
    ]
    return Scenario(seed, tuple(fault for fault in faults if fault is not None))


def _fault(place: str, document: object, problems: _Problems) -> Fault | None:
    if not isinstance(document, dict):
        problems.add(place, "a fault is a JSON object", "an object", document)
        return None
    given = cast("dict[str, object]", document)
    before = len(problems.found)
    on, name, do = (given.get(key) for key in ("on", "name", "do"))
    if on not in NAMES or name not in NAMES[str(on)]:
        known = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in NAMES.items())
        problems.add(place, "a fault is on something that there is not", known, f"{on} {name}")
        return None
    possible = [act for (kind, act), (names, _) in ACTIONS.items() if kind == on and name in names]
    if do not in possible:
        problems.add(place, f"{on} {name} cannot do this", ", ".join(possible), do)
        return None
    _, parameters = ACTIONS[str(on), str(do)]
    values: dict[str, object] = {}
    for key in sorted(given.keys() - {"on", "name", "do"}):
        _parameter(f"{place}.{key}", key, given[key], parameters, values, problems)
    _check_when(place, given, problems)
    if len(problems.found) > before:
        return None
    return _made(str(on), str(name), str(do), values)


def _made(on: str, name: str, do: str, values: dict[str, object]) -> Fault:
    """The fault of values whose types have been checked."""
    if values.get("session") == EVERY:
        values = {**values, "session": None, "every_session": True}
    make = cast("Callable[..., Fault]", Fault)
    return make(on=on, name=name, do=do, **values)


def _parameter(
    place: str,
    key: str,
    value: object,
    parameters: tuple[str, ...],
    values: dict[str, object],
    problems: _Problems,
) -> None:
    """Check one key of a fault and keep its value."""
    if key not in (*WHEN, *parameters):
        known = ", ".join((*WHEN, *parameters))
        problems.add(place, "a fault has a key that its action does not take", known, key)
        return
    expected, check = _CHECKS[key]
    checked = check(value)
    if checked is None:
        problems.add(place, "a parameter of a fault has an impossible value", expected, value)
    else:
        values[key] = checked


def _check_when(place: str, given: dict[str, object], problems: _Problems) -> None:
    """A fault says when it strikes, in one way."""
    when = [key for key in WHEN if key in given]
    if when not in (["nth"], ["session"], ["nth", "session"], ["chance"]):
        expected = "nth, session, nth and session, or chance"
        problems.add(place, "a fault does not say when it strikes", expected, when)
    elif given.get("session") == EVERY and "nth" not in given:
        problems.add(place, "a fault of every session needs nth", "nth and session", when)


def _whole(least: int, most: int) -> _Check:
    def check(value: object) -> object | None:
        return value if type(value) is int and least <= value <= most else None

    return check


def _number(least: float, most: float) -> _Check:
    def check(value: object) -> object | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return float(value) if least <= value <= most else None

    return check


def _truth(value: object) -> object | None:
    return value if isinstance(value, bool) else None


def _word(value: object) -> object | None:
    return value if isinstance(value, str) and 1 <= len(value) <= 40 else None


def _session(value: object) -> object | None:
    if value == EVERY:
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _parts(value: object) -> object | None:
    if not isinstance(value, list) or not value:
        return None
    named = tuple(cast("list[object]", value))
    return named if all(part in SNAPSHOT_PARTS for part in named) else None


_CHECKS: Mapping[str, tuple[str, _Check]] = {
    "nth": ("a whole number from 1", _whole(1, 10**9)),
    "session": ('a date such as "2024-01-02", or "every"', _session),
    "chance": ("a probability from 0 to 1", _number(0.0, 1.0)),
    "done": ("true or false", _truth),
    "times": ("a whole number from 1 to 100", _whole(1, 100)),
    "events": ("a whole number from 0", _whole(0, 10**6)),
    "phases": ("a whole number from 0", _whole(0, 10**6)),
    "parts": ("a whole number from 2 to 100", _whole(2, 100)),
    "percent": ("a whole number from 0 to 99", _whole(0, 99)),
    "refuse": ("a whole number from 0", _whole(0, 10**6)),
    "roll_back": ("a whole number from 0", _whole(0, 10**9)),
    "seconds": ("a number of seconds from 0", _number(0.0, 1e9)),
    "code": ("a word of at most 40 characters", _word),
    "missing": ("a list of " + ", ".join(SNAPSHOT_PARTS), _parts),
}
