"""The only door to numba: kernels compiled on first use and kept on disk.

Importing this module, or a module full of kernels, neither imports numba nor compiles. A kernel
is compiled for the argument types of its first call and the machine code is cached beside the
source, so that every later process only loads it.

The cache of a kernel is keyed by the text of **its own file**. A kernel may therefore call only
kernels defined in the same file; a test holds this rule.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Generic, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", covariant=True)

_compiling = threading.RLock()


class Kernel(Generic[Parameters, Result]):
    """A function of arrays and numbers that runs as machine code, outside the GIL.

    IEEE arithmetic in the order written (no fast-math, no fused multiply-add); division by zero
    gives inf or NaN instead of raising. ``python`` is the function as written, uncompiled.
    """

    def __init__(self, python: Callable[Parameters, Result]) -> None:
        functools.update_wrapper(self, python)
        self.python = python
        self._compiled: Callable[Parameters, Result] | None = None

    @property
    def compiled(self) -> Callable[Parameters, Result]:
        """The numba dispatcher, made on first use."""
        if self._compiled is None:
            with _compiling:
                if self._compiled is None:
                    numba = importlib.import_module("numba")
                    compiler = numba.njit(cache=True, nogil=True, error_model="numpy")
                    self._compiled = cast("Callable[Parameters, Result]", compiler(self.python))
        return self._compiled

    @property
    def _numba_type_(self) -> object:
        """How numba sees a kernel that another kernel of the same file calls."""
        return attrgetter("_numba_type_")(self.compiled)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Run the machine code, compiling or loading it first if need be."""
        return self.compiled(*args, **kwargs)


def kernel(function: Callable[Parameters, Result]) -> Kernel[Parameters, Result]:
    """Mark ``function`` as a kernel.

    Examples
    --------
    >>> @kernel
    ... def twice(number: float) -> float:
    ...     return 2.0 * number
    >>> twice.python(21.0)
    42.0
    """
    return Kernel(function)
