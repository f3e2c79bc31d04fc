"""The only door to numba: kernels compiled on first use and kept on disk.

Importing this module, or a module full of kernels, neither imports numba nor compiles. A kernel
is compiled for the argument types of its first call and the machine code is cached beside the
source, so that every later process only loads it.

The machine code of a kernel is thrown away when its own file changes, or the file of any kernel
that it calls, directly or through others (:meth:`Kernel.sources`).
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Generic, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", covariant=True)

NOT_NEEDED = ("scipy.linalg", "coverage")
"""What numba loads where it is installed: for linear algebra, for the coverage of kernels."""
_compiling = threading.RLock()


class Kernel(Generic[Parameters, Result]):
    """A function of arrays and numbers that runs as machine code, outside the GIL.

    IEEE arithmetic in the order written (no fast-math, no fused multiply-add); division by zero
    gives inf or NaN instead of raising. ``python`` is the function as written, uncompiled.
    """

    def __init__(self, python: Callable[Parameters, Result], *, lean: bool = False) -> None:
        functools.update_wrapper(self, python)
        self.python = python
        self._lean = lean
        self._compiled: Callable[Parameters, Result] | None = None

    @property
    def compiled(self) -> Callable[Parameters, Result]:
        """The numba dispatcher, made on first use."""
        if self._compiled is None:
            with _compiling:
                if self._compiled is None:
                    more = {"_nrt": False, "forceinline": True} if self._lean else {}
                    options = {"cache": True, "nogil": True, "error_model": "numpy", **more}
                    compiler = _numba().njit(**options)
                    compiled = compiler(self.python)
                    _keep_while_unchanged(compiled, self.sources())
                    self._compiled = cast("Callable[Parameters, Result]", compiled)
        return self._compiled

    @property
    def is_loaded(self) -> bool:
        """Whether this process has the machine code of some call already."""
        return self._compiled is not None and bool(attrgetter("signatures")(self._compiled))

    @property
    def is_on_disk(self) -> bool:
        """Whether machine code of the present sources was kept; loads numba to find out."""
        return bool(attrgetter("_cache._cache_file._load_index")(self.compiled)())

    def sources(self) -> frozenset[Path]:
        """The files of this kernel and of every kernel it calls."""
        found: set[Kernel[..., object]] = {self}
        waiting: list[Callable[..., object]] = [self.python]
        while waiting:
            function = waiting.pop()
            named = (function.__globals__.get(name) for name in function.__code__.co_names)
            called = [
                cast("Kernel[..., object]", one)
                for one in named
                if isinstance(one, Kernel) and one not in found
            ]
            found.update(called)
            waiting += [one.python for one in called]
        files = {Path(one.python.__code__.co_filename) for one in found}
        # The options of a lean kernel stand here, and numba does not look at options.
        return frozenset(files | {Path(__file__)} if self._lean else files)

    @property
    def _numba_type_(self) -> object:
        """How numba sees a kernel that another kernel of the same file calls."""
        return attrgetter("_numba_type_")(self.compiled)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Run the machine code, compiling or loading it first if need be."""
        return self.compiled(*args, **kwargs)


@functools.cache
def _numba() -> ModuleType:
    """Numba, without what it would load beside itself and nothing here uses.

    Its arrays look for SciPy's BLAS when the first kernel is loaded, which takes longer than
    all kernels of a run; no kernel here uses linear algebra. What was loaded before stays.
    """
    absent = [name for name in NOT_NEEDED if name not in sys.modules]
    for name in absent:
        sys.modules[name] = cast("ModuleType", None)  # what Python takes for "not there"
    try:
        numba = importlib.import_module("numba")
        importlib.import_module("numba.np.arraymath")
    finally:
        for name in absent:
            del sys.modules[name]
    return numba


def _keep_while_unchanged(compiled: object, sources: frozenset[Path]) -> None:
    """Let the machine code on disk count only as long as none of ``sources`` changes.

    Numba looks at the time and size of the one file a function stands in; it takes the stamps
    of several files in the same place.
    """
    if len(sources) > 1:
        stats = [(source, source.stat()) for source in sorted(sources)]
        stamps = tuple((str(source), stat.st_mtime, stat.st_size) for source, stat in stats)
        attrgetter("_cache._cache_file")(compiled)._source_stamp = stamps


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


def lean_kernel(function: Callable[Parameters, Result]) -> Kernel[Parameters, Result]:
    """Mark ``function`` as a kernel that makes no array and is merged into its callers.

    Nothing is counted and no tuple of arrays is handed on number by number, which takes most
    of the time of kernels that do little arithmetic for each call. It must not allocate, and
    calls lean kernels alone.
    """
    return Kernel(function, lean=True)
