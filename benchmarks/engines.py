"""The same strategy in this project and in other engines, one after another in the same run.

    python benchmarks/engines.py                    this project, bt and vectorbt
    python benchmarks/engines.py bt pybroker        this project and the named ones
    python benchmarks/engines.py --markdown         the table of the documents; --json for programs

Market *b* is synthetic (3,000 symbols, 2,520 sessions). Two factors, 50 names, every 5 sessions,
commission 10 bps, slippage 5 bps, buffer 2 %. Every engine is a whole process, from its start to
its end: this project from its stored factors to the written tables of results, the others from
prices and factors in NumPy files to an equity curve in memory. The engines take turns, so that
what else the machine does meets them all.

bt and vectorbt are used in the quickest way they have (``engine_work.py``); the others by the
drivers of ``tests/engines``, with the choice of names already made. ``make engines`` installs them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measurement import (
    LEAST_RUNS,
    PROJECT,
    CommandFailed,
    Figure,
    Measured,
    Run,
    clean_environment,
    machine,
    run_process,
)

OWN = "quant_core"
ENVIRONMENTS = {
    "bt": "pandas3",
    "vectorbt": "pandas3",
    "pybroker": "pandas3",
    "backtrader": "pandas3",
    "zipline": "pandas2",
    "nautilus": "pandas2",
}
QUICK = ("bt", "vectorbt")
WORK = "benchmarks/engine_work.py"
MARKET = ("--source", "demo", "--stocks", "3000", "--etfs", "0", "--sessions", "2520")
SETTINGS = (
    "strategy.type=linear",
    "strategy.linear.weights={momentum_12_1: 0.6, volatility_20: -0.4}",
    "strategy.top_k=50",
    "rebalance.every=5",
    "execution.cash_buffer=0.02",
    "execution.slippage=0.0005",
    "execution.participation_cap=null",
    "execution.commission={model: bps, rate: 0.001, minimum: 0.0}",
    "backtest.capital=1000000",
)
"""The run that is measured, stated in full: changes of config/ do not change it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An engine's runs, and the equity it ended with (None where it was not asked for)."""

    measured: Measured
    final_equity: float | None


def prepare(root: Path) -> None:
    """Market b with two stored factors, and the same as arrays for the other engines."""
    where = ("--dataset", "b", "--set", f"data.root={root / 'data'}")
    factors = ("--factor", "momentum_12_1", "--factor", "volatility_20")
    (root / "arrays").mkdir()
    for words in (
        ("run_data_sync.py", *MARKET, *where),
        ("run_factor_computation.py", *where, *factors),
        (WORK, "export", str(root / "data"), "b", str(root / "arrays")),
    ):
        run_process((sys.executable, *words), clean_environment())


def figure_of(engine: str, root: Path) -> Figure:
    """What is started for an engine."""
    if engine == OWN:
        output = f"report.output={root / 'results'}"
        settings = [w for s in (*SETTINGS, output) for w in ("--set", s)]
        settings += ["--set", f"data.root={root / 'data'}", "--dataset", "b", "--no-report"]
        return Figure(engine, "run_backtest.py", (sys.executable, "run_backtest.py", *settings))
    python, told = str(interpreter(engine)), str(root / f"{engine}.told")
    if engine in QUICK:
        command = (python, WORK, engine, str(root / "arrays"), told)
        return Figure(engine, "used the quickest way", command)
    case = str(root / "arrays" / "case.npz")
    return Figure(
        engine, "by its driver", (python, "-m", "tests.engines.drive", engine, case, told)
    )


def interpreter(engine: str) -> Path:
    """The Python of the environment that holds an engine."""
    return PROJECT / f".venv-engines-{ENVIRONMENTS[engine]}" / "bin" / "python"


def take_turns(figures: Sequence[Figure], runs: int) -> list[Measured]:
    """Every figure once uncounted, then so many rounds in each of which every one runs once."""
    counted: dict[str, list[Run]] = {figure.name: [] for figure in figures}
    for number in range(runs + 1):
        for figure in figures:
            run = run_process(figure.command, clean_environment())
            sys.stderr.write(f"{figure.name} {number}/{runs}: {run.wall:.2f} s\n")
            if number:
                counted[figure.name].append(run)
    return [Measured(figure, tuple(counted[figure.name])) for figure in figures]


def final_equity(engine: str, root: Path) -> float | None:
    """The equity that the last run of an engine ended with, where it says so."""
    if engine in QUICK:
        document = json.loads((root / f"{engine}.told").read_text("utf-8"))
        return float(document["final_equity"])
    if engine != OWN:
        return None
    import polars as pl

    newest = max((root / "results").glob("*/equity.parquet"), key=lambda path: path.stat().st_mtime)
    return float(pl.read_parquet(newest)["equity"][-1])


def ratio(one: Measured, own: Measured) -> float:
    """How many times longer on the wall than this project."""
    return one.median("wall") / own.median("wall")


def markdown(compared: Sequence[Compared]) -> str:
    """The table of the documents."""
    own = compared[0].measured
    lines = [
        "| engine | median s (least - most) | processor s | peak MB | ratio | final equity |",
        "|---|---|---|---|---|---|",
    ]
    for one in compared:
        measured, walls = one.measured, one.measured.values("wall")
        equity = "" if one.final_equity is None else f"{one.final_equity:,.2f}"
        lines.append(
            f"| {measured.figure.name} | {measured.median('wall'):.2f} ({min(walls):.2f} - "
            f"{max(walls):.2f}) | {measured.median('cpu'):.2f} | {measured.median('memory'):,.0f} "
            f"| {ratio(measured, own):.1f} | {equity} |"
        )
    where = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine().items())
    return "\n".join([*lines, "", where])


def document(compared: Sequence[Compared]) -> Mapping[str, object]:
    """The same for programs."""
    own = compared[0].measured
    return {
        "machine": machine(),
        "engines": {
            one.measured.figure.name: {
                **one.measured.document(),
                "times_as_long": round(ratio(one.measured, own), 3),
                "final_equity": one.final_equity,
            }
            for one in compared
        },
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = ", ".join(ENVIRONMENTS)
    parser.add_argument("engine", nargs="*", help=f"some of {listed} (default: bt, vectorbt)")
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help="counted rounds (default: 5)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--markdown", action="store_true", help="print the table (the default)")
    arguments = parser.parse_args()
    for engine in arguments.engine or QUICK:
        if engine not in ENVIRONMENTS:
            parser.error(f"unknown engine {engine}; one of: {listed}")
        if not interpreter(engine).exists():
            sys.stderr.write(f"error: {engine} is not installed\n  fix: make engines\n")
            raise SystemExit(3)
    return arguments


def main() -> int:
    """Measure and print."""
    arguments = _parse()
    os.chdir(PROJECT)
    with tempfile.TemporaryDirectory(prefix="quant-core-benchmark-") as folder:
        root = Path(folder)
        names = [OWN, *(arguments.engine or QUICK)]
        try:
            prepare(root)
            measured = take_turns([figure_of(name, root) for name in names], arguments.runs)
        except CommandFailed as failure:
            sys.stderr.write(f"error: {failure}\n")
            return 1
        done = [Compared(one, final_equity(one.figure.name, root)) for one in measured]
    text = json.dumps(document(done), indent=2) if arguments.json else markdown(done)
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
