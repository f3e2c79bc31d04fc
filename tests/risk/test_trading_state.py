"""Losses take the right to trade away, and only a person gives it back."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.risk.limits import TradingState, at_session_start, next_trading_state, resume
from tests.risk.gate_examples import LIMITS

NORMAL, REDUCING, HALTED = TradingState.NORMAL, TradingState.REDUCING, TradingState.HALTED
SEVERITY = [NORMAL, REDUCING, HALTED]
OFF = replace(
    LIMITS,
    reduce_at_daily_loss=None,
    halt_at_daily_loss=None,
    reduce_at_drawdown=None,
    halt_at_drawdown=None,
)
DAY = replace(OFF, reduce_at_daily_loss=0.02, halt_at_daily_loss=0.04)
PEAK = replace(OFF, reduce_at_drawdown=0.1, halt_at_drawdown=0.2)

equities = st.one_of(st.integers(-(10**9), 10**9), st.none(), st.just(math.nan))
fractions = st.none() | st.floats(0, 0.5)


class TestExamples:
    @pytest.mark.parametrize(
        ("equity", "expected"),
        [
            (1_030, NORMAL),
            (980, NORMAL),
            (979, REDUCING),
            (960, REDUCING),
            (959, HALTED),
            (-5, HALTED),
        ],
    )
    def test_loss_of_the_day(self, equity, expected):
        assert next_trading_state(NORMAL, equity, 1_000, 5_000, DAY) is expected

    @pytest.mark.parametrize(
        ("equity", "expected"),
        [(1_000, NORMAL), (900, NORMAL), (899, REDUCING), (800, REDUCING), (799, HALTED)],
    )
    def test_drawdown(self, equity, expected):
        assert next_trading_state(NORMAL, equity, 50, 1_000, PEAK) is expected

    @pytest.mark.parametrize("state", SEVERITY)
    def test_a_recovery_within_the_session_changes_nothing(self, state):
        assert next_trading_state(state, 1_000, 1_000, 1_000, DAY) is state

    def test_a_new_session_leaves_reducing_and_not_halted(self):
        assert [at_session_start(state) for state in SEVERITY] == [NORMAL, NORMAL, HALTED]

    def test_a_drawdown_that_lasts_reduces_the_next_session_too(self):
        fresh = at_session_start(REDUCING)
        assert next_trading_state(fresh, 899, 899, 1_000, PEAK) is REDUCING

    def test_the_operator_resumes(self):
        assert resume() is NORMAL

    @pytest.mark.parametrize("state", SEVERITY)
    def test_limits_that_are_off_look_at_nothing(self, state):
        assert next_trading_state(state, None, None, None, OFF) is state


class TestRefusals:
    @pytest.mark.parametrize("bad", [None, math.nan, math.inf, 980.0, True, "1"])
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_what_is_not_known_is_never_normal(self, place, bad):
        numbers = [1_000, 1_000, 1_000]
        numbers[place] = bad
        limits = replace(LIMITS)
        assert next_trading_state(NORMAL, *numbers, limits) is REDUCING
        assert next_trading_state(HALTED, *numbers, limits) is HALTED

    @pytest.mark.parametrize("base", [0, -1])
    def test_a_base_that_is_not_positive_is_not_known(self, base):
        assert next_trading_state(NORMAL, 1_000, base, 1_000, DAY) is REDUCING
        assert next_trading_state(NORMAL, 1_000, 1_000, base, PEAK) is REDUCING


class TestProperties:
    @given(st.sampled_from(SEVERITY), equities, equities, equities, st.tuples(*[fractions] * 4))
    def test_a_session_only_gets_worse(self, state, equity, start, peak, limits):
        names = ("reduce_at_daily_loss", "halt_at_daily_loss", "reduce_at_drawdown")
        chosen = replace(OFF, **dict(zip((*names, "halt_at_drawdown"), limits, strict=True)))
        after = next_trading_state(state, equity, start, peak, chosen)
        assert SEVERITY.index(after) >= SEVERITY.index(state)
        assert next_trading_state(after, equity, start, peak, chosen) is after

    @given(st.integers(1, 10**9), st.integers(0, 10**9), st.floats(0, 0.5), st.floats(0, 1))
    def test_a_tighter_limit_is_never_milder(self, start, equity, fraction, part):
        loose = replace(OFF, reduce_at_daily_loss=fraction, halt_at_daily_loss=fraction * 2)
        tight = replace(
            OFF, reduce_at_daily_loss=fraction * part, halt_at_daily_loss=fraction * 2 * part
        )
        states = [next_trading_state(NORMAL, equity, start, 1, each) for each in (loose, tight)]
        assert SEVERITY.index(states[0]) <= SEVERITY.index(states[1])

    @given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
    def test_less_equity_is_never_milder(self, start, more, less):
        high, low = max(more, less), min(more, less)
        states = [next_trading_state(NORMAL, e, start, start, LIMITS) for e in (high, low)]
        assert SEVERITY.index(states[0]) <= SEVERITY.index(states[1])
