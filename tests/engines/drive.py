"""Run one case on one engine, inside the environment that has the engine.

    python -m tests.engines.drive ENGINE CASE.npz OUTCOME.npz

The module of an engine (``drivers/on_ENGINE.py``) has one function, ``run(case)``; it imports the
engine when it is called and not before, so that these files can be read without any.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from tests.engines.exchange import Case, Outcome

DISTRIBUTIONS = {
    "bt": "bt",
    "vectorbt": "vectorbt",
    "backtrader": "backtrader",
    "pybroker": "lib-pybroker",
    "zipline": "zipline-reloaded",
    "nautilus": "nautilus_trader",
}
"""The engines, by the name of their driver, and what each is installed as."""


def drive(engine: str, case: Case) -> Outcome:
    """The outcome of a case on an engine of this environment."""
    run = import_module(f"tests.engines.drivers.on_{engine}").run
    begun = perf_counter()
    outcome: Outcome = run(case)
    seconds = perf_counter() - begun
    return replace(outcome, version=version(DISTRIBUTIONS[engine]), seconds=seconds)


def main(arguments: list[str]) -> int:
    """Read the case, run it, write the outcome."""
    engine, case, outcome = arguments
    drive(engine, Case.load(Path(case))).save(Path(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
