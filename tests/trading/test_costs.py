"""Fee schedules: the published examples, the arithmetic of a kernel, cost and shares."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError
from quant_core.trading.costs import (
    COMMISSION_MODELS,
    IBKR_FIXED,
    PUBLISHED,
    commission_model,
    regulatory_fees,
)
from quant_core.trading.fees import (
    FREE,
    DatedFees,
    Fee,
    FeeColumns,
    FeeSchedule,
    FeeSides,
    per_share_fees,
    rate_fees,
)
from quant_core.trading.fills import largest_multiple
from quant_core.trading.orders import Side

DAY = date(2024, 1, 2)
BUYS, SELLS = (Side.BUY, Side.COVER), (Side.SELL, Side.SHORT)


def named(name: str, day: date = DAY) -> FeeSchedule:
    return commission_model(name, 0.001, 1.0, 0.005, 0.01).on(day)


def parts(schedule: FeeSchedule, side: Side, shares: int, price_micros: int) -> dict[str, int]:
    first = schedule.fees[0].charge(side, shares, price_micros)
    return {fee.name: fee.charge(side, shares, price_micros, first) for fee in schedule.fees}


def charged_by_array(array, side: Side, shares: int, price_micros: int) -> int:
    """What a compiled kernel does with the numbers: int64, and rint of a float64 product."""
    at = FeeColumns()
    notional = np.int64(shares) * np.int64(price_micros)
    total = commission = np.int64(0)
    for position, row in enumerate(array):
        if shares == 0 or row[at.buys if side.is_buy else at.sells] == 0.0:
            continue
        amount = np.int64(np.rint(row[at.rate] * np.float64(notional)))
        amount += np.int64(shares) * np.int64(row[at.per_share])
        if row[at.of_commission] > 0.0:
            amount += np.int64(np.rint(row[at.of_commission] * np.float64(commission)))
        amount = max(amount, np.int64(row[at.minimum]))
        if row[at.cap] < np.inf:
            amount = min(amount, np.int64(np.rint(row[at.cap] * np.float64(notional))))
        if row[at.maximum] < np.inf:
            amount = min(amount, np.int64(row[at.maximum]))
        if position == 0:
            commission = amount
        total += amount
    return int(total)


amounts = st.integers(0, 10_000_000)
any_fee = st.builds(
    Fee,
    name=st.just("fee"),
    rate=st.floats(0.0, 0.05),
    per_share_micros=st.integers(0, 100_000),
    minimum_micros=amounts,
    cap=st.one_of(st.just(math.inf), st.floats(0.0, 0.05)),
    maximum_micros=st.one_of(st.none(), amounts),
    sides=st.sampled_from(FeeSides),
    of_commission=st.one_of(st.just(0.0), st.floats(0.0, 1.0)),
)
any_schedule = st.one_of(
    st.builds(FeeSchedule, st.lists(any_fee, max_size=4).map(tuple)),
    st.builds(named, st.sampled_from(COMMISSION_MODELS), st.dates(date(1995, 1, 1))),
)


class TestExamples:
    def test_the_published_examples_of_the_fixed_plan(self):
        # 1,000 shares at USD 25: 1,000 x 0.005 = 5.00; 100 shares: minimum 1.00;
        # 1,000 shares at USD 0.25: at most 1 % of 250.00 = 2.50.
        assert IBKR_FIXED.charge(Side.BUY, 1_000, 25_000_000) == 5_000_000
        assert IBKR_FIXED.charge(Side.SELL, 100, 25_000_000) == 1_000_000
        assert IBKR_FIXED.charge(Side.BUY, 1_000, 250_000) == 2_500_000

    def test_the_published_comparison_of_the_plans(self):
        # Interactive Brokers, "Fixed vs. Tiered Pricing Comparison Examples", as of 2023:
        # sell 200,000 Nasdaq shares at USD 5, removing liquidity. Printed to the cent.
        day = date(2023, 6, 1)
        tiered = parts(named("ibkr_tiered", day), Side.SELL, 200_000, 5_000_000)
        assert tiered == {
            "commission": 700_000_000,
            "exchange": 600_000_000,
            "clearing (NSCC, DTC)": 40_000_000,
            "NYSE pass-through": 122_500,
            "FINRA pass-through": 392_000,
            "SEC section 31": 8_000_000,
            "FINRA activity": 7_270_000,
        }
        total = named("ibkr_tiered", day).charge(Side.SELL, 200_000, 5_000_000)
        assert total == 1_355_784_500  # printed 1,355.78
        fixed = named("ibkr_fixed_regulatory", day).charge(Side.SELL, 200_000, 5_000_000)
        assert fixed == 1_015_270_000  # printed 1,015.27

    def test_the_older_edition_of_the_comparison(self):
        # The same order under a section 31 fee of 17.40 per million and an activity fee of
        # at most 5.95: IB 700, exchange 600, clearing 40, 17.40, 0.39, 0.12, 5.95 = 1,363.86.
        total = named("ibkr_tiered", date(2013, 7, 1)).charge(Side.SELL, 200_000, 5_000_000)
        assert total == 1_363_864_500

    def test_a_small_tiered_buy_by_hand(self):
        # 100 shares at USD 20: minimum 0.35, exchange 0.30, clearing 0.02,
        # 0.35 x 0.000175 = 0.00006125 -> 61 micros, 0.35 x 0.00056 = 0.000196; no sale.
        assert named("ibkr_tiered").charge(Side.BUY, 100, 20_000_000) == 670_257
        # The sale besides: 2,000 x 8.00 / 1e6 = 0.016, 100 x 0.000166 = 0.0166.
        assert named("ibkr_tiered").charge(Side.SELL, 100, 20_000_000) == 670_257 + 32_600

    def test_a_share_below_a_dollar(self):
        # 1,000 at USD 0.10: commission and fees are capped: 1 %, 0.3 % and 0.5 % of 100.
        found = parts(named("ibkr_tiered"), Side.BUY, 1_000, 100_000)
        assert found["commission"] == 1_000_000
        assert found["exchange"] == 300_000
        assert found["clearing (NSCC, DTC)"] == 200_000  # 0.20 is below 0.50

    @pytest.mark.parametrize(
        ("day", "per_million"),
        [
            ("2014-03-17", 17.40),
            ("2014-03-18", 22.10),
            ("2016-02-25", 21.80),
            ("2019-04-15", 13.00),
            ("2019-04-16", 20.70),
            ("2020-02-18", 22.10),
            ("2021-02-24", 22.10),
            ("2021-02-25", 5.10),
            ("2023-02-27", 8.00),
            ("2025-05-13", 27.80),
            ("2025-05-14", 0.00),
            ("2026-04-04", 20.60),
        ],
    )
    def test_section_31_by_its_notices(self, day, per_million):
        section_31 = regulatory_fees(date.fromisoformat(day))[0]
        assert section_31.charge(Side.SELL, 1, 10**12) == round(per_million * 1e6)

    def test_the_activity_fee_has_a_most_per_trade(self):
        activity = regulatory_fees(DAY)[1]
        assert activity.charge(Side.SELL, 50_000, 1_000_000) == 8_300_000
        assert activity.charge(Side.SHORT, 51_000, 1_000_000) == 8_300_000
        assert activity.charge(Side.BUY, 51_000, 1_000_000) == 0

    def test_a_shares_by_hand(self):
        # 1,000 shares at CNY 10 = 10,000: commission 2.50 -> 5.00; transfer 0.10;
        # stamp duty of the sale 5.00 since 2023-08-28, 10.00 before.
        assert named("cn_ashare").charge(Side.BUY, 1_000, 10_000_000) == 5_100_000
        assert named("cn_ashare").charge(Side.SELL, 1_000, 10_000_000) == 10_100_000
        before = named("cn_ashare", date(2023, 8, 25))
        assert before.charge(Side.SELL, 1_000, 10_000_000) == 15_100_000
        # 20,000 at 10 = 200,000: commission 50.00, duty 200.00; transfer 0.002 % = 4.00.
        earlier = named("cn_ashare", date(2022, 4, 28))
        assert earlier.charge(Side.SELL, 20_000, 10_000_000) == 254_000_000
        both = named("cn_ashare", date(2007, 6, 1))
        assert parts(both, Side.BUY, 20_000, 10_000_000)["stamp duty"] == 600_000_000

    def test_rates_and_shares(self):
        assert rate_fees(0.001, 0).charge(Side.BUY, 100, 12_345_678) == 1_234_568
        assert rate_fees(0.001, 2_000_000).charge(Side.SELL, 100, 12_345_678) == 2_000_000
        capped = per_share_fees(10_000, 3_000_000, 0.02)
        assert capped.charge(Side.BUY, 10, 5_000_000) == 1_000_000  # the cap beats the minimum
        assert named("per_share").charge(Side.BUY, 1_000, 25_000_000) == 5_000_000

    def test_no_shares_no_fee(self):
        charges = [
            named(name).charge(side, 0, 10_000_000) for name in COMMISSION_MODELS for side in Side
        ]
        assert set(charges) == {0}

    def test_a_fee_of_one_side(self):
        sells, buys = (
            Fee("s", rate=0.1, sides=FeeSides.SELLS),
            Fee("b", rate=0.1, sides=FeeSides.BUYS),
        )
        assert [sells.charge(side, 1, 100) for side in (*BUYS, *SELLS)] == [0, 0, 10, 10]
        assert [buys.charge(side, 1, 100) for side in (*BUYS, *SELLS)] == [10, 10, 0, 0]

    def test_a_schedule_holds_from_its_day(self):
        fees = DatedFees(((date(2020, 1, 1), FREE), (date(2021, 1, 1), IBKR_FIXED)))
        days = [date(2019, 5, 1), date(2020, 12, 31), date(2021, 1, 1), date(2050, 1, 1)]
        assert [fees.on(day) is IBKR_FIXED for day in days] == [False, False, True, True]


class TestReference:
    @settings(max_examples=200)
    @given(any_schedule, st.sampled_from(Side), st.integers(0, 10**6), st.integers(1, 10**10))
    def test_the_array_says_the_same_to_the_micro(self, schedule, side, shares, price):
        charged = schedule.charge(side, shares, price)
        assert charged_by_array(schedule.as_array(), side, shares, price) == charged

    @given(
        st.integers(0, 1_000),
        st.integers(1, 50_000_000),
        st.integers(0, 10**11),
        st.sampled_from([1, 10, 100]),
        any_schedule,
        st.sampled_from(BUYS),
    )
    @settings(max_examples=50)
    def test_affordable_is_the_largest_multiple_that_cash_pays_for(
        self, requested, price, cash, lot, schedule, side
    ):
        found = largest_multiple(
            requested, lot, lambda m: m * price + schedule.charge(side, m, price) <= cash
        )
        multiples = range(0, requested + 1, lot)
        fits = [m for m in multiples if m * price + schedule.charge(side, m, price) <= cash]
        assert found == max(fits)

    def test_every_step_of_a_published_model_has_the_same_rows(self):
        for model in PUBLISHED.values():
            days = [date(year, 7, 1) for year in range(1995, 2030)]
            assert len({model.on(day).as_array().shape for day in days}) == 1

    def test_nothing_to_pay_is_an_array_without_rows(self):
        assert FREE.as_array().shape == (0, len(FeeColumns()))


class TestProperties:
    @settings(max_examples=300)
    @given(
        any_schedule,
        st.sampled_from(Side),
        st.integers(0, 10**6),
        st.integers(1, 1_000),
        st.integers(1, 10**9),
    )
    def test_no_charge_falls_as_the_shares_rise(self, schedule, side, shares, more, price):
        fewer = schedule.charge(side, shares, price)
        assert 0 <= fewer <= schedule.charge(side, shares + more, price)

    @given(st.sampled_from(COMMISSION_MODELS), st.integers(1, 10**5), st.integers(1, 10**9))
    def test_a_short_pays_as_a_sell_and_a_cover_as_a_buy(self, name, shares, price):
        model = named(name)
        charges = [{model.charge(side, shares, price) for side in sides} for sides in (BUYS, SELLS)]
        assert [len(charge) for charge in charges] == [1, 1]


class TestRefusals:
    def test_an_unknown_model(self):
        with pytest.raises(ConfigurationError, match="commission model") as refusal:
            commission_model("flat", 0.0, 0.0)
        assert refusal.value.expected.endswith("ibkr_tiered, cn_ashare")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"rate": -0.001},
            {"rate": math.nan},
            {"rate": math.inf},
            {"per_share_micros": -1},
            {"minimum_micros": -1},
            {"cap": math.nan},
            {"cap": -0.1},
            {"maximum_micros": -1},
            {"of_commission": math.nan},
        ],
    )
    def test_a_rebate_or_no_number(self, wrong):
        with pytest.raises(ConfigurationError, match="negative or not a number"):
            Fee("fee", **wrong)
