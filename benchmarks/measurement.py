"""Commands as whole processes, measured from outside.

1. :func:`measure` runs a command once uncounted, then so many times counted; before every
   run its stage is set anew.
2. :func:`run_process` starts one process and waits for it with ``wait4``: wall time, processor
   time (user and system, children included) and peak resident memory are the kernel's.
3. :func:`machine` says where that was; :func:`figures_asked_for` prints medians with their spread.

Only the standard library is imported: the kernel counts the memory of the process that forks
towards the one it starts, so the one that measures has to stay small.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PRICES = PROJECT / "../shared/data/us_sp500_daily_2013_2018/ohlcv.parquet"
"""Daily S&P 500 prices: 505 symbols, 619,040 rows, 2013-02-08 to 2018-02-07."""

LIBRARIES = ("numpy", "polars", "numba", "duckdb", "pydantic")
MEGABYTE = 1e6
LEAST_RUNS = 5
"""A median of fewer runs says little on a machine that does other things too."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds on the wall, seconds of processor, peak resident megabytes."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured: a command, and what has to be so before each run of it.

    ``most_seconds`` and ``most_megabytes`` are what the project sets itself to stay within.
    """

    name: str
    what: str
    command: Sequence[str]
    prepare: Callable[[], None] | None = None
    most_seconds: float | None = None
    most_megabytes: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its counted runs."""

    figure: Figure
    runs: tuple[Run, ...]

    def values(self, of: str) -> list[float]:
        """One number of every run: ``wall``, ``cpu`` or ``memory``."""
        return [getattr(run, of) for run in self.runs]

    def median(self, of: str) -> float:
        """The median over the runs."""
        return statistics.median(self.values(of))

    @property
    def within(self) -> bool:
        """Whether the medians are within what the figure is to stay within."""
        seconds, megabytes = self.figure.most_seconds, self.figure.most_megabytes
        return (seconds is None or self.median("wall") <= seconds) and (
            megabytes is None or self.median("memory") <= megabytes
        )

    def document(self) -> dict[str, object]:
        """The figure for programs."""
        spread = {
            key: {
                "median": round(self.median(of), 4),
                "min": round(min(self.values(of)), 4),
                "max": round(max(self.values(of)), 4),
            }
            for key, of in (
                ("wall_seconds", "wall"),
                ("cpu_seconds", "cpu"),
                ("peak_megabytes", "memory"),
            )
        }
        return {
            "what": self.figure.what,
            "runs": len(self.runs),
            **spread,
            "most_seconds": self.figure.most_seconds,
            "most_megabytes": self.figure.most_megabytes,
            "within": self.within,
        }


class CommandFailed(Exception):
    """A measured command ended with an error; nothing about its speed is worth knowing."""


def run_process(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Start a command in the project's folder and wait for its end.

    Raises
    ------
    CommandFailed
        With what the command wrote, if it did not end with exit code 0.
    """
    with tempfile.TemporaryFile() as written:
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, written.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, written.fileno(), 2),
        ]
        begun = time.perf_counter()
        process = os.posix_spawnp(command[0], list(command), environment, file_actions=streams)
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - begun
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            written.seek(0)
            text = written.read().decode("utf-8", "replace").strip()
            raise CommandFailed(f"{' '.join(command)}\nended with {code}:\n{text}")
    unit = 1 if sys.platform == "darwin" else 1024  # the kernels disagree about ru_maxrss
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / MEGABYTE)


def measure(figure: Figure, runs: int, environment: Mapping[str, str]) -> Measured:
    """A figure over ``runs`` runs, after one that is not counted."""
    counted: list[Run] = []
    for number in range(runs + 1):
        if figure.prepare is not None:
            figure.prepare()
        run = run_process(figure.command, environment)
        sys.stderr.write(f"{figure.name} {number}/{runs}: {run.wall:.2f} s\n")
        if number:
            counted.append(run)
    return Measured(figure, tuple(counted))


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment without settings of the reader's own, with bytecode kept.

    Without bytecode every process would compile all it imports; ``make setup`` leaves it
    behind, and so does the uncounted run.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("QUANT__") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | settings


def prices_file(given: str | None) -> Path:
    """The file of S&P 500 prices; leaves with a message where there is none."""
    path = Path(given) if given else PRICES
    if path.is_file():
        return path.resolve()
    sys.stderr.write(
        "error: the S&P 500 prices are not there\n"
        "  expected: a Parquet file of symbol, date, open, high, low, close, volume\n"
        f"  found:    nothing at {path if given else os.path.relpath(path)}\n"
        "  fix:      --prices PATH\n"
    )
    raise SystemExit(3)


def figures_asked_for(
    words: str,
    stages: Callable[[Path, str | None], Mapping[str, Callable[[], Figure]]],
    measured: Callable[[Figure, int], Measured],
) -> int:
    """The main function of a file of figures: arguments, a temporary folder, the report.

    Parameters
    ----------
    words : str
        What ``--help`` says.
    stages : callable
        Temporary folder and given price file to the makers of the figures, by name.
    measured : callable
        A figure and a number of runs to its measured runs.
    """
    arguments = _parse(words, list(stages(Path(), None)))
    given = str(Path(arguments.prices).resolve()) if arguments.prices else None
    os.chdir(PROJECT)
    with tempfile.TemporaryDirectory(prefix="quant-core-benchmark-") as folder:
        figures = stages(Path(folder), given)
        try:
            done = [
                measured(figures[name](), arguments.runs) for name in arguments.figure or figures
            ]
        except CommandFailed as failure:
            sys.stderr.write(f"error: {failure}\n")
            return 1
    form = _json if arguments.json else _markdown if arguments.markdown else _text
    sys.stdout.write(form(done) + "\n")
    return 0


def machine() -> dict[str, object]:
    """The machine, in the words that matter for a comparison."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gigabytes": round(_memory() / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "load_average": round(os.getloadavg()[0], 2),
    }


def _json(measured: Sequence[Measured]) -> str:
    figures = {one.figure.name: one.document() for one in measured}
    return json.dumps({"machine": machine(), "figures": figures}, indent=2)


def _text(measured: Sequence[Measured]) -> str:
    head = f"{'figure':<26}{'wall s':>24}{'cpu s':>9}{'peak MB':>10}  to reach"
    lines = [f"{one.figure.name:<26}{_numbers(one)}  {_reached(one)}".rstrip() for one in measured]
    return "\n".join([_where(), "", head, *lines])


def _markdown(measured: Sequence[Measured]) -> str:
    head = [
        "| figure | what | median s (least - most) | processor s | peak MB | to reach |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        f"| `{one.figure.name}` | {one.figure.what} | {_spread(one)} | "
        f"{one.median('cpu'):.{_digits(one.median('cpu'))}f} "
        f"| {one.median('memory'):,.0f} | {_reached(one)} |"
        for one in measured
    ]
    return "\n".join([*head, *rows, "", _where()])


def _where() -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine().items())


def _spread(one: Measured) -> str:
    walls = one.values("wall")
    digits = _digits(one.median("wall"))
    median, least, most = one.median("wall"), min(walls), max(walls)
    return f"{median:.{digits}f} ({least:.{digits}f} - {most:.{digits}f})"


def _digits(seconds: float) -> int:
    """Digits that say something: of what takes milliseconds, two would not."""
    return 2 if seconds >= 0.1 else 4


def _numbers(one: Measured) -> str:
    return f"{_spread(one):>24}{one.median('cpu'):>9.2f}{one.median('memory'):>10.0f}"


def _reached(one: Measured) -> str:
    limits = [
        f"{limit:,g} {unit}"
        for limit, unit in ((one.figure.most_seconds, "s"), (one.figure.most_megabytes, "MB"))
        if limit is not None
    ]
    return f"{', '.join(limits)}{'' if one.within else ': not reached'}" if limits else ""


def _parse(words: str, names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = ", ".join(names)
    parser.add_argument("figure", nargs="*", help=f"which to measure: {listed} (default: all)")
    parser.add_argument("--prices", metavar="PATH", help="Parquet file of the S&P 500 prices")
    parser.add_argument(
        "--runs", type=int, default=LEAST_RUNS, help="counted runs of each figure (default: 5)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--markdown", action="store_true", help="print the table of the README")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.figure if name not in names]
    if unknown:
        parser.error(f"unknown figure {', '.join(unknown)}; one of: {listed}")
    return arguments


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
