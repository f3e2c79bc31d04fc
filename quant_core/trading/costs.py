"""The commission models by name: published schedules with their dates, and their factory.

What a schedule is stands in :mod:`quant_core.trading.fees`. The tables below say where
each figure was published and from which day it holds; before its first day the first
figure of a table stands in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.money import micros
from quant_core.foundation.types import Session
from quant_core.trading.fees import (
    FREE,
    CommissionModel,
    DatedFees,
    Fee,
    FeeSchedule,
    FeeSides,
    per_share_fees,
    rate_fees,
)

Row = TypeVar("Row")


def _in_force(table: Sequence[tuple[date, Row]], session: Session) -> Row:
    """The row of the last day on or before ``session``; before all of them, the first."""
    begun = bisect_right(table, session, key=lambda row: row[0])
    return table[max(begun - 1, 0)][1]


# --- United States: Interactive Brokers ------------------------------------------------------
#
# Interactive Brokers, "Commissions: Stocks - United States", schedule read 2025-01 (USD).
# Fixed: 0.005 a share, at least 1.00 an order, at most 1 % of the trade value; exchange and
# clearing fees are included, the regulatory fees of sales are passed on besides.
# Tiered, up to 300,000 shares a month: 0.0035 a share, at least 0.35, at most 1 %.
IBKR_FIXED = per_share_fees(5_000, 1_000_000, 0.01)
IBKR_TIERED_COMMISSION = Fee("commission", per_share_micros=3_500, minimum_micros=350_000, cap=0.01)

# Passed on in the tiered plan, same pages. The exchange fee is an assumption: every fill
# removes liquidity at 0.0030 a share, the most that Regulation NMS, Rule 610(c), lets an
# exchange take (0.3 % of the price below 1.00) and what the published examples use. The
# opening auctions of NYSE and Nasdaq charge less: the assumption errs on the dear side.
IBKR_TIERED_PASSED_ON = (
    Fee("exchange", per_share_micros=3_000, cap=0.003),
    Fee("clearing (NSCC, DTC)", per_share_micros=200, cap=0.005),
    Fee("NYSE pass-through", of_commission=0.000175),
    Fee("FINRA pass-through", of_commission=0.00056),
)

# Securities Exchange Act, section 31: USD per million of sales, by first charge date.
# SEC fee rate advisories and FINRA information notices of fiscal years 2013 to 2026.
SECTION_31_PER_MILLION: tuple[tuple[date, float], ...] = (
    (date(2013, 5, 25), 17.40),
    (date(2014, 3, 18), 22.10),
    (date(2015, 2, 14), 18.40),
    (date(2016, 2, 16), 21.80),
    (date(2017, 7, 4), 23.10),
    (date(2018, 5, 22), 13.00),
    (date(2019, 4, 16), 20.70),
    (date(2020, 2, 18), 22.10),
    (date(2021, 2, 25), 5.10),
    (date(2022, 5, 14), 22.90),
    (date(2023, 2, 27), 8.00),
    (date(2024, 5, 22), 27.80),
    (date(2025, 5, 14), 0.00),
    (date(2026, 4, 4), 20.60),
)

# FINRA By-Laws, Schedule A, section 1: trading activity fee per share sold and the most of
# one trade, in micros. Regulatory Notices 11-27 and 12-06, SR-FINRA-2020-032 (2022 to 2024)
# and SR-FINRA-2024-019 (2026).
TRADING_ACTIVITY_FEE: tuple[tuple[date, tuple[int, int]], ...] = (
    (date(2011, 7, 1), (90, 4_500_000)),
    (date(2012, 3, 1), (95, 4_750_000)),
    (date(2012, 7, 1), (119, 5_950_000)),
    (date(2022, 1, 1), (130, 6_490_000)),
    (date(2023, 1, 1), (145, 7_270_000)),
    (date(2024, 1, 1), (166, 8_300_000)),
    (date(2026, 1, 1), (195, 9_790_000)),
)


def regulatory_fees(session: Session) -> tuple[Fee, ...]:
    """What sales of US stocks pay to the SEC and to FINRA in ``session``.

    Examples
    --------
    >>> from quant_core.trading.orders import Side
    >>> [fee.charge(Side.SELL, 1_000, 50_000_000) for fee in regulatory_fees(date(2024, 6, 3))]
    [1390000, 166000]
    """
    per_million = _in_force(SECTION_31_PER_MILLION, session)
    per_share, most = _in_force(TRADING_ACTIVITY_FEE, session)
    sells = FeeSides.SELLS
    return (
        Fee("SEC section 31", rate=per_million / 1e6, sides=sells),
        Fee("FINRA activity", per_share_micros=per_share, maximum_micros=most, sides=sells),
    )


def _with_regulatory_fees(fees: tuple[Fee, ...]) -> DatedFees:
    days = sorted(
        {day for day, _ in SECTION_31_PER_MILLION} | {day for day, _ in TRADING_ACTIVITY_FEE}
    )
    return DatedFees(tuple((day, FeeSchedule((*fees, *regulatory_fees(day)))) for day in days))


# --- China: A-shares -------------------------------------------------------------------------
#
# Commission: agreed with the broker; 0.025 % with a minimum of CNY 5 is a usual retail rate
# (it includes the handling and supervision fees of the exchange). Assumption, not a tariff.
CN_COMMISSION = Fee("commission", rate=0.00025, minimum_micros=5_000_000)

# Stamp duty, Ministry of Finance and State Taxation Administration: rate, and who pays.
# 2023-08-28: announcement 2023 no. 39 (halved); 2008-09-19: the seller alone.
CN_STAMP_DUTY: tuple[tuple[date, tuple[float, FeeSides]], ...] = (
    (date(2001, 11, 16), (0.002, FeeSides.BOTH)),
    (date(2005, 1, 24), (0.001, FeeSides.BOTH)),
    (date(2007, 5, 30), (0.003, FeeSides.BOTH)),
    (date(2008, 4, 24), (0.001, FeeSides.BOTH)),
    (date(2008, 9, 19), (0.001, FeeSides.SELLS)),
    (date(2023, 8, 28), (0.0005, FeeSides.SELLS)),
)

# Transfer fee of the clearing house (CSDC), both sides. Before 2015-08-01 Shenzhen charged
# 0.00255 % of the amount and Shanghai 0.03 % of the par value, which prices do not tell:
# Shenzhen's stands for both (statement of the exchanges and CSDC, 2015-07-03).
CN_TRANSFER_FEE: tuple[tuple[date, float], ...] = (
    (date(2012, 6, 1), 0.0000255),
    (date(2015, 8, 1), 0.00002),
    (date(2022, 4, 29), 0.00001),
)


def _cn_ashare(session: Session) -> FeeSchedule:
    rate, sides = _in_force(CN_STAMP_DUTY, session)
    transfer = _in_force(CN_TRANSFER_FEE, session)
    duty = Fee("stamp duty", rate=rate, sides=sides)
    return FeeSchedule((CN_COMMISSION, duty, Fee("transfer fee", rate=transfer)))


# --- The models by name ----------------------------------------------------------------------

IBKR_TIERED = _with_regulatory_fees((IBKR_TIERED_COMMISSION, *IBKR_TIERED_PASSED_ON))
PUBLISHED: Mapping[str, CommissionModel] = {
    "ibkr_fixed": IBKR_FIXED,
    "ibkr_fixed_regulatory": _with_regulatory_fees(IBKR_FIXED.fees),
    "ibkr_tiered": IBKR_TIERED,
    "cn_ashare": DatedFees(
        tuple(
            (day, _cn_ashare(day))
            for day in sorted({day for day, _ in (*CN_STAMP_DUTY, *CN_TRANSFER_FEE)})
        )
    ),
}
"""Models without a setting of their own. ``ibkr_fixed`` is the commission alone."""

COMMISSION_MODELS = ("none", "bps", "per_share", *PUBLISHED)


def commission_model(
    name: str, rate: float, minimum: float, per_share: float = 0.0, cap: float | None = None
) -> CommissionModel:
    """The model called ``name``.

    Parameters
    ----------
    name : str
        One of :data:`COMMISSION_MODELS`.
    rate : float
        Fraction of the notional, of ``bps``.
    minimum : float
        Least commission of an order in currency units, of ``bps`` and ``per_share``.
    per_share : float
        Currency units a share, of ``per_share``; rounded to a micro.
    cap : float, optional
        Largest commission as a fraction of the notional, of ``per_share``; None = none.

    Examples
    --------
    >>> from quant_core.trading.orders import Side
    >>> day = date(2024, 1, 2)
    >>> commission_model("bps", 0.001, 0.0).on(day).charge(Side.BUY, 10, 1_000_000)
    10000
    >>> commission_model("per_share", 0.0, 1.0, 0.01).on(day).charge(Side.BUY, 10, 1_000_000)
    1000000
    """
    if name in PUBLISHED:
        return PUBLISHED[name]
    match name:
        case "none":
            return FREE
        case "bps":
            return rate_fees(rate, micros(minimum))
        case "per_share":
            largest = math.inf if cap is None else cap
            return per_share_fees(micros(per_share), micros(minimum), largest)
        case _:
            raise ConfigurationError(
                "unknown commission model",
                expected="one of: " + ", ".join(COMMISSION_MODELS),
                found=name,
                where="execution.commission.model",
            )
