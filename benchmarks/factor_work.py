"""What ``factors.py`` measures, in processes of its own. Not meant to be started by hand.

    factor_work.py cut FROM TO                   a copy of a price file without its last session
    factor_work.py library ROOT DATASET NAME     a library in process, warm: seconds of each run
    factor_work.py polars ROOT DATASET           Alpha158 in plain Polars, likewise
    factor_work.py load ROOT DATASET WAY         stored factors into a dense array: straight from
                                                 parquet, or from the cache; map builds the cache
    factor_work.py table FILE                    the same from a long table, in plain Polars

``library`` and ``polars`` take ``--told FILE`` behind: where their runs are written as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from quant_core.data.warehouse import Snapshot
    from quant_core.factors.source import PanelSource

REPEATS = 5


def opened(root: str, dataset: str) -> Snapshot:
    """The newest version of a dataset."""
    from quant_core.data.warehouse import Warehouse

    return Warehouse(Path(root)).open(dataset)


def complete_source(snapshot: Snapshot) -> PanelSource:
    """The fields of a dataset in memory; what it lacks is stood in for.

    The values of the stand-ins mean nothing; they make every factor computable, so that the
    time is that of the whole library.
    """
    import numpy as np

    from quant_core.factors.source import PanelSource

    fields = {name: snapshot.panel(name).copy() for name in snapshot.fields}
    fields.setdefault("vwap", (fields["high"] + fields["low"] + fields["close"]) / 3)
    fields.setdefault("amount", fields["vwap"] * fields["volume"])
    fields.setdefault("cap", fields["close"] * np.nanmean(fields["volume"], axis=0))
    draw = np.random.default_rng(7)
    sessions, symbols = snapshot.axes.shape
    groups = {
        name: np.tile(draw.integers(0, count, symbols), (sessions, 1))
        for name, count in (("sector", 11), ("industry", 60), ("subindustry", 120))
    }
    return PanelSource(snapshot.axes, fields, groups)


def cut(given: str, target: str) -> None:
    """A price file without the rows of its last session."""
    import polars as pl

    prices = pl.read_parquet(given)
    prices.filter(pl.col("date") < pl.col("date").max()).write_parquet(target)


def timed(work: Callable[[], object], told: str) -> None:
    """Run a work once to warm up and then five times; write down what each run took."""
    runs: list[dict[str, float]] = []
    for number in range(REPEATS + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        if number:
            took = time.perf_counter() - wall, time.process_time() - cpu
            runs.append({"wall": took[0], "cpu": took[1]})
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    Path(told).write_text(json.dumps({"runs": runs, "peak": peak}), "utf-8")


def library(root: str, dataset: str, name: str, _: str, told: str) -> None:
    """Every factor of a library; each is let go when it is finished."""
    from quant_core.factors.evaluator import evaluate_each
    from quant_core.factors.library import catalogue

    source = complete_source(opened(root, dataset))
    trees = [factor.expression for factor in catalogue().values() if factor.library == name]
    timed(lambda: sum(1 for _ in evaluate_each(trees, source)), told)


def polars(root: str, dataset: str, _: str, told: str) -> None:
    """Alpha158 in plain Polars, of the same rows."""
    from plain_alpha158 import alpha158

    prices = opened(root, dataset).tables().prices
    timed(lambda: alpha158(prices), told)


def load(root: str, dataset: str, way: str) -> None:
    """Every stored factor into one dense array [factors, sessions, symbols]."""
    from quant_core.data.factor_store import FactorStore

    store = FactorStore(opened(root, dataset))
    keys = [entry.key for entry in store.stored()]
    if way == "map":
        for key in keys:
            store.get(key)
        return
    values = store.load(keys, cached=way == "cache")
    assert values.shape[0] == len(keys)


def table(path: str) -> None:
    """The long table of 30 factors into a dense array: what one writes without a store."""
    import numpy as np
    import polars as pl

    rows = pl.read_parquet(path)
    day = rows["date"].rank("dense").to_numpy() - 1
    name = rows["symbol"].cast(pl.Categorical).to_physical().to_numpy()
    factors = rows.columns[2:]
    dense = np.full((len(factors), int(day.max()) + 1, int(name.max()) + 1), np.nan)
    for number, factor in enumerate(factors):
        dense[number, day, name] = rows[factor].to_numpy()


WORKS: dict[str, Callable[..., None]] = {
    "cut": cut,
    "library": library,
    "polars": polars,
    "load": load,
    "table": table,
}


def main(arguments: Sequence[str]) -> None:
    """Do one of the works."""
    WORKS[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
