"""Time of every kernel, and of 32 mixed factors, next to Polars where it has the same operator.

::

    python -m benchmarks.kernels                                  S&P 500 size, window 20
    python -m benchmarks.kernels --sessions 2520 --symbols 3000   a large market
    python -m benchmarks.kernels --windows 5 20 60 252 --threads 1

Milliseconds in process, kernels compiled, medians over --repeat runs. Polars gets the same wide
table and computes all columns in one select.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from quant_core.foundation.types import FloatMatrix, IntArray
from quant_core.numerics import cross_section as cs
from quant_core.numerics import regression as two
from quant_core.numerics import rolling as one
from quant_core.numerics import tiles

WINDOWED = (
    *("delay", "delta", "ts_sum", "ts_mean", "ts_product", "ts_count", "ts_decay_linear"),
    *("ts_var", "ts_std", "ts_zscore", "ts_mad", "ts_skew", "ts_kurt", "ts_max", "ts_min"),
    *("ts_argmax", "ts_argmin", "ts_rank", "ts_median", "ts_max_drawdown", "ts_ema", "ts_wilder"),
)
PAIRS = (
    *("ts_cov", "ts_corr", "ts_beta", "ts_coskew", "ts_regression_residual", "ts_residual_std"),
)
TRENDS = ("ts_slope", "ts_rsquare", "ts_resid")
SECTIONS = ("cs_rank", "cs_mean", "cs_demean", "cs_zscore", "cs_scale")
GROUPED = ("group_rank", "group_mean", "group_demean", "group_zscore")
POLARS = {
    "delay": lambda n: pl.all().shift(n),
    "delta": lambda n: pl.all().diff(n),
    "ts_sum": lambda n: pl.all().rolling_sum(n),
    "ts_mean": lambda n: pl.all().rolling_mean(n),
    "ts_std": lambda n: pl.all().rolling_std(n),
    "ts_var": lambda n: pl.all().rolling_var(n),
    "ts_skew": lambda n: pl.all().rolling_skew(n, bias=False),
    "ts_kurt": lambda n: pl.all().rolling_kurtosis(n, bias=False),
    "ts_max": lambda n: pl.all().rolling_max(n),
    "ts_min": lambda n: pl.all().rolling_min(n),
    "ts_median": lambda n: pl.all().rolling_median(n),
    "ts_ema": lambda n: pl.all().ewm_mean(span=n),
}


class Market:
    """Prices, volumes and industries of a made-up market with gaps."""

    def __init__(self, sessions: int, symbols: int) -> None:
        draw = np.random.default_rng(20240607)
        shape = (sessions, symbols)
        self.close: FloatMatrix = 50.0 * np.exp(draw.normal(0, 0.02, shape).cumsum(axis=0))
        self.volume: FloatMatrix = np.rint(1e6 * draw.lognormal(0, 1, shape))
        for column, start in enumerate(draw.integers(0, sessions // 2, symbols)):
            if column % 3 == 0:  # listed late
                self.close[:start, column] = self.volume[:start, column] = np.nan
        self.industry: IntArray = np.broadcast_to(draw.integers(0, 60, symbols), shape)
        self.table = pl.DataFrame(self.close).fill_nan(None)


def kernels(market: Market, n: int) -> dict[str, Callable[[], object]]:
    """Every kernel as a call without arguments."""
    x, y = market.close, market.volume
    calls: dict[str, Callable[[], object]] = {}
    calls |= {name: partial(getattr(one, name), x, n) for name in WINDOWED}
    calls["ts_quantile"] = lambda: one.ts_quantile(x, n, 0.8)
    calls |= {name: partial(getattr(two, name), x, y, n) for name in PAIRS}
    calls |= {name: partial(getattr(two, name), x, n) for name in TRENDS}
    return calls


def sections(market: Market) -> dict[str, Callable[[], object]]:
    """Every cross-section kernel as a call without arguments."""
    x, y, groups = market.close, market.volume, market.industry
    calls: dict[str, Callable[[], object]] = {}
    calls |= {name: partial(getattr(cs, name), x) for name in SECTIONS}
    calls["cs_winsorize"] = lambda: cs.cs_winsorize(x, 0.01, 0.99)
    calls["cs_quantile"] = lambda: cs.cs_quantile(x, 5)
    calls |= {name: partial(getattr(cs, name), x, groups) for name in GROUPED}
    calls["cs_neutralize (groups, 1 exposure)"] = lambda: cs.cs_neutralize(x, groups, [y])
    calls["cs_regress_resid (1 exposure)"] = lambda: cs.cs_regress_resid(x, [y])
    return calls


def mixed(market: Market) -> list[Callable[[], object]]:
    """32 factors, one call each: all families, windows of 20 and 60."""
    x, y, groups = market.close, market.volume, market.industry
    single = (
        *(one.ts_mean, one.ts_std, one.ts_max, one.ts_min, one.ts_rank, one.ts_median),
        *(one.ts_argmax, one.ts_argmin, one.ts_decay_linear, one.ts_skew),
        *(two.ts_slope, two.ts_rsquare, two.ts_resid),
    )
    calls = [lambda f=f, n=n: f(x, n) for f in single for n in (20, 60)]
    calls += [lambda n=n: two.ts_corr(x, y, n) for n in (20, 60)]
    calls += [lambda: cs.cs_rank(x), lambda: cs.cs_zscore(x)]
    return [*calls, lambda: cs.group_demean(x, groups), lambda: cs.group_demean(y, groups)]


def milliseconds(call: Callable[[], object], repeat: int) -> float:
    """Median wall time of a call, after one to warm up."""
    times: list[float] = []
    for run in range(repeat + 1):
        begun = time.perf_counter()
        call()
        if run:
            times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times)


def consume(calls: list[Callable[[], object]]) -> None:
    """Make all calls, keeping no result."""
    for call in calls:
        call()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=1_259)
    parser.add_argument("--symbols", type=int, default=505)
    parser.add_argument("--windows", type=int, nargs="+", default=[20])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--no-polars", action="store_true", help="only our own kernels")
    options = parser.parse_args()
    tiles.set_threads(options.threads)
    market = Market(options.sessions, options.symbols)
    print(f"{options.sessions} x {options.symbols}, {tiles.threads()} threads, ms (median)")
    print(f"{'kernel':<36}" + "".join(f"{n:>9}" for n in options.windows) + "   Polars")
    for name in kernels(market, 2):
        row = [milliseconds(kernels(market, n)[name], options.repeat) for n in options.windows]
        line = f"{name:<36}" + "".join(f"{value:>9.2f}" for value in row)
        if name in POLARS and not options.no_polars:
            asked = [partial(market.table.select, POLARS[name](n)) for n in options.windows]
            line += "   " + "".join(f"{milliseconds(call, options.repeat):>9.2f}" for call in asked)
        print(line)
    for name, call in sections(market).items():
        print(f"{name:<36}{milliseconds(call, options.repeat):>9.2f}")
    calls = mixed(market)
    together = milliseconds(lambda: consume(calls), options.repeat)
    print(f"{f'{len(calls)} mixed factors':<36}{together:>9.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory, MiB':<36}{peak:>9.0f}")


if __name__ == "__main__":
    main()
