"""Reader of the published cases: their inputs by name, their expected results."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tests.shared_data import SHARED

FOLDER = SHARED / "expected" / "empyrical"

PERIODS = {"DAILY": 252, "WEEKLY": 52, "MONTHLY": 12, "QUARTERLY": 4, "YEARLY": 1}
CALENDAR = {"WEEKLY": "week", "MONTHLY": "month", "QUARTERLY": "quarter", "YEARLY": "year"}

NAMED_RESULTS = {
    "mixed_returns_expected_gpd_risk_result": [0.1, 0.100012558, 1.5657e-06, 0.491252627, 0.591265],
    "negative_returns_expected_gpd_risk_result": [0.05, 0.06835359, 9.43e-07, 0.3451164, 0.4134703],
    "df_0_expected": {
        "one": [0.0, 0.013221, 0.044264, 0.029414, 0.024372, 0.037371, 0.002539, 0.020555],
        "two": [0.018462, 0.026548, 0.011680, 0.015955, 0.012504, 0.050542, 0.066461, 0.066461],
    },
    "df_100_expected": {
        "one": [
            100.0,
            101.322056,
            104.426424,
            102.941421,
            102.437235,
            103.737087,
            100.253895,
            102.055494,
        ],
        "two": [
            101.846232,
            102.654841,
            101.167994,
            101.595466,
            101.250436,
            105.054226,
            106.646123,
            106.646123,
        ],
    },
    "df_empty": {},
}
"""Results the case file gives by name only."""


@dataclass(frozen=True, slots=True)
class Series:
    days: np.ndarray
    values: np.ndarray


Case = dict[str, Any]


@cache
def cases() -> list[dict]:
    return json.loads((FOLDER / "cases.json").read_text())


@cache
def columns(name: str) -> dict[str, Series]:
    """The columns of a fixture; a missing number is NaN."""
    table = json.loads((FOLDER / "fixtures.json").read_text())[name]
    days = np.array([text[:10] for text in table["index"]], dtype="datetime64[D]")
    rows = np.array(table["data"], dtype=np.float64).reshape(len(days), len(table["columns"]))
    return {label: Series(days, rows[:, i]) for i, label in enumerate(table["columns"])}


@cache
def series(text: str) -> Series:
    """A series by its expression: ``noise``, ``-noise``, ``2 * noise``, ``noise[1:]``."""
    if text == "random_100k":
        return Series(np.arange(100_000).astype("datetime64[D]"), the_100k_draws())
    parts = re.fullmatch(r"(-|2 \* )?(\w+?)(\[1:\])?", text)
    assert parts is not None, text
    factor = {"-": -1.0, "2 * ": 2.0}.get(parts[1], 1.0)
    found = list(columns(parts[2]).values())
    base = found[0] if found else Series(np.array([], dtype="datetime64[D]"), np.array([]))
    skip = 1 if parts[3] else 0
    return Series(base.days[skip:], factor * base.values[skip:])


def the_100k_draws() -> np.ndarray:
    """The suite's own stream, which also made ``noise`` and ``noise_uniform``."""
    stream = np.random.RandomState(1337)
    np.testing.assert_allclose(stream.normal(0, 0.001, 1000), series("noise").values)
    np.testing.assert_allclose(stream.uniform(-0.01, 0.01, 1000), series("noise_uniform").values)
    return stream.randn(100_000)


def values(name: object) -> np.ndarray:
    return series(str(name)).values


def pair(first: object, second: object) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs on the union of their days, NaN where one has none; a number is repeated."""
    one = series(str(first))
    if re.fullmatch(r"[\d.]+", str(second)):
        return one.values, np.full(one.values.size, float(str(second)))
    two = series(str(second))
    days = np.union1d(one.days, two.days)
    both = []
    for item in (one, two):
        column = np.full(days.size, np.nan)
        column[np.searchsorted(days, item.days)] = item.values
        both.append(column)
    return both[0], both[1]


def periods(case: Case) -> int:
    return PERIODS[str(case["period"]["src"]).rsplit(".", 1)[1]]


def expected(case: Case) -> object:
    """The expected result: null is NaN, text is infinity, a list text or the name of a result."""
    found = case["expected"]
    if isinstance(found, dict):
        return [float(number) for number in re.findall(r"[\d.]+(?=[,\]])", found["src"])]
    if isinstance(found, str) and found in NAMED_RESULTS:
        return NAMED_RESULTS[found]
    if isinstance(found, str) and found.startswith("["):
        return json.loads(found)
    return np.array(found, dtype=np.float64)


def agree(found: object, case: Case, places: int = 8) -> None:
    np.testing.assert_almost_equal(np.asarray(found), np.asarray(expected(case)), places)
