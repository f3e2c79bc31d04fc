"""The page: one file, nothing from elsewhere, nothing that a name in the data could break."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from quant_core.performance.capacity import CapacityPoint
from quant_core.performance.gap_stress import GapStress, LevelFacts, gap_outcome
from quant_core.performance.metric import Metric
from quant_core.reports import figures
from quant_core.reports.incidents import incident_blocks
from quant_core.reports.page import FigureSheet, Section, render_page, table
from quant_core.reports.report import ReportInput, render_report
from quant_core.reports.trading_sections import BufferRun
from quant_core.reports.words import MISSING, metric_text
from quant_core.trading.history import Incident, RunHistory
from tests.reports.runs import FIRST, UNIT, busy_run, idle_run, statistics

SECTIONS = ["summary", "equity", "returns", "drawdowns", "holdings", "costs", "gaps", "orders"]
SECTIONS += ["metrics"]
VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """Tags of a page as a tree of open elements; refuses one that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        if self._open[-1:] == ["style"]:
            self.styles.append(data)


def given(history: RunHistory, **changes) -> ReportInput:
    values = {
        "title": "a strategy",
        "history": history,
        "statistics": statistics(history),
        "costs": np.zeros(len(history.sessions)),
        "facts": [("Run", "one")],
        "assumptions": ["no taxes"],
        "biases": ["survivors only"],
        "buffers": [BufferRun(0.02, 1, 2_000_000, 3_000_000)],
        "language": "en",
    }
    return ReportInput(**(values | changes))


def drawn(page: Page) -> list[dict]:
    """The figures of a page."""
    text = page.scripts[-1]
    return json.loads(text[text.index("[") : text.index(";\n")])


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(given(busy_run())))


def stressed(runs: int = 5) -> GapStress:
    """A stress of the busy run, its scenarios all alike."""
    run = gap_outcome("bootstrap", 1, busy_run(20))
    drawn = [replace(run, number=number) for number in range(1, runs + 1)]
    fixed = [replace(run, scenario=name, number=0) for name in ("up", "down", "against")]
    traded = replace(run, scenario="as_traded", number=0)
    levels = (LevelFacts("calm", 3, 0.01, 0.02), LevelFacts("turbulent", 0, np.nan, np.nan))
    return GapStress(0.05, 7, traded, tuple(fixed), tuple(drawn), levels, 2)


CURVE = (
    CapacityPoint(1e6, 1.0, 0.1, 0.01, 1.0, 0),
    CapacityPoint(1e7, 0.8, 0.1, 0.02, 0.95, 3),
    CapacityPoint(1e8, np.nan, np.nan, 0.02, np.nan, 9),
)


class TestOffline:
    def test_nothing_is_loaded(self, page: Page):
        loading = ("src", "srcset", "data", "poster", "action", "background", "style")
        assert [found for found in page.attributes if found[1] in loading] == []
        targets = [value for _, name, value in page.attributes if name == "href"]
        assert targets == [f"#{anchor}" for anchor in SECTIONS]
        outside = {"link", "img", "iframe", "object", "embed", "base", "video", "audio"}
        assert outside & set(page.tags) == set()
        assert not re.search(r"url\(|@import", "".join(page.styles))

    def test_one_copy_of_the_drawing_library(self, page: Page):
        assert len(page.scripts) == 2
        assert "Plotly" in page.scripts[0]
        assert len(page.scripts[0]) > 1_000_000


class TestSections:
    def test_every_question_has_one(self, page: Page):
        found = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]
        assert found == SECTIONS

    def test_every_figure_has_a_place_and_data(self, page: Page):
        places = [value for tag, name, value in page.attributes if value.startswith("figure-")]
        shown = drawn(page)
        assert places == [f"figure-{number}" for number in range(len(shown))]
        assert len(shown) == 11
        for figure in shown:
            for trace in figure["data"]:
                assert any(value is not None for value in trace.get("y") or trace["x"])

    def test_other_gaps_and_other_capital_have_theirs_where_they_were_tried(self):
        more = {"gap_stress": stressed(), "capacity": CURVE}
        text = render_report(given(busy_run(), **more))
        page = Page(text)
        found = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]
        after_gaps = SECTIONS.index("gaps") + 1
        assert found == [
            *SECTIONS[:after_gaps], "gap-stress", "capacity", *SECTIONS[after_gaps:]
        ]  # fmt: skip
        assert len(drawn(page)) == 11 + 2 + 1
        assert "2 gaps beyond 50 % were cut to it" in text
        assert "5 scenarios, seed 7" in text
        assert "Within this curve the strategy does not reach its capacity." in text

    def test_capacity_is_told_by_its_reason(self):
        half = (CURVE[0], CapacityPoint(1e8, 0.5, 0.1, 0.02, 0.9, 3))
        text = render_report(given(busy_run(), capacity=half))
        assert "At a capital of about 100,000,000 the net Sharpe ratio is half of its best." in text
        thin = (CapacityPoint(1e6, 0.5, 0.1, 0.02, 0.4, 3),)
        text = render_report(given(busy_run(), capacity=thin))
        assert "Already at a capital of 1,000,000 less than 90 % of the orders is filled" in text
        empty = (CURVE[0], CapacityPoint(1e8, 0.9, 0.1, 0.02, 0.0, 3))
        text = render_report(given(busy_run(), capacity=empty))
        assert "From a capital of about 10,000,000 on, less than half of the orders" in text

    @pytest.mark.parametrize("sessions", [1, 2, 200])
    @pytest.mark.parametrize("make", [idle_run, busy_run])
    def test_short_and_idle_runs(self, make, sessions: int):
        page = Page(render_report(given(make(sessions))))
        assert page.tags.count("section") == len(SECTIONS)

    def test_a_long_list_of_orders_is_cut_and_says_so(self):
        text = render_report(given(busy_run(900)))
        assert "The last 500 of 899 rows; the Parquet files hold all." in text
        # And once more, where the reasons are counted.
        assert text.count("<td>refused_no_price</td>") == 500 + 1
        assert '<td>refused_no_price</td><td class="number">899</td>' in text

    def test_facts_assumptions_and_biases(self):
        text = render_report(given(idle_run()))
        assert "<td>Run</td><td>one</td>" in text
        assert "<li>no taxes</li>" in text
        assert '<p class="warning">survivors only</p>' in text

    def test_sharpe_stands_with_its_interval(self):
        text = render_report(given(busy_run()))
        low, high = (statistics(busy_run()).get(f"sharpe_{end}") for end in ("low", "high"))
        assert f"95 %: {metric_text(low)} … {metric_text(high)}" in text

    def test_unknown_prices_are_a_dash(self):
        text = render_report(given(busy_run(3)))
        assert (
            text.count(f'<td class="number">{MISSING}</td><td class="number">{MISSING}</td>') == 2
        )
        assert ">0.0000<" not in text


class TestHostileNames:
    NAME = "<script>alert('x')</script>&\"<!--"

    def test_in_the_data(self):
        page = Page(render_report(given(busy_run(symbol=self.NAME))))
        assert len(page.scripts) == 2

    def test_in_the_title_and_the_facts(self):
        hostile = given(
            idle_run(),
            title=self.NAME,
            facts=[(self.NAME, self.NAME)],
            assumptions=[self.NAME],
            biases=[self.NAME],
        )
        assert len(Page(render_report(hostile)).scripts) == 2

    def test_in_a_figure(self):
        sheet = FigureSheet()
        line = figures.line(self.NAME, idle_run().sessions, np.ones(3), "red")
        sheet.place(figures.lines_figure([line], ".0%"))
        page = Page(render_page("a", "en", [Section("s", "S", [])], sheet))
        assert len(page.scripts) == 2
        assert drawn(page)[0]["data"][0]["name"] == self.NAME


class TestFigures:
    def test_unknown_values_are_gaps(self):
        values = np.array([1.0, np.nan, np.inf])
        line = figures.line("a", idle_run().sessions, values, "red")
        assert line["y"] == [1.0, None, None]
        assert line["x"] == ["2024-01-02", "2024-01-03", "2024-01-04"]

    @pytest.mark.parametrize(
        ("low", "high"), [(9.99e5, 1.01e6), (8e5, 1.9e6), (1e3, 1e6), (0.5, 0.6), (1e6, 1e6)]
    )
    def test_logarithmic_axis_has_ticks_it_can_show(self, low: float, high: float):
        equity = np.linspace(low, high, 3)
        drawn = figures.equity_figure(idle_run().sessions, equity, equity, equity, str)
        ticks = drawn["layout"]["yaxis"]["tickvals"]
        assert 1 <= len(ticks) <= 20
        assert all(low * 0.97 <= tick <= high * 1.03 for tick in ticks)
        assert ticks == sorted(set(ticks))

    def test_no_benchmark_no_line(self):
        sessions, equity = idle_run().sessions, np.ones(3)
        unknown = np.full(3, np.nan)
        assert len(figures.equity_figure(sessions, equity, unknown, equity, str)["data"]) == 2
        assert len(figures.underwater_figure(sessions, equity, unknown, str)["data"]) == 1

    def test_months_without_sessions_are_empty_cells(self):
        table = np.full((1, 12), np.nan)
        table[0, 3] = -0.125
        heat = figures.monthly_figure([2024], table, str)["data"][0]
        assert heat["text"][0][3:5] == ["-12.5%", ""]
        assert heat["z"][0][3:5] == [-0.125, None]
        assert (heat["zmin"], heat["zmax"]) == (-0.125, 0.125)

    def test_a_year_without_any_return_still_draws(self):
        json.dumps(figures.monthly_figure([2024], np.full((1, 12), np.nan), str), allow_nan=False)

    def test_bars_leave_out_zeros(self):
        bars = figures.bars_figure("a", idle_run().sessions, np.array([0.0, 0.5, 0.0]), ".0%")
        assert bars["data"][0]["x"] == ["2024-01-03"]


class TestWords:
    @pytest.mark.parametrize(
        ("metric", "text"),
        [
            (Metric("a", None, "ratio", "c"), MISSING),
            (Metric("a", "2024-01-02", "date", "c"), "2024-01-02"),
            (Metric("a", -0.12345, "fraction", "c"), "-12.35 %"),
            (Metric("a", 1234567.5, "currency", "c"), "1,234,567.50"),
            (Metric("a", 1234, "sessions", "c"), "1,234"),
            (Metric("a", 12.34, "basis_points", "c"), "12.3 bps"),
            (Metric("a", 1.23456, "ratio", "c"), "1.235"),
        ],
    )
    def test_values_in_their_unit(self, metric: Metric, text: str):
        assert metric_text(metric) == text

    def test_numbers_of_a_table_stand_to_the_right(self):
        told = table(["a", "b", "c"], [["<1>", "2", "3"]], numbers=range(1, 2))
        assert '<td>&lt;1&gt;</td><td class="number">2</td><td>3</td>' in told


class TestLogarithmicTicks:
    @pytest.mark.parametrize("span", [1.5, 5.0, 100.0, 1e4, 1e9])
    def test_they_do_not_run_into_each_other(self, span: float):
        values = np.array([1e6, 1e6 * span])
        figure = figures.equity_figure(
            np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"),
            values, np.full(2, np.nan), values, lambda text: text,
        )  # fmt: skip
        axis = figure["layout"]["yaxis"]
        ticks = np.log(axis["tickvals"])
        assert 2 <= len(ticks) <= 12
        assert np.diff(ticks).min() > np.log(span) / 40


class TestIncidents:
    def test_thousands_of_dividends_do_not_flood_the_page(self):
        paid = [
            Incident(FIRST + timedelta(days=n), "dividend_paid", f"N{n:04d}", "", n * UNIT)
            for n in range(2000)
        ]
        stop = Incident(FIRST, "stop_loss", "ABC", "below the stop")
        text = render_report(given(replace(busy_run(), incidents=(stop, *paid))))
        shown = [f"N{n:04d}" for n in range(2000) if f"N{n:04d}" in text]
        assert shown == [f"N{n:04d}" for n in range(1990, 2000)]
        assert "below the stop" in text
        page = Page(text)
        assert page.tags.count("section") == len(SECTIONS)
        # The total of all, not of those that are shown.
        assert "1,999,000.00" in text
        assert "11 / 2,001" in text

    def test_cash_that_goes_and_comes_is_told_apart(self):
        flows = [3, -5, 4, -7]
        told = [Incident(FIRST, "dividend_paid", "ABC", "", flow * UNIT) for flow in flows]
        text = "".join(incident_blocks(told, lambda english: english))
        assert ">7.00<" in text
        assert ">-12.00<" in text

    def test_none(self):
        assert incident_blocks((), lambda english: english) == []


def test_a_short_book_shows_both_sides():
    history = busy_run(3)
    positions = replace(
        history.positions,
        symbols=("ABC", "XYZ"),
        symbol=np.array([0, 1, 0]),
        row=np.array([0, 0, 1]),
        shares=np.array([2, -3, 2]),
    )
    page = Page(render_report(given(replace(history, positions=positions))))
    lines = {trace.get("name"): trace.get("y") for f in drawn(page) for trace in f["data"]}
    held = [2 * 100 + 3 * 101, 2 * 102, 0]
    equity = (history.equity_micros / UNIT).tolist()
    expected = [value / total for value, total in zip(held, equity, strict=True)]
    assert lines["Gross exposure, long plus short"] == pytest.approx(expected)


def test_a_receivable_is_not_invested():
    history = busy_run(3)
    owed = np.full(3, 50 * UNIT)
    later = replace(
        history, equity_micros=history.equity_micros + owed, receivable_micros=owed
    )  # fmt: skip
    figures_of = [drawn(Page(render_report(given(run)))) for run in (history, later)]
    name = "Invested share of equity"
    shares = [
        next(t["y"] for f in found for t in f["data"] if t.get("name") == name)
        for found in figures_of
    ]
    assert shares[0][0] == pytest.approx(200 / 999)
    assert shares[1][0] == pytest.approx(200 / 1049)
