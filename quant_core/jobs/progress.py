"""A progress line with the time left, on a terminal only."""

from __future__ import annotations

import sys

from quant_core.foundation.timing import monotonic_seconds

REDRAW_SECONDS = 0.1


class ProgressLine:
    """Draws ``label  42 %  ETA 00:03`` on standard error; silent where that is no terminal.

    Call it with (done, total); the line is cleared when done reaches total.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._start = monotonic_seconds()
        self._drawn = 0.0
        self._visible = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps are complete."""
        now = monotonic_seconds()
        if not self._visible or (done < total and now - self._drawn < REDRAW_SECONDS):
            return
        self._drawn = now
        if done >= total:
            sys.stderr.write("\r\x1b[K")
        else:
            text = f"\r\x1b[K{self._label}  {100 * done // total} %"
            if done > 0:  # before the first step nothing is known of the pace
                left = (now - self._start) / done * (total - done)
                minutes, seconds = divmod(int(left), 60)
                text += f"  ETA {minutes:02d}:{seconds:02d}"
            sys.stderr.write(text)
        sys.stderr.flush()
