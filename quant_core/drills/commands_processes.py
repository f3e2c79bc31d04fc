"""Processes of a drill: where they come from, and what they report on the way."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar, cast

from quant_core.foundation.errors import InvariantBroken

Result = TypeVar("Result")

CONTEXT = multiprocessing.get_context("forkserver")
"""Processes come from one that has a single thread and nothing else in it."""


def pipe() -> tuple[Connection, Connection]:
    """The reading and the writing end of a pipe between two processes."""
    # Typed for the platforms where it is another class.
    return cast("tuple[Connection, Connection]", CONTEXT.Pipe(duplex=False))


class Crew(Generic[Result]):
    """Processes that each send how far they are, as whole numbers, and at the end a result.

    Parameters
    ----------
    works : sequence of (callable, arguments)
        Each is called in a process of its own with its arguments and the end of a pipe.

    Notes
    -----
    ``found`` holds the results that have come so far.
    """

    def __init__(self, works: Sequence[tuple[Callable[..., object], tuple[object, ...]]]) -> None:
        self.found: list[Result] = []
        self._counts = [0] * len(works)
        self._open: dict[int, tuple[BaseProcess, Connection]] = {}
        for number, (work, arguments) in enumerate(works):
            reading, writing = pipe()
            process = CONTEXT.Process(target=work, args=(*arguments, writing))
            process.start()
            writing.close()
            self._open[number] = process, reading

    @property
    def done(self) -> bool:
        """Whether all have sent their result."""
        return not self._open

    def look(self) -> int:
        """Hear the reports that are there; how far all are together.

        Raises
        ------
        InvariantBroken
            If one of them ended without a result.
        """
        for number, (process, reading) in list(self._open.items()):
            try:
                while number in self._open and reading.poll():
                    self._hear(number, cast("int | Result", reading.recv()))
            except EOFError:
                raise InvariantBroken("a process failed", where=str(process.name)) from None
        return sum(self._counts)

    def end(self) -> None:
        """Leave no process behind."""
        for process, reading in self._open.values():
            process.kill()
            process.join()
            reading.close()

    def _hear(self, number: int, told: int | Result) -> None:
        if isinstance(told, int):
            self._counts[number] = told
            return
        self.found.append(told)
        process, reading = self._open.pop(number)
        reading.close()
        process.join()
