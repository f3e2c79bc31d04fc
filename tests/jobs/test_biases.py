"""What the report holds against its own numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quant_core.jobs.assumptions import positions_without_later_price
from tests.engine.market_strategies import small_panel
from tests.jobs.console import BACKTEST, Console
from tests.jobs.market import rows, write_csv
from tests.reports.runs import FIRST, busy_run

NAN = float("nan")
CARRIED = "At the end of the run 1 positions are carried at their last close"


def stale_run(*, at_the_end: bool):
    """Three sessions with one position in S0, stale at the last close or the one before."""
    run = busy_run(3, "S0")
    stale = np.array([False, not at_the_end, at_the_end])
    return replace(run, positions=replace(run.positions, stale=stale))


class TestPositionsWithoutLaterPrice:
    @pytest.mark.parametrize(
        ("close", "at_the_end", "count"),
        [
            ([1, 1, NAN], True, 1),
            ([1, 1, NAN, NAN], True, 1),
            ([1, 1, NAN, NAN, 2], True, 0),
            ([1, NAN, 1], False, 0),
        ],
    )
    def test_by_hand(self, close, at_the_end, count):
        column = [[price] for price in close]
        panel = small_panel(column, column, np.ones((len(close), 1)), start=str(FIRST))
        run = stale_run(at_the_end=at_the_end)
        assert positions_without_later_price(panel.axes, panel.close, run) == count


class TestReport:
    def page(self, console: Console, *words: str) -> str:
        ran = console.run(BACKTEST, "--strategy", "equal_weight", "--json", *words)
        assert ran.code == 0, ran.err
        return Path(str(ran.document["report"])).read_text("utf-8")

    def test_a_dead_name_that_nobody_marked_as_delisted(self, console: Console):
        unmarked = [{**row, "delisted": ""} for row in rows()]
        path = write_csv(console.home / "unmarked.csv", unmarked)
        words = ("--dataset", "unmarked", "--path", str(path))
        assert console.sync(*words, "--price-basis", "split_adjusted").code == 0
        assert CARRIED in self.page(console, "--dataset", "unmarked")

    def test_of_raw_prices_its_delisting_is_inferred_and_told(self, console: Console):
        unmarked = [{**row, "delisted": ""} for row in rows()]
        path = write_csv(console.home / "unmarked.csv", unmarked)
        assert console.sync("--dataset", "unmarked", "--path", str(path)).code == 0
        words = ("--dataset", "unmarked", "--set", "execution.delisting_return=-0.3")
        page = self.page(console, *words)
        assert "positions are carried" not in page
        assert "1 were inferred from the last price" in page
        assert "closed after its last session at its last close times 0.7." in page

    def test_a_delisted_name_is_settled_and_not_carried(self, console: Console):
        assert "positions are carried" not in self.page(console)
