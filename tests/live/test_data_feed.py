"""Looking for newer data: nothing waits for it, and what hangs is told, given up and tried anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import cast

import pytest

from quant_core.live.data_feed import (
    KNOWN_FOR,
    LONGEST_READING,
    LOOK_TOLD,
    READING_TOLD,
    RETRY,
    DataFeed,
    DataSource,
    FreshData,
    in_background,
)
from quant_core.market import Market

START = datetime(2024, 11, 5, 9, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def data(version: str) -> FreshData:
    return FreshData(cast("Market", object()), version)


class FeedDesk:
    """A feed whose clock and background stand still until the test moves them."""

    def __init__(self) -> None:
        self.at = START
        self.begun: list[str] = []
        self.answers: list[asyncio.Future[object]] = []
        source = DataSource(self.newest, self.load, self.background)
        self.feed = DataFeed(data("v1"), source, lambda: self.at)

    def newest(self) -> str | None:
        raise AssertionError("nothing is called in the loop")

    def load(self) -> FreshData:
        raise AssertionError("nothing is called in the loop")

    def background(self, work: Callable[[], object], /) -> Awaitable[object]:
        self.begun.append(work.__name__)
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]

    async def later(self, span: timedelta) -> FreshData | None:
        self.at += span
        return await self.feed.look()

    async def answered(self, answer: object) -> FreshData | None:
        """The errand that was begun last is answered, and the feed looked at."""
        if isinstance(answer, Exception):
            self.answers[-1].set_exception(answer)
        else:
            self.answers[-1].set_result(answer)
        return await self.feed.look()


def in_loop(test: Callable[[FeedDesk], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test(FeedDesk())

    asyncio.run(whole())


class TestExamples:
    def test_what_is_published_is_known_for_a_minute_after_a_look(self):
        async def test(desk: FeedDesk) -> None:
            assert await desk.feed.look() is None
            await desk.later(KNOWN_FOR)
            assert desk.feed.published == "v1"
            await desk.later(MOMENT)
            assert desk.feed.published is None
            await desk.answered("v1")
            # It was asked for 61 seconds ago, and may have changed since then.
            assert desk.feed.published is None
            await desk.feed.look()
            await desk.answered("v1")
            assert desk.feed.published == "v1"

        in_loop(test)

    def test_newer_data_are_read_and_taken(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            assert await desk.answered("v2") is None
            assert (desk.feed.published, desk.feed.data.version) == ("v2", "v1")
            fresh = await desk.answered(data("v2"))
            assert fresh is not None and fresh.version == "v2"
            desk.feed.take(fresh)
            assert desk.feed.published == desk.feed.data.version == "v2"
            await desk.feed.look()
            assert desk.begun == ["newest", "load", "newest"]

        in_loop(test)

    def test_nobody_can_say_what_is_published(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            await desk.answered(None)
            assert (desk.feed.published, desk.feed.problem) == (None, "")
            assert desk.begun == ["newest"]

        in_loop(test)


class TestHanging:
    def test_a_look_is_told_after_two_minutes_and_begun_anew(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            await desk.later(LOOK_TOLD)
            assert (desk.feed.problem, desk.begun) == ("", ["newest"])
            await desk.later(MOMENT)
            assert desk.feed.problem.endswith("no answer since 2024-11-05 09:00:00 UTC")
            await desk.feed.look()
            assert desk.begun == ["newest", "newest"]
            assert desk.feed.problem.endswith("no answer since 2024-11-05 09:00:00 UTC")
            await desk.answered("v1")
            assert (desk.feed.problem, desk.feed.published) == ("", "v1")

        in_loop(test)

    def test_a_day_of_it_leaves_few_threads(self):
        async def test(desk: FeedDesk) -> None:
            for _ in range(24 * 60):
                await desk.later(timedelta(minutes=1))
                assert desk.feed.published is None or desk.at <= START + KNOWN_FOR
            assert 40 <= len(desk.begun) <= 55
            # Once one answers, the next one that hangs is given up as soon as the first.
            await desk.answered("v1")
            before = len(desk.begun)
            for _ in range(5):
                await desk.later(timedelta(minutes=1))
            assert len(desk.begun) == before + 2

        in_loop(test)

    def test_the_late_answer_of_a_look_that_was_given_up_is_not_heard(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            await desk.later(LOOK_TOLD + MOMENT)
            await desk.feed.look()
            late, current = desk.answers
            assert late.cancelled() and not current.done()

        in_loop(test)

    def test_a_reading_is_told_after_ten_minutes_and_begun_anew_after_an_hour(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            await desk.answered("v2")
            await desk.later(READING_TOLD)
            assert desk.feed.problem == ""
            await desk.later(MOMENT)
            assert "reading of newer data" in desk.feed.problem
            await desk.later(LONGEST_READING)
            assert desk.begun == ["newest", "load"]
            await desk.feed.look()
            await desk.answered("v2")
            assert desk.begun == ["newest", "load", "newest", "load"]
            assert await desk.answered(data("v2")) is not None
            assert desk.feed.problem == ""

        in_loop(test)

    def test_a_clock_that_was_set_back_makes_nothing_known(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            desk.at -= timedelta(hours=1)
            assert desk.feed.published is None
            await desk.feed.look()
            await desk.feed.look()
            await desk.answered("v1")
            assert desk.feed.published == "v1"

        in_loop(test)

    def test_no_step_waits_for_a_look_in_a_thread_and_neither_does_the_end(self):
        never, asked, ended = Event(), Event(), Event()

        def newest() -> str | None:
            asked.set()
            never.wait(20)
            ended.set()
            return "v1"

        async def whole() -> None:
            source = DataSource(newest, lambda: data("v2"), in_background)
            feed = DataFeed(data("v1"), source, lambda: START)
            assert await feed.look() is None
            assert asked.wait(20)
            assert await feed.look() is None
            feed.end()

        try:
            asyncio.run(whole())
            assert not ended.is_set()
        finally:
            never.set()
        assert ended.wait(20)


class TestRefusals:
    def test_a_look_that_fails(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            with pytest.raises(OSError, match="gone"):
                await desk.answered(OSError("gone"))
            assert desk.feed.published is None
            await desk.later(RETRY - MOMENT)
            assert desk.begun == ["newest"]
            await desk.later(MOMENT)
            assert desk.begun == ["newest", "newest"]

        in_loop(test)

    def test_a_reading_that_fails(self):
        async def test(desk: FeedDesk) -> None:
            await desk.feed.look()
            await desk.answered("v2")
            with pytest.raises(OSError, match="gone"):
                await desk.answered(OSError("gone"))
            assert desk.feed.published == "v2"
            await desk.later(RETRY)
            assert desk.begun == ["newest", "load", "newest"]

        in_loop(test)
