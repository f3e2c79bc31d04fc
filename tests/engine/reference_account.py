"""The rules of corporate actions, capacity, fees and short selling once more, written naively.

The long-only core stands in :mod:`tests.engine.reference`; this twin has the whole day:
overnight costs, actions, payments, execution, delistings, marks, margin, decision. It knows
nothing of the project's modules; symbols are column numbers, money is in micros.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date

NAN = float("nan")
ORDER_OF_ACTIONS = ("dividend", "split", "rights", "rename")


def m(x: float) -> int:
    return round(x * 1e6)


def valid(x: float) -> bool:
    return 0 < x < math.inf


def whole(x: float) -> int:
    """Shares in a product of shares and a ratio: 100 * 1.15 is 115, not 114.99999999999999."""
    return math.floor(round(x, 9))


@dataclass
class World:
    """The market: matrices [row][symbol] as lists, and what is known beside them.

    ``price`` is what orders meet; ``at_open`` says that it is the open, and not another.

    ``actions[row]`` holds tuples: ("dividend", symbol, micros, pay row), ("rights", symbol,
    ratio, micros), ("split", symbol, ratio), ("rename", symbol, successor).
    """

    days: list[date]
    price: list[list[float]]
    close: list[list[float]]
    volume: list[list[float]]
    member: list[list[bool]]
    actions: dict[int, list[tuple]] = field(default_factory=dict)
    delisted: dict[int, int] = field(default_factory=dict)
    locked: list[list[int]] | None = None
    volatility: list[list[float]] | None = None
    average_volume: list[list[float]] | None = None
    borrow: list[list[float]] | None = None
    borrow_rate: float = 0.0
    at_open: bool = True


@dataclass
class Terms:
    """Everything an account and its broker agree on.

    ``fees`` are (first day, [lines]); a line is (rate, per share in micros, minimum in
    micros, "both" or "sells").
    """

    cash_buffer: float = 0.0
    slippage: float = 0.0
    lot: int = 1
    cap: float | None = None
    delisting_return: float = 0.0
    fees: list[tuple[date, list[tuple]]] = field(default_factory=list)
    spread: float = 0.0
    coefficient: float = 0.0
    impact: bool = False
    max_pos_weight: float | None = None
    stop_loss_pct: float | None = None
    max_drawdown_pct: float | None = None
    breaker_cooldown: int | None = None
    may_short: bool = False
    initial: float = 0.5
    maintenance: float = 0.3
    debit_rate: float = 0.0


@dataclass
class Holding:
    shares: int = 0
    cost: float = 0.0
    mark: int = 0
    fraction: float = 0.0


@dataclass
class Wish:
    kind: str
    symbol: int
    requested: int
    weight: float
    why: str = ""


@dataclass
class Told:
    equity: list[int] = field(default_factory=list)
    cash: list[int] = field(default_factory=list)
    receivable: list[int] = field(default_factory=list)
    fills: list[tuple] = field(default_factory=list)
    orders: list[tuple] = field(default_factory=list)
    shares: list[dict[int, int]] = field(default_factory=list)


class Account:
    """One account in one world: what it knows, and what happens to it before the open."""

    def __init__(self, world: World, terms: Terms, capital: float):
        self.world, self.terms = world, terms
        self.cash = m(capital)
        self.book: dict[int, Holding] = {}
        self.owed: list[tuple[int, int]] = []  # (pay row, micros)
        self.told = Told()
        self.equity = self.cash
        self.peak = self.cash
        self.flat_from: int | None = None
        self.today = {row: self.in_turn(row) for row in world.actions}

    # --- what is known ----------------------------------------------------------------------

    def held(self, s: int) -> int:
        return self.book[s].shares if s in self.book else 0

    def positions(self) -> list[int]:
        return sorted(s for s, h in self.book.items() if h.shares)

    def long_and_short(self) -> tuple[int, int]:
        values = [h.shares * h.mark for h in self.book.values()]
        return sum(v for v in values if v > 0), -sum(v for v in values if v < 0)

    def last_close(self, t: int, s: int) -> int:
        """The last valid close, stated in shares of row t."""
        row = t
        while row >= 0 and not valid(self.world.close[row][s]):
            row -= 1
        if row < 0:
            return 0
        price = m(self.world.close[row][s])
        for later in range(row + 1, t + 1):
            for action in self.today.get(later, []):
                if action[0] == "split" and action[1] == s:
                    price = round(price / action[2])
        return price

    def in_turn(self, t: int) -> list[tuple]:
        """The actions of a row in the order in which they apply.

        One that is told under a new name, which never had a close, is the old name's.
        """
        old = {a[2]: a[1] for a in self.world.actions[t] if a[0] == "rename"}

        def holder(action: tuple) -> tuple:
            known = any(valid(row[action[1]]) for row in self.world.close[:t])
            if action[0] == "rename" or known or action[1] not in old:
                return action
            return (action[0], old[action[1]], *action[2:])

        named = map(holder, self.world.actions[t])
        return sorted(named, key=lambda a: (ORDER_OF_ACTIONS.index(a[0]), a[1]))

    def ends(self, t: int, s: int) -> bool:
        """Whether a name is closed at the end of row t.

        After its last session; and if a holding comes into it later still, on that day.
        """
        end = self.world.delisted.get(s)
        return end is not None and end <= t

    def locatable(self, t: int, s: int) -> bool:
        return self.world.borrow is None or math.isfinite(self.world.borrow[t][s])

    def rate(self, t: int, s: int) -> float:
        if self.world.borrow is not None:
            for row in range(t, -1, -1):
                if math.isfinite(self.world.borrow[row][s]):
                    return self.world.borrow[row][s]
        return self.world.borrow_rate

    def fee(self, kind: str, shares: int, price: int, t: int) -> int:
        if not self.terms.fees or not shares:
            return 0
        lines = self.terms.fees[0][1]
        for first_day, later in self.terms.fees:
            if first_day <= self.world.days[t]:
                lines = later
        total = 0
        for rate, per_share, minimum, sides in lines:
            if sides == "both" or kind in ("sell", "short"):
                total += max(round(rate * (shares * price)) + shares * per_share, minimum)
        return total

    def fill_price(self, kind: str, shares: int, t: int, s: int) -> int | None:
        """None = the impact cannot be known."""
        against = self.terms.slippage
        if self.terms.impact:
            impact = self.terms.spread * 0.5
            if self.terms.coefficient:
                sigma = self.world.volatility[t - 1][s] if self.world.volatility else NAN
                usual = self.world.average_volume[t - 1][s] if self.world.average_volume else NAN
                if not (0 <= sigma < math.inf and 0 < usual < math.inf):
                    return None
                impact += self.terms.coefficient * sigma * math.sqrt(shares / usual)
            against += impact
        price = self.world.price[t][s]
        return m(price * (1 + against)) if kind in ("buy", "cover") else m(price * (1 - against))

    # --- the morning ------------------------------------------------------------------------

    def overnight(self, t: int) -> None:
        if not self.terms.may_short:
            return
        days = (self.world.days[t] - self.world.days[t - 1]).days
        borrowed_cash = max(self.long_and_short()[1] - self.cash, 0)
        for s in self.positions():
            if self.held(s) < 0:
                value = -self.held(s) * self.book[s].mark
                self.cash -= round(self.rate(t - 1, s) * days / 360 * value)
        self.cash -= round(self.terms.debit_rate * days / 360 * borrowed_cash)

    def corporate_actions(self, t: int, wishes: list[Wish]) -> list[Wish]:
        today = self.today.get(t, [])
        heirs = {a[1]: a[2] for a in today if a[0] == "rename"}
        for action in today:
            kind, s = action[0], action[1]
            h = self.book.get(s)
            if kind == "dividend" and h and h.shares:
                self.owed.append((max(action[3], t), h.shares * action[2]))
            if kind == "rights" and h and h.shares > 0:
                self.subscribe(h, action[2], action[3])
            if kind == "split":
                self.split(s, action[2])
                wishes = [self.split_wish(w, action[2]) if w.symbol == s else w for w in wishes]
        if heirs:
            self.rename(heirs)
            wishes = [replace(w, symbol=heirs.get(w.symbol, w.symbol)) for w in wishes]
        return wishes

    def subscribe(self, h: Holding, ratio: float, price: int) -> None:
        new = whole(h.shares * ratio)
        if price:
            new = min(new, max(self.cash // price, 0))
        if new:
            h.cost = (h.cost * h.shares + new * price) / (h.shares + new)
            h.shares += new
            self.cash -= new * price

    def split(self, s: int, ratio: float) -> None:
        h = self.book.get(s)
        if h is None:
            return
        sign = 1 if h.shares >= 0 else -1
        exact = abs(h.shares) * ratio
        after = whole(exact)
        h.fraction = h.fraction * ratio + sign * max(exact - after, 0.0)
        if abs(h.fraction) < 1e-9:
            h.fraction = 0.0
        h.shares, h.cost, h.mark = sign * after, h.cost / ratio, round(h.mark / ratio)
        self.tidy(s)

    def split_wish(self, w: Wish, ratio: float) -> Wish:
        step = self.terms.lot if w.kind in ("buy", "short") else 1
        return replace(w, requested=whole(w.requested * ratio) // step * step)

    def rename(self, heirs: dict[int, int]) -> None:
        movers = {s: self.book.pop(s) for s in sorted(heirs) if s in self.book}
        for s, moved in movers.items():
            there = self.book.get(heirs[s])
            self.book[heirs[s]] = moved if there is None else merged(there, moved)
            self.tidy(heirs[s])

    def tidy(self, s: int) -> None:
        if s in self.book and not self.book[s].shares and not self.book[s].fraction:
            del self.book[s]

    def payments(self, t: int) -> None:
        self.cash += sum(amount for row, amount in self.owed if row <= t)
        self.owed = [(row, amount) for row, amount in self.owed if row > t]
        for s in sorted(self.book):
            price, volume = self.world.price[t][s], self.world.volume[t][s]
            if self.book[s].fraction and valid(price) and volume != 0:
                self.pay_fraction(s, price)

    def pay_fraction(self, s: int, price: float) -> None:
        self.cash += m(self.book[s].fraction * price)
        self.book[s].fraction = 0.0
        self.tidy(s)


def merged(there: Holding, moved: Holding) -> Holding:
    """Two holdings under one name: costs average, opposite positions meet."""
    shares, fraction = there.shares + moved.shares, there.fraction + moved.fraction
    if there.shares * moved.shares > 0:
        cost = (there.cost * there.shares + moved.cost * moved.shares) / shares
    else:
        cost = (moved if abs(moved.shares) > abs(there.shares) else there).cost
    return Holding(shares, cost, there.mark, fraction)
