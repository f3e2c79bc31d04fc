"""Threads that nobody waits for: what hangs in one of them never holds up the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_daemon_thread(work: Callable[[], Result]) -> Future[Result]:
    """Start ``work`` in a thread of its own; its result or exception is in the answer.

    Examples
    --------
    >>> in_daemon_thread(lambda: 6 * 7).result(timeout=5)
    42
    """
    answer: Future[Result] = Future()
    answer.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  the answer carries it, no stream shows it
            answer.set_exception(error)
        else:
            answer.set_result(result)

    Thread(target=run, name="alerts-worker", daemon=True).start()
    return answer


class DaemonThreads(ThreadPoolExecutor):
    """An executor for an event loop whose look-ups of names may hang.

    The threads of the usual one are waited for when the loop ends and once more when the
    interpreter does; a name server that does not answer would hold up both.
    """

    def submit(
        self,
        fn: Callable[Arguments, Result],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Run ``fn`` in a new thread."""
        return in_daemon_thread(lambda: fn(*args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for nothing."""
        del wait, cancel_futures
