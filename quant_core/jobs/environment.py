"""How a script starts: with the project's own Python, and ready to be interrupted.

Only the standard library is imported here, because nothing else may be installed.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


OFTEN = gc.get_threshold()[0]
PATIENCE = 1_000_000
"""Objects more than before at which garbage is searched for: see :func:`interruptible`."""
THREADS_OF_NUMPY = "OPENBLAS_NUM_THREADS"


def interruptible(main: Callable[[], int]) -> int:
    """Exit code of ``main``; Ctrl-C while its libraries are loading shows no traceback.

    A script makes many objects that stay until its end, libraries above all. Searching them
    for garbage again and again, and once more at the exit, is a tenth of a short run; so it
    is done rarely, and at the exit not at all. Nothing here multiplies matrices, so numpy is
    told not to start a thread for each core when it loads; who wants them sets their number.
    """
    gc.set_threshold(PATIENCE)
    os.environ.setdefault(THREADS_OF_NUMPY, "1")
    try:
        return main()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED
    finally:
        gc.freeze()


def expect_a_long_life() -> None:
    """Search for garbage as often as usual, for a process that runs for weeks.

    What was loaded so far stays and is left out of the search.
    """
    gc.freeze()
    gc.set_threshold(OFTEN)


def ensure_environment(module: str = "") -> None:
    """Restart under ``.venv`` if this Python lacks the libraries; else say how to set up.

    ``module`` is what ``python -m`` was given; empty for a script.
    """
    if importlib.util.find_spec("polars") and importlib.util.find_spec("pydantic"):
        return
    own = PROJECT / ".venv" / "bin" / "python"
    if own.exists() and Path(sys.prefix).resolve() != (PROJECT / ".venv").resolve():
        started = ["-m", module, *sys.argv[1:]] if module else sys.argv
        os.execv(own, [str(own), *started])
    sys.stderr.write(
        "error: the libraries of Quant Core are not installed\n"
        "  fix:      run `make setup` in the project folder, then start this again\n"
    )
    raise SystemExit(2)
