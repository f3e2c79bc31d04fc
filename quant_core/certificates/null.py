"""Null: random scores earn no alpha before costs.

1. :func:`random_brain` holds the names with the highest of random scores, at equal weight,
   with no cost, no buffer and no rule that would treat names differently.
2. Each seed is traded by the engine; :mod:`~quant_core.certificates.expected_book` says
   what the average over all seeds is worth.
3. Alpha is final wealth over that, less 1, per year. It is linear in wealth, so that its
   mean over independent draws is zero exactly; a mean of annualised returns is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np

from quant_core.certificates.certificate import Certificate, Progress, Table, silent
from quant_core.certificates.expected_book import expected_values
from quant_core.certificates.intervals import CONFIDENCE, MeanInterval, mean_interval
from quant_core.certificates.pictures import histogram
from quant_core.certificates.subject import Subject
from quant_core.foundation.language import Say
from quant_core.foundation.money import micros
from quant_core.foundation.types import BoolArray, FloatArray
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import LONG_ONLY
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.strategies.rules import highest
from quant_core.trading.account import Book
from quant_core.trading.costs import commission_model
from quant_core.trading.target import Hold, Target, Weights
from quant_core.trading_day import Brain

NAME = "null"

CAPITAL = 1e9
"""Currency units: so many that a whole share is a rounding error."""

MOST_REBALANCES = 61
"""Five years of months; a denser schedule is thinned, because draws are what is needed."""

PRACTICAL_BAND = 0.001
"""An alpha below 0.1 % a year is nothing, however narrow the interval."""

SESSIONS_PER_YEAR = 252


class RandomScores(BaseStrategy):
    """Equal weights in the ``top_k`` eligible names with the highest random scores.

    The scores of a session depend on the seed and the session alone.
    """

    reads_book: ClassVar[bool] = False

    def __init__(self, like: BaseStrategy, seed: int) -> None:
        super().__init__(like.settings)
        self._seed = seed

    def decide(self, view: MarketView, book: Book) -> Target:  # noqa: ARG002  books play no part
        """Names drawn without regard to anything but their being eligible."""
        eligible = view.eligible
        if not eligible.any():
            return Hold("no eligible name: no close is known in the universe")
        chance = np.random.default_rng([self._seed, view.session.toordinal()])
        scores = chance.random(len(view.symbols))
        chosen = highest(scores, eligible, self.settings.top_k)
        return Weights({view.symbols[i]: 1 / len(chosen) for i in chosen.tolist()})


def random_brain(brain: Brain, seed: int) -> Brain:
    """The brain with random scores, and nothing that costs or refuses.

    ``delisting_return`` stays, because the average book loses it too.
    """
    free = replace(
        brain.execution,
        cash_buffer=0.0,
        slippage=0.0,
        lot=1,
        participation_cap=None,
        commission=commission_model("none", 0.0, 0.0),
        impact=None,
        sells_next_session=False,
    )
    rules = RiskRules(
        max_pos_weight=None, stop_loss_pct=None, max_drawdown_pct=None, breaker_cooldown=None
    )
    strategy = RandomScores(brain.strategy, seed)
    return replace(brain, strategy=strategy, execution=free, risk=rules, margin=LONG_ONLY)


MakeBrain: TypeAlias = Callable[[Brain, int], Brain]
"""A brain with random scores, from the run's own and a seed."""


def thinned(scheduled: BoolArray) -> BoolArray:
    """Every m-th rebalance, so that at most :data:`MOST_REBALANCES` are left.

    Examples
    --------
    >>> int(thinned(np.ones(200, dtype=np.bool_)).sum())
    50
    """
    rows = np.flatnonzero(scheduled)
    step = -(-len(rows) // MOST_REBALANCES)
    kept = np.zeros(len(scheduled), dtype=np.bool_)
    kept[rows[::step]] = True
    return kept


@dataclass(frozen=True, slots=True)
class NullMarket:
    """The market of the null: free of what the average book does not know."""

    subject: Subject
    benchmark: FloatArray
    years: float


def null_market(subject: Subject) -> NullMarket:
    """The run on a thin schedule, with the value of the average random book.

    Price limits and market impact are left out: they are costs.
    """
    scheduled = thinned(subject.scheduled)
    facts = replace(subject.market.facts, locked=None, volatility=None, average_volume=None)
    market = Market(subject.market.panel, {}, facts)
    free = replace(subject, market=market, scheduled=scheduled, capital_micros=micros(CAPITAL))
    lost = subject.new_brain().execution.delisting_return
    benchmark = expected_values(free, lost)
    return NullMarket(free, benchmark, len(scheduled) / SESSIONS_PER_YEAR)


def null_alphas(
    null: NullMarket,
    seeds: int,
    first_seed: int,
    progress: Progress = silent,
    make_brain: MakeBrain = random_brain,
) -> FloatArray:
    """Alpha per year of each seed: final wealth over the average book's, less 1."""
    subject = null.subject
    alphas = np.empty(seeds)
    for number in range(seeds):
        history = subject.trade(make_brain(subject.new_brain(), first_seed + number))
        wealth = int(history.equity_micros[-1]) / subject.capital_micros
        alphas[number] = (wealth / float(null.benchmark[-1]) - 1) / null.years
        progress(number + 1, seeds)
    return alphas


def prove_null(
    subject: Subject,
    seeds: int,
    first_seed: int,
    say: Say,
    progress: Progress = silent,
    make_brain: MakeBrain = random_brain,
) -> Certificate:
    """Trade ``seeds`` random strategies and see whether their mean alpha is zero.

    Parameters
    ----------
    subject : Subject
        The run: its market, window, schedule and number of names.
    seeds : int
        Random strategies; at least 2.
    first_seed : int
        Seed of the first; the others follow.
    say : callable
        The reader's language.
    progress : callable
        Told after every strategy.
    make_brain : callable
        The random strategy of a seed; a test plants a bias here.
    """
    null = null_market(subject)
    alphas = null_alphas(null, seeds, first_seed, progress, make_brain)
    return null_certificate(alphas, null, first_seed, say)


def null_certificate(
    alphas: FloatArray, null: NullMarket, first_seed: int, say: Say
) -> Certificate:
    """The verdict on a sample of alphas."""
    found = mean_interval(alphas, first_seed)
    inside = found.low <= 0.0 <= found.high
    small = abs(found.mean) <= PRACTICAL_BAND
    passed = bool(inside or small)
    names = min(null.subject.new_brain().strategy.settings.top_k, _fewest_eligible(null))
    return Certificate(
        name=NAME,
        passed=passed,
        summary=_summary(found, len(alphas), passed=passed, say=say),
        figures={
            "seeds": len(alphas),
            "mean_alpha_per_year": found.mean,
            "standard_error": found.standard_error,
            "confidence": CONFIDENCE,
            "low": found.low,
            "high": found.high,
            "bootstrap_low": found.bootstrap_low,
            "bootstrap_high": found.bootstrap_high,
            "interval_contains_zero": bool(inside),
            "practical_band": PRACTICAL_BAND,
            "names": names,
            "rebalances": int(null.subject.scheduled.sum()),
            "years": null.years,
            "benchmark_total_return": float(null.benchmark[-1]) - 1,
        },
        highlights=[
            (say("Mean alpha a year"), _percent(found.mean)),
            (say("99 % interval, low"), _percent(found.low)),
            (say("99 % interval, high"), _percent(found.high)),
            (say("Names held"), str(names)),
            (say("Rebalances"), str(int(null.subject.scheduled.sum()))),
        ],
        tables=[_table(found, alphas, say)],
        limits=_limits(say),
        picture=histogram(alphas, (found.low, found.high), say),
    )


def _fewest_eligible(null: NullMarket) -> int:
    panel, window = null.subject.market.panel, null.subject.window
    rows = np.flatnonzero(null.subject.scheduled) + window.first - 1
    counts = (panel.member[rows] & (panel.close[rows] > 0.0)).sum(axis=1)
    return int(counts.min())


def _summary(found: MeanInterval, seeds: int, *, passed: bool, say: Say) -> str:
    if passed:
        text = say(
            "{seeds} random strategies earn {mean} a year over the average of all names; "
            "99 % interval {low} to {high}"
        )
    else:
        text = say(
            "{seeds} random strategies earn {mean} a year where they must earn nothing; "
            "99 % interval {low} to {high}"
        )
    shown = {
        "mean": _percent(found.mean),
        "low": _percent(found.low),
        "high": _percent(found.high),
    }
    return text.format(seeds=seeds, **shown)


def _table(found: MeanInterval, alphas: FloatArray, say: Say) -> Table:
    words = ("Figure", "Per year")
    rows = [
        [say("Standard error"), _percent(found.standard_error).lstrip("+")],
        [say("99 % interval, Student's t"), f"{_percent(found.low)} … {_percent(found.high)}"],
        [
            say("99 % interval, bootstrap over the seeds"),
            f"{_percent(found.bootstrap_low)} … {_percent(found.bootstrap_high)}",
        ],
        [say("Lowest seed"), _percent(float(alphas.min()))],
        [say("Highest seed"), _percent(float(alphas.max()))],
        [say("Band below which an alpha is nothing"), f"± {PRACTICAL_BAND:.2%}".replace("%", " %")],
    ]
    return Table(say("Alpha of the random strategies"), [say(word) for word in words], rows)


def _percent(value: float) -> str:
    return f"{value:+.3%}".replace("%", " %")


def _limits(say: Say) -> list[str]:
    return [
        say("a bias that random and average book share, such as prices that are wrong for both"),
        say("survivorship: a dataset of the names that lived raises both alike"),
        say("an alpha smaller than the interval is wide"),
    ]
