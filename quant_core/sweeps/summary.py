"""What a whole sweep says: its best combination, and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.performance.sharpe_inference import SharpeSample, deflated_sharpe_ratio
from quant_core.sweeps.trials import DONE, Row


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a sweep.

    ``best`` is the number of the combination with the highest Sharpe ratio, None where none
    has one. ``deflated_sharpe`` is the probability that its true ratio is above 0, given how
    many were tried (Bailey and Lopez de Prado 2014), NaN where it cannot be known.
    """

    combinations: int
    refused: int
    best: int | None
    deflated_sharpe: float


def summarise_sweep(rows: Sequence[Row]) -> Summary:
    """The summary of the rows of a sweep, in the order of their combinations."""
    known = [
        (number, ratio)
        for number, row in enumerate(rows)
        if row["status"] == DONE and isinstance(ratio := row["session_sharpe"], float)
    ]
    refused = sum(row["status"] != DONE for row in rows)
    if not known:
        return Summary(len(rows), refused, None, math.nan)
    best = max(known, key=lambda pair: (pair[1], -pair[0]))[0]
    ratios = [ratio for _, ratio in known]
    variance = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    sample = _sample(rows[best])
    deflated = math.nan
    if sample is not None:
        deflated = deflated_sharpe_ratio(sample, trials=len(ratios), variance=variance)
    return Summary(len(rows), refused, best, deflated)


def _sample(row: Row) -> SharpeSample | None:
    numbers = [row[name] for name in ("session_sharpe", "skewness", "kurtosis")]
    ratio, skewness, kurtosis = (n if isinstance(n, float) else math.nan for n in numbers)
    observations = row["observations"]
    if not (math.isfinite(skewness + kurtosis) and isinstance(observations, int)):
        return None
    return SharpeSample(ratio, skewness, kurtosis, observations)
