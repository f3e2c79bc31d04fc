"""What a soak looks at after every session, and what must not have grown in the end."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median

from quant_core.drills.plan import Figure
from quant_core.live.command_door import OUTCOMES_KEPT

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The worker after a session.

    Sizes in bytes; ``journal_bytes`` and ``books_bytes`` since the beginning; ``step_ms`` is
    the processor time of a step in which nothing is due but the state, ``session_ms`` of
    everything the session asked for. ``state_bytes`` is the state less its outcomes of
    commands, which are counted in ``outcomes``: they are kept up to a number.
    """

    memory_bytes: int
    handles: int
    threads: int
    journal_bytes: int
    largest_segment: int
    state_bytes: int
    outcomes: int
    books_bytes: int
    step_ms: float
    session_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a soak must stay within.

    ``slower`` is how much more processor time steps and sessions may take at the end than at
    the beginning, ``larger`` how much more a session may add to journal and books, and how
    much larger the state may be. ``memory_growth`` leaves room for what the allocator does,
    and for nothing that grows with the sessions: a mebibyte in 100 of them is beyond it.
    """

    memory_growth: int = 2 * MEBIBYTE
    journal_session: int = 256 * 1024
    books_session: int = 256 * 1024
    state: int = 16 * 1024
    outcomes: int = OUTCOMES_KEPT
    segment: int = MEBIBYTE
    slower: float = 1.5
    larger: float = 1.3


@dataclass(frozen=True, slots=True)
class Growth:
    """A number at the beginning (from a fifth to two fifths of the way) and in the last fifth."""

    begin: float
    end: float

    def beyond(self, ratio: float) -> bool:
        """Whether the end is more than so many times the beginning, or not known."""
        return not self.end <= ratio * self.begin


@dataclass(frozen=True, slots=True)
class Found:
    """The samples of a soak, as they are judged.

    Examples
    --------
    >>> same = {"handles": 9, "threads": 1, "largest_segment": 50, "state_bytes": 9}
    >>> same |= {"step_ms": 1.0, "session_ms": 2.0, "outcomes": 0}
    >>> samples = [
    ...     Sample(memory_bytes=n * MEBIBYTE, journal_bytes=n, books_bytes=n, **same)
    ...     for n in range(20)
    ... ]
    >>> Found(samples).missed(Bounds())
    ['memory grew by 15.0 MiB, at most 2.0 MiB']
    """

    samples: Sequence[Sample]

    @property
    def fifth(self) -> Sample:
        """The sample at a fifth of the way: what has to be loaded is there."""
        return self.samples[len(self.samples) // 5]

    @property
    def last(self) -> Sample:
        """The sample of the last session."""
        return self.samples[-1]

    def of(self, value: Callable[[Sample], float]) -> Growth:
        """The median of a number at the beginning and at the end."""
        numbers = [value(sample) for sample in self.samples]
        fifth = max(len(numbers) // 5, 1)
        return Growth(median(numbers[fifth : 2 * fifth] or numbers), median(numbers[-fifth:]))

    def each_session(self, total: Callable[[Sample], int]) -> Growth:
        """What a session adds to something, at the beginning and at the end."""
        numbers = [total(sample) for sample in self.samples]
        fifth = max(len(numbers) // 5, 1)
        middle, end = numbers[fifth : 2 * fifth + 1], numbers[-fifth - 1 :]
        return Growth(_slope(middle), _slope(end))

    @property
    def memory_slope(self) -> float:
        """Bytes that 100 sessions add from the first fifth on, by least squares."""
        memory = [sample.memory_bytes for sample in self.samples[len(self.samples) // 5 :]]
        return 100.0 * linear_regression(range(len(memory)), memory).slope

    def figures(self) -> dict[str, Figure]:
        """The numbers by name."""
        journal = self.each_session(lambda sample: sample.journal_bytes)
        books = self.each_session(lambda sample: sample.books_bytes)
        state = self.of(lambda sample: sample.state_bytes)
        step = self.of(lambda sample: sample.step_ms)
        session = self.of(lambda sample: sample.session_ms)
        return {
            "memory_mib_at_a_fifth": round(self.fifth.memory_bytes / MEBIBYTE, 1),
            "memory_mib_at_the_end": round(self.last.memory_bytes / MEBIBYTE, 1),
            "memory_mib_in_100_sessions": round(self.memory_slope / MEBIBYTE, 2),
            "handles_at_a_fifth": self.fifth.handles,
            "handles_at_the_end": self.last.handles,
            "threads_at_a_fifth": self.fifth.threads,
            "threads_at_the_end": self.last.threads,
            "journal_bytes_a_session_begin": round(journal.begin),
            "journal_bytes_a_session_end": round(journal.end),
            "journal_bytes": self.last.journal_bytes,
            "largest_journal_file": self.last.largest_segment,
            "books_bytes_a_session_begin": round(books.begin),
            "books_bytes_a_session_end": round(books.end),
            "state_bytes_begin": round(state.begin),
            "state_bytes_end": round(state.end),
            "outcomes_at_the_end": self.last.outcomes,
            "step_ms_begin": round(step.begin, 3),
            "step_ms_end": round(step.end, 3),
            "session_ms_begin": round(session.begin, 1),
            "session_ms_end": round(session.end, 1),
        }

    def missed(self, bounds: Bounds) -> list[str]:
        """The bounds that were not kept, one line each."""
        return [
            *self._process(bounds),
            *self._sizes(bounds),
            *self._slower("a step", self.of(lambda sample: sample.step_ms), bounds),
            *self._slower("a session", self.of(lambda sample: sample.session_ms), bounds),
        ]

    def _process(self, bounds: Bounds) -> list[str]:
        found: list[str] = []
        grown = self.last.memory_bytes - self.fifth.memory_bytes
        if not grown <= bounds.memory_growth:
            most = bounds.memory_growth / MEBIBYTE
            found.append(f"memory grew by {grown / MEBIBYTE:.1f} MiB, at most {most:.1f} MiB")
        if self.last.handles > self.fifth.handles:
            found.append(f"open files: {self.fifth.handles}, then {self.last.handles}")
        if self.last.threads > self.fifth.threads:
            found.append(f"threads: {self.fifth.threads}, then {self.last.threads}")
        return found

    def _sizes(self, bounds: Bounds) -> list[str]:
        journal = self.each_session(lambda sample: sample.journal_bytes)
        books = self.each_session(lambda sample: sample.books_bytes)
        found = [
            f"{name}: {growth.begin:,.0f} bytes, then {growth.end:,.0f}, at most {most:,}"
            for name, growth, most in (
                ("journal of a session", journal, bounds.journal_session),
                ("books of a session", books, bounds.books_session),
            )
            if growth.beyond(bounds.larger) or not growth.end <= most
        ]
        state = self.of(lambda sample: sample.state_bytes)
        if state.beyond(bounds.larger):
            found.append(f"a state of {state.begin:,.0f} bytes, then {state.end:,.0f}")
        most = max(sample.outcomes for sample in self.samples)
        if not most <= bounds.outcomes:
            found.append(f"{most} outcomes of commands, at most {bounds.outcomes}")
        largest = max(sample.state_bytes for sample in self.samples)
        if not largest <= bounds.state:
            found.append(f"a state of {largest:,} bytes, at most {bounds.state:,}")
        # A file is full when the entries that filled it are written, those of a session at most.
        most = bounds.segment + bounds.journal_session
        if not self.last.largest_segment <= most:
            found.append(f"a journal file of {self.last.largest_segment:,} bytes, at most {most:,}")
        return found

    def _slower(self, what: str, growth: Growth, bounds: Bounds) -> list[str]:
        if not growth.beyond(bounds.slower):
            return []
        return [f"{what} took {growth.begin:.3f} ms, then {growth.end:.3f} ms"]


def resident_bytes() -> int:
    """Memory of this process that is in use; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def open_handles() -> int:
    """Files, sockets and pipes that this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def processor_ms() -> float:
    """Processor time of this process so far: what else runs on the machine matters little."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1e3 * (used.ru_utime + used.ru_stime)


def thread_count() -> int:
    """Threads of this process that Python knows."""
    return threading.active_count()


def _slope(totals: Sequence[int]) -> float:
    """What one session adds, on average."""
    return (totals[-1] - totals[0]) / max(len(totals) - 1, 1)
