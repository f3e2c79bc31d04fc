"""Named numbers of a report, each with its unit and the convention behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from quant_core.foundation.errors import InvariantBroken

MetricValue: TypeAlias = float | int | str | None
Unit: TypeAlias = Literal[
    "fraction", "ratio", "probability", "sessions", "date", "basis_points", "currency"
]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a report.

    Attributes
    ----------
    name : str
        Identifier, unique in its report: ``max_drawdown``.
    value : float, int, str or None
        None where the number does not exist; a date is ISO text.
    unit : str
        ``fraction`` (0.01 = one per cent), ``ratio``, ``probability``, ``sessions``, ``date``,
        ``basis_points`` or ``currency``.
    convention : str
        How it was computed, in one phrase.
    """

    name: str
    value: MetricValue
    unit: Unit
    convention: str

    @classmethod
    def of(cls, name: str, value: float | date | None, unit: Unit, convention: str) -> Metric:
        """The metric of a computed value; NaN and infinities become None, dates ISO text.

        Examples
        --------
        >>> Metric.of("calmar", float("nan"), "ratio", "CAGR over the largest drawdown").value
        >>> Metric.of("day", date(2024, 1, 2), "date", "first session").value
        '2024-01-02'
        """
        if isinstance(value, date):
            return cls(name, value.isoformat(), unit, convention)
        if value is None or not math.isfinite(value):
            return cls(name, None, unit, convention)
        return cls(name, value, unit, convention)


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Metrics in the order of the report, found by name.

    Examples
    --------
    >>> table = RunStatistics((Metric("beta", 0.9, "ratio", "daily regression"),))
    >>> table.value("beta"), "alpha" in table, [metric.name for metric in table]
    (0.9, False, ['beta'])
    >>> table.records()
    [{'name': 'beta', 'value': 0.9, 'unit': 'ratio', 'convention': 'daily regression'}]
    """

    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvariantBroken("a metric stands twice in a report", found=", ".join(twice))

    def value(self, name: str) -> MetricValue:
        """Value of the metric called ``name``; an unknown name is a ``KeyError``."""
        return self.get(name).value

    def get(self, name: str) -> Metric:
        """The metric called ``name``; an unknown name is a ``KeyError``."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def records(self) -> list[dict[str, MetricValue]]:
        """One plain mapping per metric, ready for JSON: no NaN, no infinity."""
        return [
            {
                "name": metric.name,
                "value": metric.value,
                "unit": metric.unit,
                "convention": metric.convention,
            }
            for metric in self.metrics
        ]

    def __add__(self, other: RunStatistics) -> RunStatistics:
        return RunStatistics(self.metrics + other.metrics)

    def __contains__(self, name: object) -> bool:
        return any(metric.name == name for metric in self.metrics)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)
