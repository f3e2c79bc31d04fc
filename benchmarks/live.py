"""Speed of the live worker: a decision, a state written, a start.

    python -m benchmarks.live                       every figure
    python -m benchmarks.live live_decision         one or some of them
    python -m benchmarks.live --prices PATH         S&P 500 prices that stand elsewhere

``live_decision`` and ``live_state`` are measured in process, after a warm-up, some tens of
decisions and hundreds of states a run; ``live_start`` from outside, up to the line with which the
worker says that it is up. Its journal is that of a year in which 50 names are rebalanced at every
open. The books and the journal stand in the temporary folder (TMPDIR): it is its disk that is
measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.measurement import (
    MEGABYTE,
    CommandFailed,
    Figure,
    Measured,
    Run,
    clean_environment,
    figures_asked_for,
    prices_file,
    run_process,
)

SP500 = ("--dataset", "sp500")
YEAR = ("--replay", "2017-01-03:2017-12-29", "--speed", "max")
BOOK = ("--set", "strategy.top_k=50", "--set", "rebalance.every=1")
UP = "Entering Live Monitor Mode"


class Stages:
    """The figures by name, each made when it is asked for."""

    def __init__(self, root: Path, prices: str | None) -> None:
        self._root = root
        self._given = prices

    @property
    def figures(self) -> Mapping[str, Callable[[], Figure]]:
        """Every figure of this file."""
        return {
            "live_decision": lambda: Figure(
                "live_decision",
                "from the data to the answer to the last of 50 orders, 500 names: decided, "
                "judged, journalled, sent to the paper broker",
                _python("-m", "benchmarks.live_work", "decision"),
                most_seconds=0.3,
            ),
            "live_state": lambda: Figure(
                "live_state",
                "a state of 1,500 positions: made, serialised, written, fsynced, renamed",
                _python("-m", "benchmarks.live_work", "state"),
                most_seconds=0.01,
            ),
            "live_state_disk": lambda: Figure(
                "live_state_disk",
                "of that what the disk asks for: the same bytes written, fsynced, renamed",
                _python("-m", "benchmarks.live_work", "disk"),
            ),
            "live_start": self._start,
        }

    def _start(self) -> Figure:
        base, fresh = self._root / "year", self._root / "fresh"
        path = str(prices_file(self._given))
        source = ("--source", "file", "--path", path, "--price-basis", "split_adjusted")
        root = ("--set", f"data.root={self._root / 'data'}")
        run_process(_python("run_data_sync.py", *source, *SP500, *root), clean_environment())
        command = ("run_live_strategy.py", *SP500, *YEAR, *BOOK, *root)
        year = _python(*command, "--set", f"live.folder={base}")
        run_process(year, clean_environment())

        def anew() -> None:
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(base, fresh)

        entries = (base / "journal" / "journal.anchor.json").read_text("utf-8")
        size = sum(file.stat().st_size for file in (base / "journal").iterdir()) / MEGABYTE
        return Figure(
            "live_start",
            f"run_live_strategy.py to the line that it is up, a year in its journal "
            f"({json.loads(entries)['count']:,} entries, {size:.0f} MB)",
            _python(*command, "--set", f"live.folder={fresh}"),
            prepare=anew,
            most_seconds=5.0,
        )


def measured(figure: Figure, runs: int) -> Measured:
    """The runs of a figure."""
    if figure.name == "live_start":
        counted: list[Run] = []
        for number in range(runs + 1):
            if figure.prepare is not None:
                figure.prepare()
            run = run_until_up(figure.command)
            sys.stderr.write(f"{figure.name} {number}/{runs}: {run.wall:.2f} s\n")
            if number:
                counted.append(run)
        return Measured(figure, tuple(counted))
    counted = [run for _ in range(runs) for run in in_process(figure)]
    return Measured(figure, tuple(counted))


def in_process(figure: Figure) -> list[Run]:
    """The runs that a work of ``live_work.py`` reports of itself."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        run_process((*figure.command, str(told)), clean_environment())
        document = json.loads(told.read_text("utf-8"))
    return [Run(run["wall"], run["cpu"], document["peak"]) for run in document["runs"]]


def run_until_up(command: Sequence[str]) -> Run:
    """Start a worker: wall time until it says that it is up; the rest is of the whole process."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=clean_environment(),
    )  # fmt: skip
    up, told = 0.0, list[str]()
    assert process.stdout is not None
    for line in process.stdout:
        told.append(line)
        if not up and line.strip() == UP:
            up = time.perf_counter() - begun
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not up:
        raise CommandFailed(
            f"{' '.join(command)}\nended with {process.returncode}:\n{''.join(told)}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(up, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / MEGABYTE)


def _python(*words: str) -> Sequence[str]:
    return (sys.executable, *words)


def main() -> int:
    """Measure the figures asked for and print them."""
    return figures_asked_for(
        __doc__ or "", lambda root, prices: Stages(root, prices).figures, measured
    )


if __name__ == "__main__":
    sys.exit(main())
