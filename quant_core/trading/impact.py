"""Market impact: how far an order moves its own price, as a fraction of the price.

One formula covers the models::

    spread / 2
    + coefficient * volatility * (shares / (average_volume * duration)) ** exponent
    + permanent * volatility * shares / average_volume

``volatility`` is that of daily returns, ``average_volume`` the shares of a usual session;
both must be known before the order is sent.

Sources
-------
square_root : coefficient times volatility times the root of the share of the volume, with
    a coefficient of order one: Grinold and Kahn, *Active Portfolio Management*, 2nd ed.
    2000, chapter 16; Tóth et al., "Anomalous price impact and the critical nature of
    liquidity in financial markets", Physical Review X 1, 2011.
almgren : Almgren, Thum, Hauptmann and Li, "Direct estimation of equity market impact",
    Risk 18 (7), 2005: temporary impact ``eta * sigma * |X / (V T)| ** (3/5)`` and half of
    the permanent impact ``gamma * sigma * (X / V) * (Theta / V) ** (1/4)``, with eta
    0.142 +- 0.0062 and gamma 0.314 +- 0.041.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.types import FloatArray

ImpactKind = Literal["none", "half_spread", "square_root", "almgren"]
IMPACT_MODELS: tuple[ImpactKind, ...] = ("none", "half_spread", "square_root", "almgren")

ALMGREN_ETA = 0.142
ALMGREN_GAMMA = 0.314
ALMGREN_EXPONENT = 0.6
SESSIONS_TO_TRADE_ALL_SHARES = 200.0
"""Shares outstanding over daily volume where the former are unknown: IBM's was 263 and
DRI's 87 in the paper. Its fourth root enters, so that half of it changes the permanent
part by a sixth."""


class ImpactColumns(NamedTuple):
    """Positions in :meth:`ImpactModel.as_array`."""

    spread: int = 0
    coefficient: int = 1
    exponent: int = 2
    duration: int = 3
    permanent: int = 4


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """Parameters of the formula of this module.

    Attributes
    ----------
    kind : str
        Name of the model.
    spread : float
        Quoted spread as a fraction of the price; half of it is paid.
    coefficient : float
        Factor of the temporary impact.
    exponent : float
        Its power of the participation.
    duration : float
        Sessions over which the order is worked.
    permanent : float
        Factor of the part that grows in proportion to the share of the volume.

    Raises
    ------
    ConfigurationError
        A parameter is negative, not finite, or a duration of 0.

    Examples
    --------
    >>> ImpactModel("square_root", spread=0.0, coefficient=1.0).fraction(10_000, 0.02, 1e6)
    0.002
    """

    kind: ImpactKind
    spread: float = 0.0
    coefficient: float = 0.0
    exponent: float = 0.5
    duration: float = 1.0
    permanent: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.spread, self.coefficient, self.exponent, self.permanent)
        if not (all(0.0 <= n < math.inf for n in numbers) and 0.0 < self.duration < math.inf):
            raise ConfigurationError(
                "an impact model has a parameter that is negative or not finite",
                expected="numbers of 0 or more, and a duration above 0",
                found=str(self),
                where="execution.impact",
            )

    def fraction(self, shares: float, volatility: float, average_volume: float) -> float:
        """Impact of one order as a fraction of the price, against the trader.

        Parameters
        ----------
        shares : float
            Size of the order, 0 or more.
        volatility : float
            Standard deviation of daily returns.
        average_volume : float
            Shares traded in a usual session.

        Returns
        -------
        float
            0 or more, never falling as ``shares`` rises. NaN = unknown: the model needs
            a volatility or a volume that is not known, negative, or a volume of 0.
        """
        half_spread = 0.5 * self.spread
        if self.coefficient == 0.0 and self.permanent == 0.0:
            return half_spread
        if not (0.0 <= volatility < math.inf and 0.0 < average_volume < math.inf):
            return math.nan
        participation = shares / average_volume
        temporary = self.coefficient * volatility * self._powered(participation / self.duration)
        return half_spread + temporary + self.permanent * volatility * participation

    def _powered(self, rate: float) -> float:
        # The root is exact to the last bit on every machine; a power is not.
        return math.sqrt(rate) if self.exponent == 0.5 else rate**self.exponent

    @property
    def needs_market_facts(self) -> bool:
        """Whether volatility and average volume must be known."""
        return self.coefficient > 0.0 or self.permanent > 0.0

    def as_array(self) -> FloatArray:
        """The parameters as float64 [5], positions by :class:`ImpactColumns`."""
        return np.array(
            [self.spread, self.coefficient, self.exponent, self.duration, self.permanent]
        )


def almgren_impact(
    spread: float = 0.0,
    duration: float = 1.0,
    sessions_to_trade_all_shares: float = SESSIONS_TO_TRADE_ALL_SHARES,
) -> ImpactModel:
    """The model of Almgren and others with the published coefficients.

    ``duration`` is the time over which the order is worked, in sessions, and
    ``sessions_to_trade_all_shares`` the shares outstanding over the daily volume.

    Examples
    --------
    A tenth of a day's volume of IBM over half a session: 18 basis points in the paper.

    >>> ibm = almgren_impact(duration=0.5, sessions_to_trade_all_shares=1_728 / 6.561)
    >>> round(ibm.fraction(656_100, 0.0157, 6_561_000) * 1e4, 1)
    18.4
    """
    return ImpactModel(
        "almgren",
        spread=spread,
        coefficient=ALMGREN_ETA,
        exponent=ALMGREN_EXPONENT,
        duration=duration,
        permanent=0.5 * ALMGREN_GAMMA * sessions_to_trade_all_shares**0.25,
    )


def impact_model(name: str, spread: float, coefficient: float) -> ImpactModel:
    """The model called ``name``.

    Parameters
    ----------
    name : str
        One of :data:`IMPACT_MODELS`.
    spread : float
        Quoted spread as a fraction of the price, of all but ``none``.
    coefficient : float
        Of ``square_root``: cost of a whole session's volume, in daily volatilities.

    Examples
    --------
    >>> impact_model("half_spread", 0.001, 0.0).fraction(100, math.nan, math.nan)
    0.0005
    """
    match name:
        case "none":
            return ImpactModel("none")
        case "half_spread":
            return ImpactModel("half_spread", spread=spread)
        case "square_root":
            return ImpactModel("square_root", spread=spread, coefficient=coefficient)
        case "almgren":
            return almgren_impact(spread)
        case _:
            raise ConfigurationError(
                "unknown impact model",
                expected="one of: " + ", ".join(IMPACT_MODELS),
                found=name,
                where="execution.impact.model",
            )
