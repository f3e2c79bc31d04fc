"""A snapshot of the warehouse as the factor evaluator sees it, and the keys of its factors."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from quant_core.data.adjusted_views import ADJUSTMENT_VERSION, adjusted_panel, is_adjusted
from quant_core.data.factor_store import FactorKey
from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.factors.factor import Factor
from quant_core.factors.fields import GROUP_FIELDS
from quant_core.factors.operator_table import OPERATOR_VERSION
from quant_core.factors.plan import required_fields, required_groups
from quant_core.factors.printer import to_text
from quant_core.factors.source import FieldUnavailable
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix, IntArray


class SnapshotSource:
    """Fields and groups of a snapshot.

    There is one classification: the categories of the universe at each session where the
    universe has them, else the categories of the dataset's symbols, the same at every
    session. ``industry``, ``sector`` and ``subindustry`` all mean it.

    Parameters
    ----------
    snapshot : Snapshot
        The version of the data.
    universe : Universe or None
        Only its categories are used: factors are computed for every symbol.
    """

    def __init__(self, snapshot: Snapshot, universe: Universe | None = None) -> None:
        self.snapshot = snapshot
        self._universe = universe

    @property
    def axes(self) -> Axes:
        """Sessions and symbols."""
        return self.snapshot.axes

    def field(self, name: str) -> FloatMatrix:
        """A price field of the dataset, forward adjusted where it has corporate actions."""
        if name not in self.snapshot.fields:
            raise FieldUnavailable(name, self.snapshot.fields)
        return adjusted_panel(self.snapshot, name)

    def groups(self, name: str) -> IntArray:
        """Codes of the categories, -1 where there is none."""
        codes = self._codes
        if name not in GROUP_FIELDS or codes is None:
            raise FieldUnavailable(name)
        return codes

    def missing_fields(self, factor: Factor) -> tuple[str, ...]:
        """Fields and groups that a factor needs and the dataset lacks."""
        tree = factor.expression
        fields = [name for name in required_fields(tree) if name not in self.snapshot.fields]
        groups = [name for name in required_groups(tree) if self._codes is None]
        return (*fields, *groups)

    def key_of(self, factor: Factor) -> FactorKey:
        """The store key of a factor: name, canonical text, operator version.

        A factor that reads groups is keyed by the universe's categories as well, and where
        prices are adjusted every factor by the way it is done.
        """
        text = to_text(factor.expression)
        if is_adjusted(self.snapshot):
            text = f"{text} on adjusted prices {ADJUSTMENT_VERSION}"
        if self._point_in_time is not None and required_groups(factor.expression):
            text = f"{text} in groups {self._groups_hash}"
        return FactorKey(factor.name, text, OPERATOR_VERSION)

    @property
    def _point_in_time(self) -> IntArray | None:
        return None if self._universe is None else self._universe.category

    @cached_property
    def _codes(self) -> IntArray | None:
        if self._point_in_time is not None:
            return self._point_in_time
        table = self.snapshot.symbol_table().drop_nulls("category")
        if table.is_empty():
            return None
        categories = dict(zip(table["symbol"].to_list(), table["category"].to_list(), strict=True))
        codes = {category: i for i, category in enumerate(sorted(set(categories.values())))}
        one = [codes.get(categories.get(symbol, ""), -1) for symbol in self.axes.symbols]
        return np.tile(np.array(one, dtype=np.int64), (self.axes.shape[0], 1))

    @cached_property
    def _groups_hash(self) -> str:
        codes = np.ascontiguousarray(self._point_in_time)
        return hashlib.sha256(codes.tobytes()).hexdigest()[:16]
