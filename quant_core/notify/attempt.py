"""One attempt to deliver an alert, bounded in time, whatever the channel does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from quant_core.notify.daemon_threads import DaemonThreads
from quant_core.notify.port import Alert, Delivery, Notifier, Unavailable

END_SECONDS = 1.0
"""How long what was cancelled may take to close its connection."""


async def attempt(notifier: Notifier, alert: Alert, seconds: float) -> Delivery:
    """Try once within ``seconds`` and little more; exceptions, if any, stay unread.

    They may hold what a channel was told, passwords included.
    """
    task = asyncio.create_task(notifier.send(alert))
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        await asyncio.wait({task}, timeout=END_SECONDS)
        return Unavailable(f"no end of the attempt within {seconds:g} seconds")
    if task.cancelled():
        return Unavailable("the attempt was given up")
    error = task.exception()
    if error is not None:
        return Unavailable(f"the channel failed: {type(error).__name__}")
    return task.result()


def try_each(notifiers: Sequence[Notifier], alert: Alert, seconds: float) -> tuple[Delivery, ...]:
    """One attempt on every channel at the same time; the answers in their order.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from quant_core.notify.port import Delivered, Severity
    >>> class Willing:
    ...     name = "willing"
    ...     async def send(self, alert: Alert) -> Delivery:
    ...         return Delivered()
    >>> at = datetime(2024, 3, 1, 14, 15, tzinfo=UTC)
    >>> try_each([Willing()], Alert("trial", Severity.INFO, "A trial", "", at), 5.0)
    (Delivered(),)
    """

    async def every() -> tuple[Delivery, ...]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        loop.set_exception_handler(quiet)
        attempts = (attempt(each, alert, seconds) for each in notifiers)
        return tuple(await asyncio.gather(*attempts))

    return asyncio.run(every())


def quiet(loop: asyncio.AbstractEventLoop, context: object) -> None:
    """What asyncio would log of a broken connection: it may repeat a secret."""
    del loop, context
