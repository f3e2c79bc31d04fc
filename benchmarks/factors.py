"""Speed and memory of factors: computed in process, stored, extended, loaded.

    python benchmarks/factors.py                   every figure
    python benchmarks/factors.py alpha158          one or some of them
    python benchmarks/factors.py --prices PATH     S&P 500 prices that stand elsewhere

Market *a* is the S&P 500 (505 symbols, 1,259 sessions), market *b* is synthetic (3,000 symbols,
2,520 sessions). Figures whose name ends in ``polars`` are plain Polars, for comparison, in the same
call. Market *b* and its factors need about 12 GB of disk for a while.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from measurement import (
    Figure,
    Measured,
    Run,
    clean_environment,
    figures_asked_for,
    measure,
    prices_file,
    run_process,
)

WORK = "benchmarks/factor_work.py"
LIBRARIES = ("classic", "alpha101", "alpha158", "alpha191")
MARKET_B = ("--source", "demo", "--stocks", "3000", "--etfs", "0", "--sessions", "2520")
LOADED = tuple(
    f"{name}{n}" for name in ("ROC", "MA", "STD", "MAX", "MIN", "RANK") for n in (5, 10, 20, 30, 60)
)
"""30 factors to load."""

IN_PROCESS = ("alpha158", "alpha158_polars", "alpha101", "alpha158_b")
"""Figures that a process measures of itself, after a run to warm up."""


class Stages:
    """The figures by name, each made when it is asked for, on markets made when needed."""

    def __init__(self, root: Path, prices: str | None) -> None:
        self._root = root
        self._given = prices
        self._made: set[str] = set()

    @property
    def figures(self) -> Mapping[str, Callable[[], Figure]]:
        """Every figure of this file."""
        return {
            "alpha158": lambda: self._library("alpha158", "a", most=0.8),
            "alpha158_polars": self._polars,
            "alpha101": lambda: self._library("alpha101", "a", most=3.0),
            "alpha158_stored": self._stored,
            "new_session": self._new_session,
            "alpha158_b": lambda: self._library("alpha158", "b", most=8.0, memory=8000.0),
            "load_parquet": lambda: self._load("parquet", most=4.0),
            "load_cache": lambda: self._load("cache", most=1.0),
            "load_polars": self._load_table,
        }

    def _library(
        self, name: str, market: str, *, most: float, memory: float | None = None
    ) -> Figure:
        root = self._market(market)
        return Figure(
            f"{name}{'_b' if market == 'b' else ''}",
            f"all of {name} on market {market}, in process, warm; missing fields stood in for",
            _python(WORK, "library", str(root / "data"), market, name),
            most_seconds=most,
            most_megabytes=memory,
        )

    def _polars(self) -> Figure:
        root = self._market("a")
        return Figure(
            "alpha158_polars",
            "the same (without VWAP0) in plain Polars",
            _python(WORK, "polars", str(root / "data"), "a"),
        )

    def _stored(self) -> Figure:
        base, fresh = self._market("a"), self._root / "fresh"
        return Figure(
            "alpha158_stored",
            "market a, prices to stored Alpha158, whole process",
            _python(*_compute("a", fresh, "alpha158")),
            prepare=lambda: _linked(base, fresh),
            most_seconds=5.0,
        )

    def _new_session(self) -> Figure:
        base, fresh = self._root / "earlier", self._root / "fresh"
        self._once("earlier", lambda: self._make_earlier(base))
        return Figure(
            "new_session",
            "market a, one session is new, all stored factors extended, whole process",
            _python(*_compute("a", fresh, *LIBRARIES)),
            prepare=lambda: _linked(base, fresh),
            most_seconds=2.0,
        )

    def _load(self, way: str, *, most: float) -> Figure:
        root = self._market("b")
        self._once("b factors", lambda: self._make_loadable(root))
        return Figure(
            f"load_{way}",
            f"{len(LOADED)} stored factors of market b into a dense float64 array, whole process, "
            + ("straight from Parquet" if way == "parquet" else "from the memory-mapped cache"),
            _python(WORK, "load", str(root / "data"), "b", way),
            most_seconds=most,
        )

    def _load_table(self) -> Figure:
        root = self._market("b")
        self._once("b factors", lambda: self._make_loadable(root))
        return Figure(
            "load_polars",
            "the same from one long Parquet table (date, symbol, 30 columns), in plain Polars",
            _python(WORK, "table", str(root / "factors.parquet")),
        )

    def _market(self, name: str) -> Path:
        """Prices of a market, and nothing else."""
        root = self._root / name
        source = MARKET_B if name == "b" else _file(str(prices_file(self._given)))
        self._once(name, lambda: _sync(name, root, source))
        return root

    def _make_earlier(self, root: Path) -> None:
        """Market a with every factor of all but its last session, then with that session."""
        given, shorter = str(prices_file(self._given)), str(self._root / "shorter.parquet")
        _run(WORK, "cut", given, shorter)
        _sync("a", root, _file(shorter))
        _run(*_compute("a", root, *LIBRARIES))
        _sync("a", root, _file(given))

    def _make_loadable(self, root: Path) -> None:
        """Factors of market b: stored, as a long table, and as memory-mapped arrays."""
        flags = [word for name in LOADED for word in ("--factor", name)]
        where = ("--dataset", "b", "--set", f"data.root={root / 'data'}")
        output = str(root / "factors.parquet")
        _run("run_factor_computation.py", *where, *flags, "--output", output)
        _run(WORK, "load", str(root / "data"), "b", "map")

    def _once(self, name: str, make: Callable[[], None]) -> None:
        if name not in self._made:
            make()
            self._made.add(name)


def in_process(figure: Figure) -> Measured:
    """The runs that a work of ``factor_work.py`` reports of itself."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        run_process((*figure.command, "--told", str(told)), clean_environment())
        document = json.loads(told.read_text("utf-8"))
    runs = (Run(run["wall"], run["cpu"], document["peak"]) for run in document["runs"])
    return Measured(figure, tuple(runs))


def _file(path: str) -> Sequence[str]:
    return ("--source", "file", "--path", path, "--price-basis", "split_adjusted")


def _sync(dataset: str, root: Path, source: Sequence[str]) -> None:
    _run("run_data_sync.py", *source, "--dataset", dataset, "--set", f"data.root={root / 'data'}")


def _compute(dataset: str, root: Path, *libraries: str) -> Sequence[str]:
    wanted = [word for name in libraries for word in ("--library", name)]
    where = ("--dataset", dataset, "--set", f"data.root={root / 'data'}")
    return ("run_factor_computation.py", *where, *wanted)


def _linked(base: Path, fresh: Path) -> None:
    """A copy by hard links: the files of the warehouse are replaced, never written into."""
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(base, fresh, copy_function=os.link)


def _run(*words: str) -> None:
    run_process(_python(*words), clean_environment())


def _python(*words: str) -> Sequence[str]:
    return (sys.executable, *words)


def _measured(figure: Figure, runs: int) -> Measured:
    if figure.name in IN_PROCESS:
        return in_process(figure)
    return measure(figure, runs, clean_environment())


def main() -> int:
    """Measure the figures asked for and print them."""
    return figures_asked_for(
        __doc__ or "", lambda root, prices: Stages(root, prices).figures, _measured
    )


if __name__ == "__main__":
    sys.exit(main())
