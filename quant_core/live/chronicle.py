"""Journal and state together: what is durable is what is known, in this order."""

from __future__ import annotations

from collections.abc import Sequence

from quant_core.live.journal import Journal
from quant_core.live.journal_entries import Body
from quant_core.live.worker_state import WorkerState


class Chronicle:
    """Writes entries and then takes them into account; nothing moves the state but this.

    Parameters
    ----------
    journal : Journal
        Open for writing.
    state : WorkerState
        The fold of what the journal held when it was opened.
    """

    def __init__(self, journal: Journal, state: WorkerState) -> None:
        self.journal = journal
        self.state = state

    def record(self, bodies: Sequence[Body]) -> None:
        """Make entries durable with one fsync, then apply them in their order."""
        if not bodies:
            return
        for entry in self.journal.append_all(bodies):
            self.state.take(entry)
