"""Kernels by the names of the operator table. Importing them compiles nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatMatrix
from quant_core.numerics import cross_section, regression, rolling

Kernel: TypeAlias = Callable[..., FloatMatrix]


@cache
def kernel_of(name: str) -> Kernel:
    """The function of ``quant_core.numerics`` called ``name``.

    Examples
    --------
    >>> kernel_of("ts_mean").__name__
    'ts_mean'
    """
    for module in (rolling, regression, cross_section):
        found = getattr(module, name, None)
        if found is not None:
            return found
    raise InvariantBroken("an operator's kernel does not exist", found=name)
