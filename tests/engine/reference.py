"""The specification once more, written naively: dictionaries, loops, no shared code.

Used to hold the engine to the micro. It knows nothing of the project's modules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Rules:
    cash_buffer: float = 0.02
    slippage: float = 0.0005
    lot: int = 1
    participation_cap: float | None = None
    rate: float = 0.001
    minimum: float = 0.0
    max_pos_weight: float | None = None
    stop_loss_pct: float | None = None
    max_drawdown_pct: float | None = None
    breaker_cooldown: int | None = None


@dataclass
class Result:
    equity: list[int] = field(default_factory=list)
    cash: list[int] = field(default_factory=list)
    fills: list[tuple] = field(default_factory=list)
    orders: list[tuple] = field(default_factory=list)


def m(x: float) -> int:
    return round(x * 1e6)


def valid(x: float) -> bool:
    return not math.isnan(x) and x > 0


def last_close(close, t, s):
    while t >= 0:
        if valid(close[t][s]):
            return m(close[t][s])
        t -= 1
    return 0


def simulate(opens, close, volume, member, weights_at, scheduled, first, capital, rules):
    """All market arguments are lists of rows; a symbol is its column number.

    ``weights_at(t)`` gives {symbol: weight} decided at the close of t, or None for hold.
    ``scheduled[i]`` belongs to the i-th session of the run, which begins at row ``first``.
    """
    r = Result()
    cash = m(capital)
    shares: dict[int, int] = {}
    cost: dict[int, float] = {}
    marks: dict[int, int] = {}
    peak = cash
    flat_from = None
    equity = cash
    n = len(scheduled)

    def commission(q, price):
        return max(m(rules.minimum), round(rules.rate * (q * price))) if q else 0

    for i in range(n):
        t = first + i
        before = t - 1
        # --- decide at the close of T-1
        orders = []  # (kind, symbol, requested, weight, refusal)
        stops = []
        if rules.stop_loss_pct is not None:
            stops = [s for s in shares if marks[s] < cost[s] * (1 - rules.stop_loss_pct)]
        go_flat = False
        if flat_from is not None:
            cooled = rules.breaker_cooldown is not None and i >= flat_from + max(
                rules.breaker_cooldown, 1
            )
            if scheduled[i] and cooled:
                flat_from = None
                peak = equity
            else:
                go_flat = True
        if go_flat:
            orders = [("sell", s, shares[s], 0.0, "") for s in shares]
        else:
            wanted = weights_at(before) if scheduled[i] else None
            if wanted is None:
                orders = [("sell", s, shares[s], 0.0, "") for s in shares if s in stops]
            else:
                if rules.max_pos_weight is not None:
                    wanted = {s: min(w, rules.max_pos_weight) for s, w in wanted.items()}
                wanted = {s: w for s, w in wanted.items() if s not in stops}
                for s in sorted(set(wanted) | set(shares)):
                    w = wanted.get(s, 0.0)
                    held = shares.get(s, 0)
                    price = last_close(close, before, s)
                    if w == 0:
                        target = 0
                    elif price:
                        budget = math.floor(w * (1 - rules.cash_buffer) * equity)
                        target = (budget // (price * rules.lot)) * rules.lot
                    else:
                        target = held
                    if target < held:
                        orders.append(("sell", s, held - target, w, ""))
                    elif target > held or (w > 0 and not price):
                        why = ""
                        if not valid(close[before][s]):
                            why = "refused_no_price"
                        elif not member[before][s]:
                            why = "refused_not_in_universe"
                        orders.append(("buy", s, target - held, w, why))
        # --- execute at the open of T
        sells = sorted([o for o in orders if o[0] == "sell"], key=lambda o: o[1])
        buys = sorted([o for o in orders if o[0] == "buy"], key=lambda o: (-o[3], o[1]))
        for kind, s, requested, _, why in sells + buys:
            reason, filled = why, 0
            cash_before = cash
            o = opens[t][s]
            if not why:
                if not valid(o) or volume[t][s] == 0:
                    reason = "expired_halted"
                else:
                    sign = 1 if kind == "buy" else -1
                    price = m(o * (1 + rules.slippage)) if sign > 0 else m(o * (1 - rules.slippage))
                    filled = requested
                    if rules.participation_cap is not None:
                        v = volume[t][s]
                        most = (
                            math.floor(rules.participation_cap * v / rules.lot) * rules.lot
                            if v > 0
                            else 0
                        )
                        if most < filled:
                            filled, reason = most, "truncated_volume"
                    if kind == "buy":
                        q = filled - filled % rules.lot
                        while q * price + commission(q, price) > cash:
                            q -= rules.lot
                        if q < filled:
                            filled, reason = q, "truncated_cash"
                    elif cash + filled * price - commission(filled, price) < 0:
                        filled, reason = 0, "truncated_cash"
                    if filled:
                        fee = commission(filled, price)
                        r.fills.append((t, s, kind, filled, price, fee))
                        if kind == "buy":
                            held = shares.get(s, 0)
                            cash -= filled * price + fee
                            cost[s] = (cost.get(s, 0.0) * held + filled * price + fee) / (
                                held + filled
                            )
                            shares[s] = held + filled
                            marks.setdefault(s, m(o))
                        else:
                            cash += filled * price - fee
                            shares[s] -= filled
                            if not shares[s]:
                                del shares[s], cost[s], marks[s]
            r.orders.append((t, s, kind, requested, filled, reason, cash_before))
        # --- mark at the close of T
        for s in shares:
            if valid(close[t][s]):
                marks[s] = m(close[t][s])
        equity = cash + sum(shares[s] * marks[s] for s in shares)
        r.equity.append(equity)
        r.cash.append(cash)
        if rules.max_drawdown_pct is not None and flat_from is None:
            peak = max(peak, equity)
            if equity < peak * (1 - rules.max_drawdown_pct):
                flat_from = i + 1
    return r
