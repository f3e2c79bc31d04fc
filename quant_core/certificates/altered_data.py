"""Data as they might have gone on after a session: replaced by noise, or not there at all.

The parts of the system that derive a market from a snapshot (factors, universe, panel,
facts) are given an :class:`AlteredSnapshot` instead and do what they always do: what they
derive for the sessions up to the cut must not change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import BoolArray, FloatMatrix, IntArray

if TYPE_CHECKING:
    import polars as pl

UNKNOWN_SHARE = 0.05
"""Share of the noise that is missing."""


class Alteration(StrEnum):
    """What happens to every row after the cut."""

    NOISE = "noise"
    REMOVAL = "removal"


@dataclass(frozen=True, slots=True)
class Cut:
    """The last row that stays, what happens to the rows after it, and the seed of that."""

    row: int
    alteration: Alteration
    seed: int

    def rows_of(self, sessions: int) -> int:
        """Rows that are left: all of them, or one after the cut.

        The date of that one is known from the calendar; nothing else of it is.
        """
        if self.alteration is Alteration.NOISE:
            return sessions
        return min(self.row + 2, sessions)

    def numbers(self, values: FloatMatrix, name: str) -> FloatMatrix:
        """The matrix with noise, or with nothing, after the cut.

        Noise is lognormal around the median size of the values, without regard to what
        they were; one cell in twenty is unknown.

        Examples
        --------
        >>> cut = Cut(0, Alteration.REMOVAL, seed=1)
        >>> cut.numbers(np.array([[1.0], [2.0], [3.0]]), "close").tolist()
        [[1.0], [nan]]
        """
        altered = values[: self.rows_of(len(values))].copy()
        after = altered[self.row + 1 :]
        if self.alteration is Alteration.REMOVAL:
            after[:] = np.nan
            return altered
        chance = self.chance(name)
        known = np.abs(values[np.isfinite(values)])
        size = float(np.median(known)) if len(known) else 1.0
        after[:] = (size or 1.0) * np.exp(chance.standard_normal(after.shape))
        after[chance.random(after.shape) < UNKNOWN_SHARE] = np.nan
        return altered

    def flags(self, values: BoolArray, name: str) -> BoolArray:
        """Flags after the cut thrown by a coin, or all off."""
        altered = values[: self.rows_of(len(values))].copy()
        after = altered[self.row + 1 :]
        after[:] = False
        if self.alteration is Alteration.NOISE:
            after[:] = self.chance(name).random(after.shape) < 0.5
        return altered

    def codes(self, values: IntArray, name: str) -> IntArray:
        """Category codes after the cut drawn anew, or none (-1)."""
        altered = values[: self.rows_of(len(values))].copy()
        after = altered[self.row + 1 :]
        after[:] = -1
        if self.alteration is Alteration.NOISE:
            highest = int(values.max(initial=0)) + 1
            after[:] = self.chance(name).integers(-1, highest, after.shape)
        return altered

    def chance(self, name: str) -> np.random.Generator:
        """Random numbers of this cut and this matrix, whoever asks first."""
        return np.random.default_rng([self.seed, self.row, *name.encode("utf-8")])


@dataclass(frozen=True, slots=True, eq=False)
class AlteredSnapshot(Snapshot):
    """A snapshot whose rows after the cut are noise, or missing; see :meth:`of`.

    Delistings and corporate actions after the cut are not known either.

    Attributes
    ----------
    original : Snapshot
        The version of the data.
    cut : Cut
        Where the alteration begins, and its kind.
    left : Axes
        Sessions and symbols that are left.
    folder : Path
        For the arrays derived from these data; nothing of the original's is touched.
    """

    original: Snapshot
    cut: Cut
    left: Axes
    folder: Path

    @classmethod
    def of(cls, original: Snapshot, cut: Cut, folder: Path) -> AlteredSnapshot:
        """``original`` altered after the row of ``cut``, with an empty folder of its own."""
        rows = cut.rows_of(len(original.axes.sessions))
        left = Axes(original.axes.sessions[:rows], original.axes.symbols)
        return cls(original.root, original.manifest, original, cut, left, folder)

    @property
    def cache(self) -> Path:
        """Folder of the arrays derived from the altered data."""
        return self.folder

    @property
    def axes(self) -> Axes:
        """Sessions and symbols that are left."""
        return self.left

    def panel(self, field: str) -> FloatMatrix:
        """A field, altered after the cut."""
        return self.cut.numbers(self.original.panel(field), field)

    def symbol_table(self) -> pl.DataFrame:
        """The symbols, without the delistings after the cut.

        A name that is renamed is not delisted, whether or not its last price comes first.
        """
        table, actions = self.original.symbol_table(), self.original.actions()
        later = table["delisted"] > last_known_day(self.original.axes, self.cut)
        renamed = actions.filter(actions["kind"] == "rename")["symbol"].to_list()
        unknown = later | table["symbol"].is_in(renamed)
        return table.with_columns(table["delisted"].set(unknown, None))

    def actions(self) -> pl.DataFrame:
        """The corporate actions up to the cut."""
        table = self.original.actions()
        return table.filter(table["ex_date"] <= last_known_day(self.original.axes, self.cut))


def altered_universe(universe: Universe, cut: Cut) -> Universe:
    """A universe whose membership and categories after the cut are noise, or gone."""
    category = universe.category
    return replace(
        universe,
        member=cut.flags(universe.member, "member"),
        category=None if category is None else cut.codes(category, "category"),
    )


def last_known_day(axes: Axes, cut: Cut) -> date:
    """The session of the cut.

    Examples
    --------
    >>> days = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    >>> last_known_day(Axes(days, ("A",)), Cut(0, Alteration.NOISE, 1))
    datetime.date(2024, 1, 2)
    """
    day: date = axes.sessions[cut.row].item()
    return day
