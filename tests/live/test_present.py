"""The worker at wall-clock time: autumn 2024 in New York, hour by hour, without waiting."""

from __future__ import annotations

from datetime import date, datetime
from threading import Event

import pytest

from quant_core.backtest_engine import RunWindow, run_readable
from quant_core.foundation.errors import ConfigurationError, DataRefused
from quant_core.foundation.money import micros
from quant_core.jobs.parity import first_difference, traded_of
from quant_core.live.commands import Action
from quant_core.live.data_feed import FreshData, in_background
from quant_core.live.journal_entries import (
    CommandDone,
    DecisionTaken,
    RiskStateChanged,
    SessionClosed,
    ShortfallExplained,
)
from quant_core.live.journal_errors import JournalLocked
from quant_core.live.journal_kinds import TargetKind
from quant_core.live.journal_orders import FillReceived, OrderIntent
from quant_core.live.trader import JOURNAL_FOLDER, MONITOR_MODE
from quant_core.trading.schedule import scheduled_executions
from tests.live.present_desk import CAPITAL, PresentBench, local


def decided(bench: PresentBench) -> dict[date, datetime]:
    """When each session was really decided."""
    return {
        entry.body.session: entry.at
        for entry in bench.entries()
        if isinstance(entry.body, DecisionTaken) and entry.body.data_version
    }


def closed(bench: PresentBench) -> list[date]:
    return [body.session for body in bench.bodies(SessionClosed)]


def backtest_difference(bench: PresentBench, first: date, last: date) -> str | None:
    """What distinguishes the journal from the backtest of the same sessions."""
    days = [day.item() for day in bench.days]
    window = RunWindow(days.index(first), days.index(last))
    sessions = bench.days[window.first : window.last + 1]
    flags = scheduled_executions(sessions, bench.settings().rebalance)
    history = run_readable(bench.brain(), bench.whole, window, flags, micros(CAPITAL))
    traded = traded_of(bench.folder / "live" / JOURNAL_FOLDER, micros(CAPITAL))
    return first_difference(history, traded, bench.whole)


class TestExamples:
    def test_days_of_trading_are_the_backtest(self, tmp_path):
        """A weekend, the end of daylight saving (3 November), five sessions."""
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-08T20:00")
        assert MONITOR_MODE in bench.lines
        assert bench.alerts == []
        assert closed(bench) == [date(2024, 11, day) for day in (4, 5, 6, 7, 8)]
        assert {at.astimezone(local("2024-11-04T09:15").tzinfo) for at in decided(bench).values()}
        assert decided(bench)[date(2024, 11, 4)] == local("2024-11-04T09:15")
        assert local("2024-11-04T09:15").hour == 14  # winter time
        assert backtest_difference(bench, date(2024, 11, 4), date(2024, 11, 8)) is None
        assert len(bench.bodies(FillReceived)) > 8

    def test_what_the_console_sees_of_a_day(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-04T23:00")
        assert bench.at_time("2024-11-02T12:00")["next_run"] == "2024-11-04T14:15:00+00:00"
        assert bench.at_time("2024-11-04T09:10")["open_orders"] == []
        waiting = bench.at_time("2024-11-04T09:20")["open_orders"]
        assert isinstance(waiting, list) and len(waiting) == 2
        # The venue knows the prices of the session when its data come, in the evening.
        assert bench.at_time("2024-11-04T15:00")["fills"] == []
        assert "do not have 2024-11-04" in str(bench.at_time("2024-11-04T17:45")["problem"])
        assert bench.at_time("2024-11-04T21:40")["last_close"] == "2024-11-04"
        assert bench.at_time("2024-11-04T21:40")["problem"] == ""

    def test_a_half_day_and_a_holiday(self, tmp_path):
        """Thanksgiving is closed; the day after ends at 13:00, with its data at 14:00."""
        bench = PresentBench(tmp_path)
        bench.known_from = lambda day: local(
            f"{day}T14:00" if day == date(2024, 11, 29) else f"{day}T18:00"
        )
        bench.run("2024-11-26T20:00", "2024-12-02T08:00")
        assert closed(bench) == [date(2024, 11, 27), date(2024, 11, 29)]
        assert sorted(decided(bench)) == [date(2024, 11, 27), date(2024, 11, 29)]
        ends = {e.body.session: e.at for e in bench.entries() if isinstance(e.body, SessionClosed)}
        assert local("2024-11-29T14:00") <= ends[date(2024, 11, 29)] < local("2024-11-29T16:15")

    @pytest.mark.parametrize(
        ("start", "first_open"),
        [
            ("2024-11-04T11:00", date(2024, 11, 5)),  # in the middle of a session
            ("2024-11-04T17:00", date(2024, 11, 5)),  # after the close, before its data
            ("2024-11-04T09:29", date(2024, 11, 4)),  # a minute before the open
            ("2024-11-04T09:29:40", date(2024, 11, 5)),  # within the margin of the cut-off
            ("2024-11-02T12:00", date(2024, 11, 4)),  # on a Saturday
        ],
    )
    def test_started_at_any_hour_it_decides_the_next_open(self, tmp_path, start, first_open):
        bench = PresentBench(tmp_path)
        bench.run(start, "2024-11-05T21:00")
        assert min(decided(bench)) == first_open
        assert closed(bench) == [date(2024, 11, 4), date(2024, 11, 5)]
        skipped = [b for b in bench.bodies(DecisionTaken) if not b.data_version]
        assert [b.target for b in skipped] == [TargetKind.HOLD] * (first_open.day - 4)

    def test_started_on_a_holiday(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-28T11:00", "2024-11-29T20:00")
        assert closed(bench) == [date(2024, 11, 29)]
        assert decided(bench)[date(2024, 11, 29)] == local("2024-11-29T09:15")

    def test_a_worker_that_was_down_for_days_makes_them_up(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-04T21:00")
        bench.run("2024-11-07T20:00", "2024-11-08T20:00")
        days = [4, 5, 6, 7, 8]
        assert closed(bench) == [date(2024, 11, day) for day in days]
        assert sorted(decided(bench)) == [date(2024, 11, 4), date(2024, 11, 8)]
        assert bench.state()["reconciliation"] == {"agrees": True, "differences": []}

    def test_a_restart_between_decision_and_open_sends_nothing_twice(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-04T09:20")
        bench.run("2024-11-04T09:22", "2024-11-06T20:00")
        assert backtest_difference(bench, date(2024, 11, 4), date(2024, 11, 6)) is None

    def test_cancel_before_the_open_keeps_the_day_without_orders(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run(
            "2024-11-01T20:00",
            "2024-11-04T20:00",
            {"2024-11-04T09:24": lambda: bench.command(Action.CANCEL)},
        )
        assert [b.succeeded for b in bench.bodies(CommandDone)] == [True, True]
        assert bench.bodies(FillReceived) == []
        assert closed(bench) == [date(2024, 11, 4)]

    def test_flat_in_the_session_sells_once_its_prices_are_known(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run(
            "2024-11-01T20:00",
            "2024-11-06T20:00",
            {"2024-11-05T11:00": lambda: bench.command(Action.FLAT)},
        )
        assert bench.at_time("2024-11-05T17:00")["engine_status"] == "killed"
        assert bench.state()["positions"] == []
        assert closed(bench) == [date(2024, 11, day) for day in (4, 5, 6)]


class TestRebalance:
    def test_the_first_decision_is_a_rebalance_and_then_the_schedule_counts(self, tmp_path):
        bench = PresentBench(tmp_path, ("rebalance=weekly",))
        bench.run("2024-11-05T20:00", "2024-11-12T20:00")
        sessions = sorted({b.session for b in bench.bodies(OrderIntent)})
        assert sessions == [date(2024, 11, 6), date(2024, 11, 11)]
        assert backtest_difference(bench, date(2024, 11, 6), date(2024, 11, 12)) is None

    def test_a_rebalance_that_was_missed_is_made_up_for(self, tmp_path):
        bench = PresentBench(tmp_path, ("rebalance=weekly",))
        bench.run("2024-11-05T20:00", "2024-11-08T21:00")
        bench.run("2024-11-11T11:00", "2024-11-13T20:00")
        sessions = sorted({b.session for b in bench.bodies(OrderIntent)})
        assert sessions == [date(2024, 11, 6), date(2024, 11, 12)]

    def test_every_n_counts_from_the_first_rebalance(self, tmp_path):
        bench = PresentBench(tmp_path, ("rebalance={every: 3}",))
        bench.run("2024-11-01T20:00", "2024-11-12T20:00")
        sessions = sorted({b.session for b in bench.bodies(OrderIntent)})
        assert sessions == [date(2024, 11, 4), date(2024, 11, 7), date(2024, 11, 12)]
        assert backtest_difference(bench, date(2024, 11, 4), date(2024, 11, 12)) is None


class TestData:
    def test_late_data_are_awaited_until_the_cut_off(self, tmp_path):
        bench = PresentBench(tmp_path)
        late = {date(2024, 11, 4): local("2024-11-05T09:17")}
        bench.known_from = lambda day: late.get(day, local(f"{day}T18:00"))
        bench.run("2024-11-01T20:00", "2024-11-05T20:00")
        assert bench.alert_keys() == {"data"}
        assert "2024-11-05 cannot be decided" in bench.alerts[0].body
        assert bench.alerts[0].at == local("2024-11-05T09:15")
        assert local("2024-11-05T09:17") < decided(bench)[date(2024, 11, 5)]
        assert backtest_difference(bench, date(2024, 11, 4), date(2024, 11, 5)) is None

    def test_data_that_come_after_the_open_order_nothing(self, tmp_path):
        bench = PresentBench(tmp_path)
        late = {date(2024, 11, 4): local("2024-11-05T10:00")}
        bench.known_from = lambda day: late.get(day, local(f"{day}T18:00"))
        bench.run("2024-11-01T20:00", "2024-11-06T20:00")
        assert sorted(decided(bench)) == [date(2024, 11, 4), date(2024, 11, 6)]
        assert date(2024, 11, 5) not in {b.session for b in bench.bodies(OrderIntent)}
        assert closed(bench) == [date(2024, 11, day) for day in (4, 5, 6)]

    def test_a_version_of_the_morning_is_the_one_that_is_decided_on(self, tmp_path):
        def revised(at: datetime) -> float:
            return 1.5 if at >= local("2024-11-05T08:00") else 1.0

        bench = PresentBench(tmp_path, revise=revised)
        bench.run("2024-11-01T20:00", "2024-11-05T10:00")
        versions = {b.session: b.data_version for b in bench.bodies(DecisionTaken)}
        assert versions == {
            date(2024, 11, 4): "2024-11-01/1.0",
            date(2024, 11, 5): "2024-11-04/1.5",
        }

    def test_a_version_after_the_decision_changes_no_order(self, tmp_path):
        def revised(at: datetime) -> float:
            return 1.5 if at >= local("2024-11-05T09:18") else 1.0

        bench = PresentBench(tmp_path, revise=revised)
        bench.run("2024-11-01T20:00", "2024-11-05T09:29")
        ordered = [b for b in bench.bodies(OrderIntent) if b.session == date(2024, 11, 5)]
        times = {e.at for e in bench.entries() if e.body in ordered}
        assert times == {local("2024-11-05T09:15")}
        assert bench.loads == 3  # at the start, in the evening, and the revision

    def test_a_stop_does_not_wait_for_data_that_are_being_read(self, tmp_path):
        never, ended = Event(), Event()

        class Stuck(PresentBench):
            def fresh(self) -> FreshData:
                if self.loads > 0:
                    self.loads += 1
                    never.wait(20)
                    ended.set()
                return super().fresh()

        bench = Stuck(tmp_path, background=in_background)
        try:
            bench.run("2024-11-01T20:00", "2024-11-05T20:00")
            # At the start, the one that hangs, and those begun anew beside it every hour or so.
            assert 2 <= bench.loads <= 12
            assert not ended.is_set()
            assert bench.state()["engine_status"] == "stopped"
        finally:
            never.set()
        assert ended.wait(20)

    def test_data_that_cannot_be_read_stop_decisions_until_they_can(self, tmp_path):
        bench = PresentBench(tmp_path)
        whole = PresentBench.fresh

        def fresh():
            if local("2024-11-04T18:00") <= bench.at < local("2024-11-05T09:20"):
                raise OSError("the disk is gone")
            return whole(bench)

        bench.fresh = fresh
        bench.run("2024-11-01T20:00", "2024-11-05T20:00")
        assert "the disk is gone" in bench.alerts[0].body
        assert decided(bench)[date(2024, 11, 5)] >= local("2024-11-05T09:20")

    def test_data_that_leave_out_the_session_at_work_are_refused(self, tmp_path):
        bench = PresentBench(tmp_path, leave_out=frozenset({date(2024, 11, 5)}))
        bench.run("2024-11-01T20:00", "2024-11-06T20:00")
        assert any("leave out the session at work" in alert.body for alert in bench.alerts)
        assert closed(bench) == [date(2024, 11, 4)]
        assert bench.state()["session"] == "2024-11-05"
        assert {b.session for b in bench.bodies(FillReceived)} == {date(2024, 11, 4)}


class TestShadow:
    def causes(self, bench: PresentBench) -> dict[date, dict[str, int]]:
        return {b.session: dict(b.by_cause_micros) for b in bench.bodies(ShortfallExplained)}

    def test_data_that_were_revised_after_the_decision(self, tmp_path):
        """In the evening the close that the day was decided on is another."""
        late = date(2024, 11, 5)

        def revised(at: datetime) -> float:
            return 1.25 if at >= local(f"{late}T12:00") else 1.0

        bench = PresentBench(tmp_path, revise=revised, revise_up_to=date(2024, 11, 4))
        bench.run("2024-11-01T20:00", "2024-11-06T20:00")
        causes = self.causes(bench)
        assert causes[late]["data_revised"] != 0
        others = {cause: n for cause, n in causes[late].items() if cause != "data_revised"}
        assert set(others.values()) == {0}
        assert set(causes[date(2024, 11, 4)].values()) == {0}

    def test_another_version_with_the_same_prices_explains_nothing(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-06T20:00")
        causes = self.causes(bench)
        assert len(causes) == 3
        assert {n for by_cause in causes.values() for n in by_cause.values()} == {0}


class TestRefusals:
    def test_stale_data(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.known_from = lambda day: local(
            f"{day}T18:00" if day < date(2024, 11, 5) else "2024-12-30T00:00"
        )
        with pytest.raises(DataRefused, match="the data are stale"):
            bench.run("2024-11-06T09:20", "2024-11-06T20:00")
        assert not (tmp_path / "live" / JOURNAL_FOLDER).exists()
        bench.run("2024-11-06T09:10", "2024-11-06T09:14")  # they may still come

    def test_a_calendar_that_ends(self, tmp_path):
        bench = PresentBench(tmp_path, ("data.calendar=XSHG",))
        bench.known_from = lambda _: local("2024-11-01T18:00")
        with pytest.raises(ConfigurationError, match="calendar ends too soon"):
            bench.run("2026-12-01T20:00", "2026-12-02T20:00")

    def test_an_exchange_that_never_closes(self, tmp_path):
        bench = PresentBench(tmp_path, ("data.calendar=24/7",))
        with pytest.raises(ConfigurationError, match="never closes"):
            bench.run("2024-11-01T20:00", "2024-11-02T20:00")

    def test_another_account(self, tmp_path):
        PresentBench(tmp_path).run("2024-11-01T20:00", "2024-11-01T20:05")
        other = PresentBench(tmp_path, ("broker.account=OTHER",))
        with pytest.raises(ConfigurationError, match="another account"):
            other.run("2024-11-01T20:10", "2024-11-01T20:20")

    def test_a_second_worker_is_told_who_works(self, tmp_path):
        bench = PresentBench(tmp_path)

        def second() -> None:
            import threading

            def start() -> None:
                other = PresentBench(tmp_path)
                try:
                    other.run("2024-11-01T20:10", "2024-11-01T20:20")
                except JournalLocked as error:
                    found.append(error)

            thread = threading.Thread(target=start)
            thread.start()
            thread.join()

        found: list[JournalLocked] = []
        bench.run("2024-11-01T20:00", "2024-11-01T20:30", {"2024-11-01T20:10": second})
        assert found[0].exit_code == 2
        assert "worker" in str(found[0])


def test_losses_halt_within_the_limits_of_the_day(tmp_path):
    """A fall of the prices beyond the limit halts; the state shows it with its headroom."""
    bench = PresentBench(tmp_path, ("limits.halt_at_daily_loss=0.001",))
    bench.run("2024-11-01T20:00", "2024-11-08T20:00")
    states = bench.bodies(RiskStateChanged)
    assert "halted" in {body.state.value for body in states}
    assert "losses" in bench.alert_keys()
    shown = bench.state()["limits"]
    assert isinstance(shown, list)
    assert {"daily_loss_halted", "orders_per_day"} <= {row["name"] for row in shown}
