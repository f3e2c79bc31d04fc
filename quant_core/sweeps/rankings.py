"""Linear strategies of a sweep: scores once for each set of weights, not once a combination."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.types import BoolArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import TargetArrays
from quant_core.risk.breakers import cap_weights
from quant_core.strategies.rules import LinearStrategy

NOBODY, UNKNOWN = -1, -2
"""Places of a ranking that no name fills, and rows that were not yet ranked."""
KEPT = 4
"""Rankings kept: trials of one ranking follow one another."""


def scores_of(strategy: StrategySettings) -> str:
    """What the scores of a linear strategy depend on, as text."""
    return str(strategy.options)


@dataclass(slots=True)
class Rankings:
    """The best names of each close for the weights that were asked for last.

    ``depth`` is how many names are ranked: the largest ``top_k`` of the sweep.
    """

    depth: int = 0
    _known: dict[tuple[str, int], IntArray] = field(default_factory=dict[tuple[str, int], IntArray])

    def targets(
        self,
        strategy: LinearStrategy,
        market: Market,
        rows: range,
        scheduled: BoolArray,
        cap: float | None,
    ) -> TargetArrays:
        """What the strategy decides in each scheduled session, equal to its own answers."""
        top_k = strategy.settings.top_k
        due = np.union1d([0], np.flatnonzero(scheduled))
        ranked = self._ranked(strategy, len(market.panel.axes.sessions))
        decided = due + (rows.start - 1)
        for row in decided[ranked[decided, 0] == UNKNOWN].tolist():
            best = strategy.ranked(market.view(row), ranked.shape[1])
            ranked[row, : len(best)] = best
            ranked[row, len(best) :] = NOBODY
        return _arrays(ranked[decided, :top_k], due, len(rows), cap)

    def _ranked(self, strategy: LinearStrategy, sessions: int) -> IntArray:
        """The columns of the best names by row, best first, for the weights of a strategy."""
        depth = max(self.depth, strategy.settings.top_k)
        key = (scores_of(strategy.settings), depth)
        if key not in self._known:
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = np.full((sessions, depth), UNKNOWN, dtype=np.int64)
        return self._known[key]


def _arrays(best: IntArray, due: IntArray, sessions: int, cap: float | None) -> TargetArrays:
    """Equal weights for the columns of each row; a row of -1 alone is a session of Hold."""
    lengths = (best >= 0).sum(axis=1)
    ordered = np.sort(best, axis=1)  # the -1 come first
    columns = ordered[ordered >= 0]
    share = {int(n): 1 / int(n) for n in np.unique(lengths) if n}
    cut = cap_weights({str(n): weight for n, weight in share.items()}, cap)
    table = np.zeros(int(lengths.max(initial=0)) + 1)
    for length in share:
        table[length] = cut[str(length)]
    decision = np.full(sessions, -1, dtype=np.int64)
    decision[due] = np.arange(len(due))
    return TargetArrays(
        decision=decision,
        kind=np.where(lengths > 0, execution.WEIGHTS, execution.HOLD).astype(np.int64),
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        column=columns.astype(np.int64),
        weight=np.repeat(table[lengths], lengths),
    )
