"""The rules of a session from the open to the decision, written naively.

What happens to the account before the open stands in :mod:`tests.engine.reference_account`.
"""

from __future__ import annotations

import math

from tests.engine.reference_account import Account, Holding, Terms, Told, Wish, World, m, valid


class Twin(Account):
    """The account at the open, at the close, and its next decision."""

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
            n, why = closable, "truncated_position"
        if n and ((kind == "buy" and held < 0) or (kind == "short" and held > 0)):
            return 0, "truncated_position"
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
            if self.ends(t, s):
                close = self.world.close[t][s]
                last = m(close) if valid(close) else self.book[s].mark
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
