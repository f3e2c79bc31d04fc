"""Where the evaluator takes its data: a port of two matrices' worth of questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quant_core.foundation.errors import ExpressionError
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix, IntArray


class FieldUnavailable(ExpressionError):
    """A factor needs a field the dataset does not have; it is never replaced by another.

    Attributes
    ----------
    field : str
        Name of the missing field or group.
    """

    def __init__(self, field: str, available: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"the dataset has no field {field!r}",
            expected=f"one of: {', '.join(available)}" if available else "",
            found=field,
            fix="use a dataset with this field, or a factor that does not need it",
        )
        self.field = field


class FieldSource(Protocol):
    """A dataset as the evaluator sees it."""

    @property
    def axes(self) -> Axes:
        """Sessions and symbols of every matrix."""
        ...

    def field(self, name: str) -> FloatMatrix:
        """Values of a field [sessions, symbols], NaN = unknown; raises FieldUnavailable."""
        ...

    def groups(self, name: str) -> IntArray:
        """Codes of a classification [sessions, symbols], -1 = none; raises FieldUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class PanelSource:
    """A :class:`FieldSource` of matrices in memory.

    Examples
    --------
    >>> axes = Axes(np.array(["2024-01-02"], dtype="datetime64[D]"), ("A", "B"))
    >>> source = PanelSource(axes, {"close": np.array([[1.0, 2.0]])})
    >>> source.field("close").tolist()
    [[1.0, 2.0]]
    >>> source.field("vwap")
    Traceback (most recent call last):
    quant_core.factors.source.FieldUnavailable: the dataset has no field 'vwap'
      expected: one of: close
      found:    vwap
      fix:      use a dataset with this field, or a factor that does not need it
    """

    axes: Axes
    fields: Mapping[str, FloatMatrix]
    classifications: Mapping[str, IntArray] = field(default_factory=dict[str, IntArray])

    def field(self, name: str) -> FloatMatrix:
        """The matrix of a field."""
        if name not in self.fields:
            raise FieldUnavailable(name, tuple(sorted(self.fields)))
        return self.fields[name]

    def groups(self, name: str) -> IntArray:
        """The codes of a classification."""
        if name not in self.classifications:
            raise FieldUnavailable(name, tuple(sorted(self.classifications)))
        return self.classifications[name]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows and columns of a source; a source itself, ready for the kernels."""

    source: FieldSource
    rows: slice
    columns: slice

    @property
    def axes(self) -> Axes:
        """Labels of the part."""
        whole = self.source.axes
        return Axes(whole.sessions[self.rows], whole.symbols[self.columns])

    def field(self, name: str) -> FloatMatrix:
        """The part of a field, contiguous float64."""
        part = self.source.field(name)[self.rows, self.columns]
        return np.ascontiguousarray(part, dtype=np.float64)

    def groups(self, name: str) -> IntArray:
        """The part of a classification, contiguous int64."""
        part = self.source.groups(name)[self.rows, self.columns]
        return np.ascontiguousarray(part, dtype=np.int64)
