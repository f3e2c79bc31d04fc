"""What the console sees of a worker at wall-clock time, also while its data do not come."""

from __future__ import annotations

import asyncio
from datetime import date
from threading import Event, current_thread, main_thread

from quant_core.live.commands import Action
from quant_core.live.data_feed import in_background
from quant_core.live.journal_entries import CommandDone
from tests.live.present_desk import PresentBench, local
from tests.live.test_present import decided


class TestExamples:
    def test_what_the_console_sees_between_decisions(self, tmp_path):
        bench = PresentBench(tmp_path)
        bench.run("2024-11-01T20:00", "2024-11-05T09:20")

        def used(at: str) -> list[object]:
            rows = {row["name"]: row for row in bench.at_time(at)["limits"]}
            return [rows[name]["used"] for name in ("data_stale", "cut_off_passed")]

        # Twenty minutes before the open; at the open the next one counts; the session is over
        # at 16:00, and its data come at 18:00.
        assert used("2024-11-04T09:10") == [0, 1200.0]
        assert used("2024-11-04T15:35") == [0, 17 * 3600 + 55 * 60.0]
        assert used("2024-11-04T17:35") == [1, 15 * 3600 + 55 * 60.0]
        assert used("2024-11-04T19:35") == [0, 13 * 3600 + 55 * 60.0]
        shown, settings = bench.at_time("2024-11-04T19:35"), bench.settings()
        assert shown["strategy"] == {"name": settings.strategy.name, "type": settings.strategy.type}
        assert shown["dataset"] == settings.data.dataset
        assert (shown["data_version"], shown["data_last_session"]) == (
            "2024-11-04/1.0",
            "2024-11-04",
        )
        assert shown["started_at"] == "2024-11-02T00:00:00.000000Z"
        decision = shown["last_decision"]
        assert (decision["session"], decision["target"], decision["orders"]) == (
            "2024-11-04",
            "weights",
            2,
        )
        assert (decision["at"], decision["data_version"]) == (
            "2024-11-04T14:15:00.000000Z",
            "2024-11-01/1.0",
        )
        assert str(tmp_path) not in str(shown)


class TestHanging:
    def test_a_look_that_hangs_stops_decisions_and_nothing_else(self, tmp_path):
        """The file system hangs from the evening of the 4th to the morning of the 6th."""
        hangs = (local("2024-11-04T21:00"), local("2024-11-06T08:00"))
        bench = PresentBench(tmp_path)

        async def background(work):
            while hangs[0] <= bench.at < hangs[1]:
                await asyncio.sleep(0)
            return work()

        bench.background = background
        bench.run(
            "2024-11-01T20:00",
            "2024-11-07T08:00",
            {"2024-11-05T11:00": lambda: bench.command(Action.CANCEL)},
        )
        assert sorted(decided(bench)) == [date(2024, 11, 4), date(2024, 11, 6)]
        shown = bench.at_time("2024-11-05T09:20")
        assert shown["problem"] == "which data are published is not known at this moment"
        assert "the look for newer data has no answer since 2024-11-05" in shown["data_problem"]
        assert bench.at_time("2024-11-06T09:00")["data_problem"] == ""
        assert [alert.at for alert in bench.alerts if alert.key == "data_slow"] == [
            local("2024-11-04T23:35")
        ]
        assert [b.succeeded for b in bench.bodies(CommandDone)] == [True, True]

    def test_a_stop_does_not_wait_for_a_look_that_hangs(self, tmp_path):
        never, ended = Event(), Event()

        class Stuck(PresentBench):
            def newest(self) -> str:
                if current_thread() is not main_thread():
                    never.wait(20)
                    ended.set()
                return super().newest()

        bench = Stuck(tmp_path, background=in_background)
        try:
            bench.run("2024-11-01T20:00", "2024-11-05T20:00")
            assert not ended.is_set()
            assert bench.state()["engine_status"] == "stopped"
            assert "data_slow" in bench.alert_keys()
        finally:
            never.set()
        assert ended.wait(20)
