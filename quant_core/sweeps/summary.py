"""What a whole sweep says: its best combination, and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.performance.sharpe_inference import SharpeSample, deflated_sharpe_ratio
from quant_core.sweeps.trials import DONE, FAILED, REFUSED, Row

QUANTILES = {
    "least": 0.0,
    "lower_quartile": 0.25,
    "median": 0.5,
    "upper_quartile": 0.75,
    "most": 1.0,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a sweep.

    ``best`` is the number of the combination with the highest Sharpe ratio, None where none
    has one. ``deflated_sharpe`` is the probability that its true ratio is above 0, given how
    many were tried (Bailey and Lopez de Prado 2014), NaN where it cannot be known.
    ``sharpe`` are quantiles of the annual ratios of all that have one, ``positive`` is the
    share of them above 0.
    """

    combinations: int
    done: int
    refused: int
    failed: int
    best: int | None
    trials: int
    deflated_sharpe: float
    sharpe: Mapping[str, float]
    positive: float


def summarise_sweep(rows: Sequence[Row]) -> Summary:
    """The summary of the rows of a sweep, in the order of their combinations."""
    known = [
        (number, ratio)
        for number, row in enumerate(rows)
        if row["status"] == DONE and isinstance(ratio := row["session_sharpe"], float)
    ]
    annual = np.array([rows[number]["sharpe"] for number, _ in known], dtype=np.float64)
    best = max(known, key=lambda pair: (pair[1], -pair[0]))[0] if known else None
    quantiles = {name: float(np.quantile(annual, q)) for name, q in QUANTILES.items() if known}
    ended = [row["status"] for row in rows]
    return Summary(
        combinations=len(rows),
        done=ended.count(DONE),
        refused=ended.count(REFUSED),
        failed=ended.count(FAILED),
        best=best,
        trials=len(known),
        deflated_sharpe=_deflated(rows, best, [ratio for _, ratio in known]),
        sharpe=quantiles,
        positive=float((annual > 0.0).mean()) if known else math.nan,
    )


def _deflated(rows: Sequence[Row], best: int | None, ratios: list[float]) -> float:
    sample = None if best is None else _sample(rows[best])
    if sample is None:
        return math.nan
    variance = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    return deflated_sharpe_ratio(sample, trials=len(ratios), variance=variance)


def _sample(row: Row) -> SharpeSample | None:
    numbers = [row[name] for name in ("session_sharpe", "skewness", "kurtosis")]
    ratio, skewness, kurtosis = (n if isinstance(n, float) else math.nan for n in numbers)
    observations = row["observations"]
    if not (math.isfinite(skewness + kurtosis) and isinstance(observations, int)):
        return None
    return SharpeSample(ratio, skewness, kurtosis, observations)
