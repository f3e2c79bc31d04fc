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
ORDER_OF_ACTIONS = ("dividend", "rights", "split", "rename")


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


class Twin:
    """One account in one world."""

    def __init__(self, world: World, terms: Terms, capital: float):
        self.world, self.terms = world, terms
        self.cash = m(capital)
        self.book: dict[int, Holding] = {}
        self.owed: list[tuple[int, int]] = []  # (pay row, micros)
        self.told = Told()
        self.equity = self.cash
        self.peak = self.cash
        self.flat_from: int | None = None

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
            for action in self.world.actions.get(later, []):
                if action[0] == "split" and action[1] == s:
                    price = round(price / action[2])
        return price

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
        today = sorted(self.world.actions.get(t, []), key=lambda a: ORDER_OF_ACTIONS.index(a[0]))
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

    # --- the open ---------------------------------------------------------------------------

    def execute(self, t: int, wishes: list[Wish]) -> None:
        turn = {"sell": 0, "cover": 1, "short": 2, "buy": 3}

        def place(w: Wish) -> tuple:
            return turn[w.kind], -w.weight if w.kind == "buy" else 0.0, w.symbol

        taken: dict[int, int] = {}
        for w in sorted(wishes, key=place):
            before = self.cash
            filled, why = self.fill(t, w, taken.get(w.symbol, 0))
            taken[w.symbol] = taken.get(w.symbol, 0) + filled
            self.told.orders.append((t, w.symbol, w.kind, w.requested, filled, why, before))

    def obstacle(self, t: int, w: Wish) -> str:
        if w.why:
            return w.why
        price = self.world.price[t][w.symbol]
        if not valid(price) or self.world.volume[t][w.symbol] == 0:
            return "expired_halted"
        lock = self.world.locked[t][w.symbol] if self.world.locked else 0
        if lock == 1 and w.kind in ("buy", "cover"):
            return "expired_limit_up"
        if lock == 2 and w.kind in ("sell", "short"):
            return "expired_limit_down"
        worst = self.fill_price(w.kind, w.requested, t, w.symbol)
        if worst is None:
            return "expired_unknown_impact"
        return "" if worst > 0 else "expired_halted"

    def fill(self, t: int, w: Wish, taken: int) -> tuple[int, str]:
        s, kind, lot = w.symbol, w.kind, self.terms.lot
        why = self.obstacle(t, w)
        if why:
            return 0, why
        held = self.held(s)
        n = w.requested
        if self.terms.cap is not None:
            volume = self.world.volume[t][s]
            most = math.floor(self.terms.cap * volume / lot) * lot if volume > 0 else 0
            if max(most - taken, 0) < n:
                n, why = max(most - taken, 0), "truncated_volume"
        closable = {"sell": max(held, 0), "cover": max(-held, 0)}.get(kind)
        if closable is not None and closable < n:
            n, why = closable, "expired_not_settled" if kind == "sell" else "expired_position_open"
        if (kind == "buy" and held < 0) or (kind == "short" and held > 0):
            return 0, "expired_position_open"
        raw = m(self.world.price[t][s])
        if kind == "sell":
            price = self.fill_price(kind, n, t, s)
            if self.cash + n * price - self.fee(kind, n, price, t) < min(self.cash, 0):
                n, why = 0, "truncated_cash"
        if kind == "buy":
            affordable = min(n, max(self.cash // raw, 0)) // lot * lot
            while affordable and self.cost(kind, affordable, t, s) > self.cash:
                affordable -= lot
            if affordable < n:
                n, why = affordable, "truncated_cash"
        if kind in ("buy", "short") and self.terms.may_short:
            allowed = n // lot * lot
            while allowed and allowed * raw > self.room(kind, allowed, t, s):
                allowed -= lot
            if allowed < n:
                n, why = allowed, "truncated_margin"
        if n:
            self.book_fill(t, s, kind, n)
        return n, why

    def cost(self, kind: str, n: int, t: int, s: int) -> int:
        price = self.fill_price(kind, n, t, s)
        return n * price + self.fee(kind, n, price, t)

    def room(self, kind: str, n: int, t: int, s: int) -> int:
        """Notional that the initial margin allows once fees and slippage are paid."""
        price = self.fill_price(kind, n, t, s)
        paid = self.fee(kind, n, price, t) + n * abs(price - m(self.world.price[t][s]))
        long, short = self.long_and_short()
        equity = self.cash + long - short
        return max(math.floor((equity - paid) / self.terms.initial) - (long + short), 0)

    def book_fill(self, t: int, s: int, kind: str, n: int) -> None:
        price = self.fill_price(kind, n, t, s)
        fee = self.fee(kind, n, price, t)
        self.told.fills.append((t, s, kind, n, price, fee))
        self.cash += -(n * price + fee) if kind in ("buy", "cover") else n * price - fee
        h = self.book.setdefault(s, Holding(mark=m(self.world.price[t][s])))
        if kind in ("buy", "short"):
            paid = n * price + fee if kind == "buy" else n * price - fee
            h.cost = (h.cost * abs(h.shares) + paid) / (abs(h.shares) + n)
        h.shares += n if kind in ("buy", "cover") else -n
        self.tidy(s)

    # --- the close --------------------------------------------------------------------------

    def delist(self, t: int) -> None:
        for s in sorted(self.book):
            if self.world.delisted.get(s) == t:
                last = self.last_close(t, s) or self.book[s].mark
                price = round(last * (1 + self.terms.delisting_return))
                self.cash += m(self.book[s].fraction * (price / 1e6))
                self.cash += self.book[s].shares * price
                del self.book[s]

    def mark(self, t: int, number: int) -> None:
        for s, h in self.book.items():
            if valid(self.world.close[t][s]):
                h.mark = m(self.world.close[t][s])
        receivable = sum(amount for _, amount in self.owed)
        receivable += sum(round(h.fraction * h.mark) for h in self.book.values())
        self.equity = self.cash + sum(h.shares * h.mark for h in self.book.values()) + receivable
        self.told.equity.append(self.equity)
        self.told.cash.append(self.cash)
        self.told.receivable.append(receivable)
        self.told.shares.append({s: self.held(s) for s in self.positions()})
        if self.terms.max_drawdown_pct is not None and self.flat_from is None:
            self.peak = max(self.peak, self.equity)
            if self.equity < self.peak * (1 - self.terms.max_drawdown_pct):
                self.flat_from = number + 1

    # --- the decision at the close of row t for the next session ------------------------------

    def decide(self, t: int, number: int, due: bool, weights: dict[int, float] | None):
        everything = [self.exit(s) for s in self.positions()]
        long, short = self.long_and_short()
        starved = self.equity < self.terms.maintenance * (long + short)
        if self.equity <= 0 or (self.terms.may_short and everything and starved):
            return everything
        if self.flat_from is not None:
            cooldown = self.terms.breaker_cooldown
            if not due or cooldown is None or number < self.flat_from + max(cooldown, 1):
                return everything
            self.flat_from, self.peak = None, self.equity
        barred = [s for s in self.positions() if self.stopped(s) or self.recalled(t, s)]
        if not due or weights is None:
            return [self.exit(s) for s in barred]
        cap = math.inf if self.terms.max_pos_weight is None else self.terms.max_pos_weight
        wanted = {s: max(-cap, min(w, cap)) for s, w in weights.items() if s not in barred}
        wishes = []
        for s in sorted(set(wanted) | set(self.positions())):
            wishes += self.wishes_for(t, s, wanted.get(s, 0.0))
        return wishes

    def exit(self, s: int) -> Wish:
        held = self.held(s)
        return Wish("sell" if held > 0 else "cover", s, abs(held), 0.0)

    def stopped(self, s: int) -> bool:
        h, loss = self.book[s], self.terms.stop_loss_pct
        if loss is None:
            return False
        return h.mark < h.cost * (1 - loss) if h.shares > 0 else h.mark > h.cost * (1 + loss)

    def recalled(self, t: int, s: int) -> bool:
        return self.held(s) < 0 and not self.locatable(t, s)

    def wishes_for(self, t: int, s: int, weight: float) -> list[Wish]:
        held, price = self.held(s), self.last_close(t, s)
        why = "" if self.world.member[t][s] else "refused_not_in_universe"
        if not valid(self.world.close[t][s]):
            why = "refused_no_price"
        if weight and not price:
            return [Wish("buy" if weight > 0 else "short", s, 0, weight, why)]
        target = 0
        if weight:
            long, short = self.long_and_short()
            investable = self.cash + long - short
            budget = max(math.floor(abs(weight) * (1 - self.terms.cash_buffer) * investable), 0)
            target = budget // (price * self.terms.lot) * self.terms.lot
            target = target if weight > 0 else -target
        wishes = []
        if held > 0 and target < held:
            wishes.append(Wish("sell", s, held - max(target, 0), weight))
        if held < 0 and target > held:
            wishes.append(Wish("cover", s, min(target, 0) - held, weight))
        if target > max(held, 0):
            wishes.append(Wish("buy", s, target - max(held, 0), weight, why))
        if target < min(held, 0):
            not_located = "" if self.locatable(t, s) else "refused_not_located"
            wishes.append(Wish("short", s, min(held, 0) - target, weight, why or not_located))
        return wishes


def merged(there: Holding, moved: Holding) -> Holding:
    """Two holdings under one name: costs average, opposite positions meet."""
    shares, fraction = there.shares + moved.shares, there.fraction + moved.fraction
    if there.shares * moved.shares > 0:
        cost = (there.cost * there.shares + moved.cost * moved.shares) / shares
    else:
        cost = (moved if abs(moved.shares) > abs(there.shares) else there).cost
    mark = there.mark if there.shares or not moved.shares else moved.mark
    return Holding(shares, cost, mark, fraction)


def simulate(world: World, weights_at, scheduled, first: int, capital: float, terms: Terms) -> Told:
    """``weights_at(t)`` is the answer at the close of row t: {symbol: weight}, None to hold."""
    twin = Twin(world, terms, capital)
    wishes = twin.decide(first - 1, 0, True, weights_at(first - 1))
    for number in range(len(scheduled)):
        t = first + number
        twin.overnight(t)
        wishes = twin.corporate_actions(t, wishes)
        twin.payments(t)
        twin.execute(t, wishes)
        twin.delist(t)
        twin.mark(t, number)
        if number + 1 < len(scheduled):
            wishes = twin.decide(t, number + 1, scheduled[number + 1], weights_at(t))
    return twin.told
