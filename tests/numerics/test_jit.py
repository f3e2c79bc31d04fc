"""What is loaded with the first kernel."""

from __future__ import annotations

import subprocess
import sys

from quant_core.numerics.jit import NOT_NEEDED
from tests.jobs.console import PROJECT

PROGRAM = """
import sys
before = set(sys.modules)
from quant_core.numerics import execution
execution.trade.compiled
print(*(set(sys.modules) - before))
import coverage, scipy.linalg
print(coverage.__version__, scipy.linalg.__name__)
"""


def test_numba_comes_without_what_no_kernel_uses_which_can_be_loaded_later():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.splitlines()[0].split())
    assert "numba" in loaded
    assert not loaded & set(NOT_NEEDED)
