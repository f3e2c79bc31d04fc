"""Linear strategies of a sweep: scores once for each set of weights, not once a combination."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quant_core.foundation.types import BoolArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import TargetArrays
from quant_core.risk.breakers import cap_weights
from quant_core.strategies.rules import LinearStrategy

KEPT = 4
"""Rankings kept: trials of one ranking follow one another."""


@dataclass(slots=True)
class Rankings:
    """The best names of each close for the weights that were asked for last.

    ``depth`` is how many names are ranked: the largest ``top_k`` of the sweep.
    """

    depth: int = 0
    _known: dict[tuple[int, str], dict[int, IntArray]] = field(
        default_factory=dict[tuple[int, str], dict[int, IntArray]]
    )

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
        due = np.flatnonzero(scheduled)
        if len(due) == 0 or due[0] != 0:
            due = np.concatenate([[0], due])
        ranked = self._ranked(strategy, market)
        depth = max(self.depth, top_k)
        chosen: list[IntArray] = []
        for number in due.tolist():
            row = rows.start + number - 1
            best = ranked.get(row)
            if best is None or len(best) < top_k:
                best = ranked[row] = _padded(strategy.ranked(market.view(row), depth), depth)
            chosen.append(best)
        return _arrays(np.array(chosen)[:, :top_k], due, len(rows), cap)

    def _ranked(self, strategy: LinearStrategy, market: Market) -> dict[int, IntArray]:
        key = (id(market), str(strategy.settings.options))
        if key not in self._known:
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = {}
        return self._known[key]


def _padded(columns: IntArray, length: int) -> IntArray:
    """The columns, then -1 up to a common length."""
    return np.concatenate([columns, np.full(length - len(columns), -1)])


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
