"""What trading costs: turnover, cost drag, the gross curve, the break-even cost, exposure.

All inputs are arrays with one entry per session, in currency units (any one unit, the same
throughout). ``traded`` is the value of buys plus sells at the fill price, ``costs`` the commission
plus the slippage paid on them, ``equity_before`` the account value at the close before.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.performance.distribution import arithmetic_mean
from quant_core.performance.metric import Metric, RunStatistics
from quant_core.performance.returns import returns_since_start, total_return

BASIS_POINTS = 10_000.0

SMALLEST_TURNOVER = 1e-12
"""Trading less than this share of the account is no trading."""

BISECTIONS = 200
"""Halvings of the bracket of the break-even cost: more than float64 can tell apart."""


def equity_before(equity: FloatArray | IntArray, starting_capital: float) -> FloatArray:
    """Account value at the close before each session; the first is the starting capital.

    Examples
    --------
    >>> equity_before(np.array([110.0, 121.0]), 100.0).tolist()
    [100.0, 110.0]
    """
    return np.concatenate(([float(starting_capital)], equity.astype(np.float64)))[:-1]


def session_turnover(traded: FloatArray, equity_before: FloatArray) -> FloatArray:
    """Value traded (buys plus sells) over the account value before, per session.

    Two-way: replacing the whole book counts 2. NaN where nothing is left to trade with.

    Examples
    --------
    >>> session_turnover(np.array([100.0, 0.0]), np.array([200.0, 200.0])).tolist()
    [0.5, 0.0]
    """
    return _per_unit_of_equity(traded, equity_before)


def annual_turnover(turnover: FloatArray, *, periods_per_year: float, one_way: bool) -> float:
    """Mean turnover per session times ``periods_per_year``.

    Parameters
    ----------
    turnover : FloatArray
        Two-way turnover per session, :func:`session_turnover`.
    one_way : bool
        Halve it, so that replacing the whole book once a year is 1 and not 2.

    Examples
    --------
    >>> annual_turnover(np.array([0.5, 0.0]), periods_per_year=252, one_way=True)
    31.5
    """
    return arithmetic_mean(turnover) * periods_per_year / (2.0 if one_way else 1.0)


def annual_cost_drag(
    costs: FloatArray, equity_before: FloatArray, *, periods_per_year: float
) -> float:
    """Mean cost per session as a share of the account before, times ``periods_per_year``.

    Examples
    --------
    >>> annual_cost_drag(np.array([1.0, 0.0]), np.array([1000.0, 1000.0]), periods_per_year=250)
    0.125
    """
    return arithmetic_mean(_per_unit_of_equity(costs, equity_before)) * periods_per_year


def gross_returns(
    net_returns: FloatArray, costs: FloatArray, equity_before: FloatArray
) -> FloatArray:
    """Return of each session had its own costs not been paid: ``net + cost / equity before``.

    Exact session by session, since equity after = equity before + gain - cost. Compounded
    (:func:`~quant_core.performance.returns.wealth_path`) it is the gross curve, in which the
    saved costs stay invested in proportion.

    Examples
    --------
    >>> gross_returns(np.array([0.01]), np.array([2.0]), np.array([1000.0])).round(12).tolist()
    [0.012]
    """
    return net_returns + _per_unit_of_equity(costs, equity_before)


def break_even_cost_bps(
    gross: FloatArray, turnover: FloatArray, *, target_total_return: float
) -> float:
    """Cost per unit of traded value at which the net total return equals a target.

    The c that solves ``prod(1 + g_t - c * turnover_t) = 1 + target_total_return``, in basis
    points of the value traded (buys and sells alike). Trades and weights are held as they
    were; only the price of trading changes. A strategy that pays less than this per trade
    ends above the target.

    Parameters
    ----------
    gross : FloatArray
        Returns before costs per session; NaN counts as 0.
    turnover : FloatArray
        Two-way turnover per session, not negative; NaN counts as 0.
    target_total_return : float
        0.0 for "keeps its capital"; the benchmark's total return for "keeps up with it".

    Returns
    -------
    float
        Negative when even free trading ends below the target: it would have to be paid.
        NaN when nothing was traded, or the target is a loss of everything or more.

    Examples
    --------
    >>> flat_but_traded = break_even_cost_bps(
    ...     np.array([0.01, 0.0]), np.array([1.0, 0.0]), target_total_return=0.0
    ... )
    >>> round(flat_but_traded, 6)
    100.0
    """
    growth = 1.0 + np.where(np.isnan(gross), 0.0, gross)
    rate = np.where(np.isnan(turnover), 0.0, turnover)
    if bool((rate < 0.0).any()):
        raise InvariantBroken("turnover is negative", found=f"{rate.min()}")
    traded = rate > SMALLEST_TURNOVER
    if not (traded.any() and target_total_return > -1.0 and growth[~traded].min(initial=1.0) > 0.0):
        return math.nan
    target = math.log1p(target_total_return) - float(np.log(growth[~traded]).sum())
    growth, rate = growth[traded], rate[traded]
    # At this cost some session loses everything; just below it the log growth is -infinity.
    ruin = float((growth / rate).min())
    return BASIS_POINTS * _cost_of_log_growth(growth, rate, ruin, target)


def _cost_of_log_growth(growth: FloatArray, rate: FloatArray, ruin: float, target: float) -> float:
    """The cost below ``ruin`` at which the log growth, falling in the cost, equals ``target``."""

    def shortfall(cost: float) -> float:
        net = growth - cost * rate
        return target - float(np.log(net).sum()) if float(net.min()) > 0.0 else math.inf

    step = 1.0
    while shortfall(ruin - step) > 0.0:
        step *= 2.0
    low, high = ruin - step, ruin
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if shortfall(middle) > 0.0:
            high = middle
        else:
            low = middle
    return low


def summarise_trading(
    equity: FloatArray,
    starting_capital: float,
    traded: FloatArray,
    costs: FloatArray,
    benchmark_total_return: float | None,
    periods_per_year: int,
) -> RunStatistics:
    """Turnover and cost metrics in the order of the report.

    Parameters
    ----------
    equity : FloatArray
        Account value at each close, after costs.
    starting_capital : float
        Account value before the first session.
    traded, costs : FloatArray
        Value of buys plus sells, and commission plus slippage, per session.
    benchmark_total_return : float or None
        Target of the second break-even cost; None leaves it out.
    periods_per_year : int

    Examples
    --------
    >>> found = summarise_trading(
    ...     np.array([1009.0, 1009.0]), 1000.0, np.array([1000.0, 0.0]), np.array([1.0, 0.0]),
    ...     None, 252,
    ... )
    >>> [round(found.value(name), 6) for name in ("gross_total_return", "break_even_cost")]
    [0.01, 100.0]
    """
    before = equity_before(equity, starting_capital)
    turnover = session_turnover(traded, before)
    gross = gross_returns(returns_since_start(equity, starting_capital), costs, before)
    mean_drag = annual_cost_drag(costs, before, periods_per_year=periods_per_year)
    yearly = annual_turnover(turnover, periods_per_year=periods_per_year, one_way=True)
    paid = float(costs.sum())
    paid_bps = BASIS_POINTS * paid / float(traded.sum()) if bool(traded.any()) else math.nan
    per_year = f"/ equity before, mean a session x {periods_per_year}"
    metrics = [
        Metric.of(
            "annual_turnover", yearly, "ratio", f"one-way: half of buys plus sells {per_year}"
        ),
        Metric.of("total_costs", paid, "currency", "commission plus slippage paid"),
        Metric.of("cost_of_trading", paid_bps, "basis_points", "costs / value traded"),
        Metric.of("annual_cost_drag", mean_drag, "fraction", f"costs {per_year}"),
        Metric.of(
            "gross_total_return",
            total_return(gross),
            "fraction",
            "each session's costs given back, compounded",
        ),
        _break_even("break_even_cost", gross, turnover, 0.0, "0"),
    ]
    if benchmark_total_return is not None:
        name = "break_even_cost_benchmark"
        metrics.append(
            _break_even(name, gross, turnover, benchmark_total_return, "the benchmark's")
        )
    return RunStatistics(tuple(metrics))


def _break_even(
    name: str, gross: FloatArray, turnover: FloatArray, target: float, target_name: str
) -> Metric:
    cost = break_even_cost_bps(gross, turnover, target_total_return=target)
    convention = (
        f"cost per value traded at which the net total return is {target_name}, same trades"
    )
    return Metric.of(name, cost, "basis_points", convention)


def summarise_exposure(invested: FloatArray, equity: FloatArray) -> RunStatistics:
    """How much of the account was invested at the closes.

    Parameters
    ----------
    invested, equity : FloatArray
        Value of all positions, and of the account, at each close.

    Examples
    --------
    >>> found = summarise_exposure(np.array([0.0, 90.0]), np.array([100.0, 100.0]))
    >>> [metric.value for metric in found]
    [0.45, 0.9, 0.5]
    """
    share = _per_unit_of_equity(invested, equity)
    known = share[~np.isnan(share)]
    return RunStatistics(
        (
            Metric.of("mean_exposure", arithmetic_mean(share), "fraction", "positions / equity"),
            Metric.of(
                "max_exposure",
                float(known.max()) if known.size else math.nan,
                "fraction",
                "positions / equity at a close",
            ),
            Metric.of(
                "sessions_invested",
                arithmetic_mean((known != 0.0).astype(np.float64)),
                "fraction",
                "share of the closes with a position",
            ),
        )
    )


def _per_unit_of_equity(amounts: FloatArray, equity: FloatArray) -> FloatArray:
    """``amounts / equity`` where there is equity, NaN elsewhere."""
    solvent = equity > 0.0
    return np.divide(amounts, equity, out=np.full(equity.shape, np.nan), where=solvent)
