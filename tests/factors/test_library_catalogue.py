"""The libraries as tables: counts, names, texts that parse and print back, what they need."""

from __future__ import annotations

import pytest

from quant_core.factors.factor import Factor
from quant_core.factors.library import (
    alpha101,
    alpha158,
    alpha191,
    by_name,
    catalogue,
    classic,
)
from quant_core.factors.parser import parse
from quant_core.factors.plan import look_back, required_fields, required_groups
from quant_core.factors.printer import to_text
from quant_core.factors.source import FieldUnavailable
from quant_core.foundation.errors import ExpressionError
from tests.factors.library_market import (
    ALL_FACTORS,
    BY_NAME,
    NUMBER_FIELDS,
    as_source,
    draw_fields,
    evaluate,
)

BAR_NAMES = [
    "KMID",
    "KLEN",
    "KMID2",
    "KUP",
    "KUP2",
    "KLOW",
    "KLOW2",
    "KSFT",
    "KSFT2",
    "OPEN0",
    "HIGH0",
    "LOW0",
    "VWAP0",
]
ROLLING_NAMES = [
    "ROC",
    "MA",
    "STD",
    "BETA",
    "RSQR",
    "RESI",
    "MAX",
    "MIN",
    "QTLU",
    "QTLD",
    "RANK",
    "RSV",
    "IMAX",
    "IMIN",
    "IMXD",
    "CORR",
    "CORD",
    "CNTP",
    "CNTN",
    "CNTD",
    "SUMP",
    "SUMN",
    "SUMD",
    "VMA",
    "VSTD",
    "WVMA",
    "VSUMP",
    "VSUMN",
    "VSUMD",
]
ONE_SESSION = {
    "intraday_return",
    "close_location_value",
    "internal_bar_strength",
    "balance_of_power",
    "vwap_distance",
    "log_capitalisation",
    "log_price",
    "alpha101_041",
    "alpha101_042",
    "alpha101_033",
    "alpha101_054",
    "alpha101_101",
    *BAR_NAMES,
}


class TestExamples:
    def test_fixed_texts(self) -> None:
        assert BY_NAME["momentum_20"].text == "close / delay(close, 20) - 1"
        assert BY_NAME["momentum_12_1"].text == "delay(close, 21) / delay(close, 252) - 1"
        assert BY_NAME["volatility_20"].text == "ts_std(returns, 20)"
        assert BY_NAME["alpha101_003"].text == "-1 * ts_corr(rank(open), rank(volume), 10)"

    def test_alpha158_has_the_names_of_the_set(self) -> None:
        rolling = [f"{name}{n}" for name in ROLLING_NAMES for n in (5, 10, 20, 30, 60)]
        assert [factor.name for factor in alpha158.FACTORS] == [*BAR_NAMES, *rolling]
        assert len(alpha158.FACTORS) == 158

    def test_alpha101_is_complete(self) -> None:
        expected = [f"alpha101_{number:03d}" for number in range(1, 102)]
        assert [factor.name for factor in alpha101.FACTORS] == expected

    def test_alpha191_and_classic_sizes(self) -> None:
        names = [factor.name for factor in alpha191.FACTORS]
        assert names == ["alpha191_014", "alpha191_018", "alpha191_020"]
        assert len(classic.FACTORS) >= 80

    def test_the_catalogue_joins_the_libraries(self) -> None:
        assert dict(catalogue()) == dict(BY_NAME)

    def test_look_backs_follow_from_the_windows(self) -> None:
        expected = {
            "momentum_20": 20,
            "momentum_12_1": 252,
            "volatility_20": 20,
            "lottery_max_21": 21,
            "rsrs_zscore_18_600": 616,
            "stochastic_d_14_3": 15,
            "alpha101_003": 9,
            "alpha101_063": 37 + 180 + 13 + 12 - 4,
            "KMID": 0,
            "WVMA60": 60,
            "alpha191_020": 6,
        }
        assert {name: look_back(BY_NAME[name].expression) for name in expected} == expected

    def test_what_a_factor_needs(self) -> None:
        def needs(name: str) -> tuple[str, ...]:
            return required_fields(BY_NAME[name].expression)

        assert needs("volatility_20") == ("close",)
        assert needs("amihud_illiquidity_20") == ("amount", "close")
        assert needs("turnover_20") == ("amount", "cap")
        assert needs("alpha101_056") == ("cap", "close")
        assert needs("alpha101_061") == ("amount", "vwap")
        assert needs("VWAP0") == ("close", "vwap")
        assert required_groups(BY_NAME["alpha101_058"].expression) == ("industry",)


class TestProperties:
    def test_names_are_unique_and_plain(self) -> None:
        names = [factor.name for factor in ALL_FACTORS]
        assert len(names) == len(set(names))
        assert all(name.isidentifier() for name in names)

    @pytest.mark.parametrize(
        ("factors", "library"),
        [
            (classic.FACTORS, "classic"),
            (alpha101.FACTORS, "alpha101"),
            (alpha158.FACTORS, "alpha158"),
            (alpha191.FACTORS, "alpha191"),
        ],
    )
    def test_every_entry_names_its_library_and_source(
        self, factors: tuple[Factor, ...], library: str
    ) -> None:
        assert {factor.library for factor in factors} == {library}
        assert all(len(factor.citation) > 3 for factor in factors)

    def test_texts_print_back(self) -> None:
        for factor in ALL_FACTORS:
            assert parse(to_text(factor.expression)) == factor.expression, factor.name

    def test_no_two_names_mean_the_same_formula(self) -> None:
        assert len({factor.expression for factor in ALL_FACTORS}) == len(ALL_FACTORS)

    def test_only_the_factors_of_one_session_have_no_look_back(self) -> None:
        without = {f.name for f in ALL_FACTORS if look_back(f.expression) == 0}
        assert without == ONE_SESSION

    def test_only_known_fields_are_read(self) -> None:
        for factor in ALL_FACTORS:
            assert set(required_fields(factor.expression)) <= set(NUMBER_FIELDS), factor.name
            assert set(required_groups(factor.expression)) <= {"industry"}, factor.name

    def test_floored_windows_are_whole(self) -> None:
        for factor in alpha101.FACTORS:
            if "floored" in factor.deviations:
                assert "." not in factor.text.replace("0.", "").replace("1.5", ""), factor.name


class TestRefusals:
    def test_a_name_taken_twice_is_refused(self) -> None:
        taken = Factor("momentum_20", "user", "close", "")
        with pytest.raises(ExpressionError, match="'momentum_20' is defined twice"):
            by_name([*catalogue().values(), taken])

    @pytest.mark.parametrize(
        ("name", "missing"),
        [
            ("alpha101_005", "vwap"),
            ("alpha101_028", "amount"),
            ("alpha101_056", "cap"),
            ("alpha101_058", "industry"),
            ("VWAP0", "vwap"),
            ("turnover_20", "cap"),
            ("industry_momentum_120", "industry"),
            ("chaikin_money_flow_20", "volume"),
        ],
    )
    def test_missing_field_is_named(self, name: str, missing: str) -> None:
        source = as_source(draw_fields(1, 20, 4), without=(missing,))
        with pytest.raises(FieldUnavailable, match=f"no field '{missing}'") as caught:
            evaluate([BY_NAME[name].text], source)
        assert caught.value.field == missing
