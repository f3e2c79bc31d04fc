"""The 101 Formulaic Alphas of Kakushadze (2015), arXiv:1601.00991, Appendix A, complete.

Each text is the paper's formula with redundant parentheses removed and in our operators'
names: ``correlation`` is ``ts_corr``, ``sum`` is ``ts_sum``, ``x ? y : z`` is ``where(x, y,
z)``, and so on. ``max`` and ``min`` of two series are ``maximum`` and ``minimum``. What
else had to be decided is said in the deviations of each entry.
"""

from __future__ import annotations

from quant_core.factors.factor import Factor

_SOURCE = "Kakushadze (2015), 101 Formulaic Alphas, arXiv:1601.00991, Alpha#{number}"

_FLOORED = "Non-integer windows are floored, by the paper's own rule."
_DOLLAR_VOLUME = (
    "adv{d} is the average daily dollar volume, as the paper defines it: the mean of the field"
    " amount over d sessions; many implementations use share volume."
)
_SHARES_OVER_DOLLARS = "volume counts shares where adv{d} counts money, as in the paper."
_UNITS = (
    "As in the paper, shares are compared with money: where a share costs more than one unit of"
    " currency the comparison rarely holds."
)
_LEVELS = (
    "IndClass.sector and IndClass.subindustry are read as the dataset's industry groups; the"
    " paper leaves the classification open."
)
_ARGMAX = (
    "The place of an extreme is counted from 1 at the start of the window, hence + 1; the paper"
    " does not say from where it counts. Of equal extremes the oldest counts."
)
_SHORT_MIN = "min(x, 5) is the smallest of 5 sessions: the paper defines min(x, d) as ts_min(x, d)."
_SIGNED_POWER = "signedpower keeps the sign of its base, which is never negative here."
_SAME_CLOSE = (
    "The paper trades this alpha at the close it is computed from; here it is known only after"
    " that close."
)
_SELDOM = (
    "Known on few sessions: the correlation of short ranks is often that of a constant, which is"
    " undefined, and its windows need every value."
)

_ALPHAS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (
        1,
        "rank(ts_argmax(signed_power(where(returns < 0, ts_std(returns, 20), close), 2), 5) + 1) -"
        " 0.5",
        (
            _ARGMAX,
            _SIGNED_POWER,
        ),
    ),
    (2, "-1 * ts_corr(rank(delta(log(volume), 2)), rank((close - open) / open), 6)", ()),
    (3, "-1 * ts_corr(rank(open), rank(volume), 10)", ()),
    (4, "-1 * ts_rank(rank(low), 9)", ()),
    (5, "rank(open - ts_sum(vwap, 10) / 10) * (-1 * abs(rank(close - vwap)))", ()),
    (6, "-1 * ts_corr(open, volume, 10)", ()),
    (
        7,
        "where(ts_mean(amount, 20) < volume, -1 * ts_rank(abs(delta(close, 7)), 60) *"
        " sign(delta(close, 7)), -1)",
        (
            _DOLLAR_VOLUME,
            _UNITS,
        ),
    ),
    (
        8,
        "-1 * rank(ts_sum(open, 5) * ts_sum(returns, 5) - delay(ts_sum(open, 5) * ts_sum(returns,"
        " 5), 10))",
        (),
    ),
    (
        9,
        "where(0 < ts_min(delta(close, 1), 5), delta(close, 1), where(ts_max(delta(close, 1), 5) <"
        " 0, delta(close, 1), -1 * delta(close, 1)))",
        (),
    ),
    (
        10,
        "rank(where(0 < ts_min(delta(close, 1), 4), delta(close, 1), where(ts_max(delta(close, 1),"
        " 4) < 0, delta(close, 1), -1 * delta(close, 1))))",
        (),
    ),
    (
        11,
        "(rank(ts_max(vwap - close, 3)) + rank(ts_min(vwap - close, 3))) * rank(delta(volume, 3))",
        (),
    ),
    (12, "sign(delta(volume, 1)) * (-1 * delta(close, 1))", ()),
    (13, "-1 * rank(ts_cov(rank(close), rank(volume), 5))", ()),
    (14, "-1 * rank(delta(returns, 3)) * ts_corr(open, volume, 10)", ()),
    (15, "-1 * ts_sum(rank(ts_corr(rank(high), rank(volume), 3)), 3)", ()),
    (16, "-1 * rank(ts_cov(rank(high), rank(volume), 5))", ()),
    (
        17,
        "-1 * rank(ts_rank(close, 10)) * rank(delta(delta(close, 1), 1)) * rank(ts_rank(volume /"
        " ts_mean(amount, 20), 5))",
        (
            _DOLLAR_VOLUME,
            _SHARES_OVER_DOLLARS,
        ),
    ),
    (18, "-1 * rank(ts_std(abs(close - open), 5) + (close - open) + ts_corr(close, open, 10))", ()),
    (
        19,
        "-1 * sign(close - delay(close, 7) + delta(close, 7)) * (1 + rank(1 + ts_sum(returns,"
        " 250)))",
        (),
    ),
    (
        20,
        "-1 * rank(open - delay(high, 1)) * rank(open - delay(close, 1)) * rank(open - delay(low,"
        " 1))",
        (),
    ),
    (
        21,
        "where(ts_sum(close, 8) / 8 + ts_std(close, 8) < ts_sum(close, 2) / 2, -1,"
        " where(ts_sum(close, 2) / 2 < ts_sum(close, 8) / 8 - ts_std(close, 8), 1, where(1 <="
        " volume / ts_mean(amount, 20), 1, -1)))",
        (
            _DOLLAR_VOLUME,
            _UNITS,
        ),
    ),
    (22, "-1 * (delta(ts_corr(high, volume, 5), 5) * rank(ts_std(close, 20)))", ()),
    (23, "where(ts_sum(high, 20) / 20 < high, -1 * delta(high, 2), 0)", ()),
    (
        24,
        "where(delta(ts_sum(close, 100) / 100, 100) / delay(close, 100) <= 0.05, -1 * (close -"
        " ts_min(close, 100)), -1 * delta(close, 3))",
        (),
    ),
    (25, "rank(-1 * returns * ts_mean(amount, 20) * vwap * (high - close))", (_DOLLAR_VOLUME,)),
    (26, "-1 * ts_max(ts_corr(ts_rank(volume, 5), ts_rank(high, 5), 5), 3)", ()),
    (27, "where(0.5 < rank(ts_sum(ts_corr(rank(volume), rank(vwap), 6), 2) / 2), -1, 1)", ()),
    (
        28,
        "scale(ts_corr(ts_mean(amount, 20), low, 5) + (high + low) / 2 - close)",
        (_DOLLAR_VOLUME,),
    ),
    (
        29,
        "ts_min(ts_product(rank(rank(scale(log(ts_sum(ts_min(rank(rank(-1 * rank(delta(close - 1,"
        " 5)))), 2), 1))))), 1), 5) + ts_rank(delay(-1 * returns, 6), 5)",
        (_SHORT_MIN,),
    ),
    (
        30,
        "(1 - rank(sign(close - delay(close, 1)) + sign(delay(close, 1) - delay(close, 2)) +"
        " sign(delay(close, 2) - delay(close, 3)))) * ts_sum(volume, 5) / ts_sum(volume, 20)",
        (),
    ),
    (
        31,
        "rank(rank(rank(ts_decay_linear(-1 * rank(rank(delta(close, 10))), 10)))) + rank(-1 *"
        " delta(close, 3)) + sign(scale(ts_corr(ts_mean(amount, 20), low, 12)))",
        (_DOLLAR_VOLUME,),
    ),
    (
        32,
        "scale(ts_sum(close, 7) / 7 - close) + 20 * scale(ts_corr(vwap, delay(close, 5), 230))",
        (),
    ),
    (33, "rank(-1 * (1 - open / close) ^ 1)", ()),
    (
        34,
        "rank(1 - rank(ts_std(returns, 2) / ts_std(returns, 5)) + (1 - rank(delta(close, 1))))",
        (),
    ),
    (
        35,
        "ts_rank(volume, 32) * (1 - ts_rank(close + high - low, 16)) * (1 - ts_rank(returns, 32))",
        (),
    ),
    (
        36,
        "2.21 * rank(ts_corr(close - open, delay(volume, 1), 15)) + 0.7 * rank(open - close) +"
        " 0.73 * rank(ts_rank(delay(-1 * returns, 6), 5)) + rank(abs(ts_corr(vwap, ts_mean(amount,"
        " 20), 6))) + 0.6 * rank((ts_sum(close, 200) / 200 - open) * (close - open))",
        (_DOLLAR_VOLUME,),
    ),
    (37, "rank(ts_corr(delay(open - close, 1), close, 200)) + rank(open - close)", ()),
    (38, "-1 * rank(ts_rank(close, 10)) * rank(close / open)", ()),
    (
        39,
        "-1 * rank(delta(close, 7) * (1 - rank(ts_decay_linear(volume / ts_mean(amount, 20), 9))))"
        " * (1 + rank(ts_sum(returns, 250)))",
        (
            _DOLLAR_VOLUME,
            _SHARES_OVER_DOLLARS,
        ),
    ),
    (40, "-1 * rank(ts_std(high, 10)) * ts_corr(high, volume, 10)", ()),
    (41, "(high * low) ^ 0.5 - vwap", ()),
    (42, "rank(vwap - close) / rank(vwap + close)", (_SAME_CLOSE,)),
    (
        43,
        "ts_rank(volume / ts_mean(amount, 20), 20) * ts_rank(-1 * delta(close, 7), 8)",
        (
            _DOLLAR_VOLUME,
            _SHARES_OVER_DOLLARS,
        ),
    ),
    (44, "-1 * ts_corr(high, rank(volume), 5)", ()),
    (
        45,
        "-1 * (rank(ts_sum(delay(close, 5), 20) / 20) * ts_corr(close, volume, 2) *"
        " rank(ts_corr(ts_sum(close, 5), ts_sum(close, 20), 2)))",
        (),
    ),
    (
        46,
        "where(0.25 < (delay(close, 20) - delay(close, 10)) / 10 - (delay(close, 10) - close) /"
        " 10, -1, where((delay(close, 20) - delay(close, 10)) / 10 - (delay(close, 10) - close) /"
        " 10 < 0, 1, -1 * (close - delay(close, 1))))",
        (),
    ),
    (
        47,
        "rank(1 / close) * volume / ts_mean(amount, 20) * (high * rank(high - close) /"
        " (ts_sum(high, 5) / 5)) - rank(vwap - delay(vwap, 5))",
        (
            _DOLLAR_VOLUME,
            _SHARES_OVER_DOLLARS,
        ),
    ),
    (
        48,
        "group_neutralize(ts_corr(delta(close, 1), delta(delay(close, 1), 1), 250) * delta(close,"
        " 1) / close, industry) / ts_sum((delta(close, 1) / delay(close, 1)) ^ 2, 250)",
        (
            _LEVELS,
            _SAME_CLOSE,
        ),
    ),
    (
        49,
        "where((delay(close, 20) - delay(close, 10)) / 10 - (delay(close, 10) - close) / 10 <"
        " -0.1, 1, -1 * (close - delay(close, 1)))",
        (),
    ),
    (50, "-1 * ts_max(rank(ts_corr(rank(volume), rank(vwap), 5)), 5)", ()),
    (
        51,
        "where((delay(close, 20) - delay(close, 10)) / 10 - (delay(close, 10) - close) / 10 <"
        " -0.05, 1, -1 * (close - delay(close, 1)))",
        (),
    ),
    (
        52,
        "(-1 * ts_min(low, 5) + delay(ts_min(low, 5), 5)) * rank((ts_sum(returns, 240) -"
        " ts_sum(returns, 20)) / 220) * ts_rank(volume, 5)",
        (),
    ),
    (53, "-1 * delta((close - low - (high - close)) / (close - low), 9)", (_SAME_CLOSE,)),
    (54, "-1 * ((low - close) * open ^ 5) / ((low - high) * close ^ 5)", (_SAME_CLOSE,)),
    (
        55,
        "-1 * ts_corr(rank((close - ts_min(low, 12)) / (ts_max(high, 12) - ts_min(low, 12))),"
        " rank(volume), 6)",
        (),
    ),
    (
        56,
        "-1 * (rank(ts_sum(returns, 10) / ts_sum(ts_sum(returns, 2), 3)) * rank(returns * cap))",
        (),
    ),
    (57, "-1 * ((close - vwap) / ts_decay_linear(rank(ts_argmax(close, 30) + 1), 2))", (_ARGMAX,)),
    (
        58,
        "-1 * ts_rank(ts_decay_linear(ts_corr(group_neutralize(vwap, industry), volume, 3), 7), 5)",
        (
            _FLOORED,
            _LEVELS,
        ),
    ),
    (
        59,
        "-1 * ts_rank(ts_decay_linear(ts_corr(group_neutralize(vwap * 0.728317 + vwap * (1 -"
        " 0.728317), industry), volume, 4), 16), 8)",
        (_FLOORED,),
    ),
    (
        60,
        "-1 * (2 * scale(rank((close - low - (high - close)) / (high - low) * volume)) -"
        " scale(rank(ts_argmax(close, 10) + 1)))",
        (_ARGMAX,),
    ),
    (
        61,
        "rank(vwap - ts_min(vwap, 16)) < rank(ts_corr(vwap, ts_mean(amount, 180), 17))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        62,
        "(rank(ts_corr(vwap, ts_sum(ts_mean(amount, 20), 22), 9)) < rank(rank(open) + rank(open) <"
        " rank((high + low) / 2) + rank(high))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        63,
        "(rank(ts_decay_linear(delta(group_neutralize(close, industry), 2), 8)) -"
        " rank(ts_decay_linear(ts_corr(vwap * 0.318108 + open * (1 - 0.318108),"
        " ts_sum(ts_mean(amount, 180), 37), 13), 12))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        64,
        "(rank(ts_corr(ts_sum(open * 0.178404 + low * (1 - 0.178404), 12), ts_sum(ts_mean(amount,"
        " 120), 12), 16)) < rank(delta((high + low) / 2 * 0.178404 + vwap * (1 - 0.178404), 3))) *"
        " -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        65,
        "(rank(ts_corr(open * 0.00817205 + vwap * (1 - 0.00817205), ts_sum(ts_mean(amount, 60),"
        " 8), 6)) < rank(open - ts_min(open, 13))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        66,
        "(rank(ts_decay_linear(delta(vwap, 3), 7)) + ts_rank(ts_decay_linear((low * 0.96633 + low"
        " * (1 - 0.96633) - vwap) / (open - (high + low) / 2), 11), 6)) * -1",
        (_FLOORED,),
    ),
    (
        67,
        "rank(high - ts_min(high, 2)) ^ rank(ts_corr(group_neutralize(vwap, industry),"
        " group_neutralize(ts_mean(amount, 20), industry), 6)) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _LEVELS,
        ),
    ),
    (
        68,
        "(ts_rank(ts_corr(rank(high), rank(ts_mean(amount, 15)), 8), 13) < rank(delta(close *"
        " 0.518371 + low * (1 - 0.518371), 1))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        69,
        "rank(ts_max(delta(group_neutralize(vwap, industry), 2), 4)) ^ ts_rank(ts_corr(close *"
        " 0.490655 + vwap * (1 - 0.490655), ts_mean(amount, 20), 4), 9) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        70,
        "rank(delta(vwap, 1)) ^ ts_rank(ts_corr(group_neutralize(close, industry), ts_mean(amount,"
        " 50), 17), 17) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        71,
        "maximum(ts_rank(ts_decay_linear(ts_corr(ts_rank(close, 3), ts_rank(ts_mean(amount, 180),"
        " 12), 18), 4), 15), ts_rank(ts_decay_linear(rank(low + open - (vwap + vwap)) ^ 2, 16),"
        " 4))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        72,
        "rank(ts_decay_linear(ts_corr((high + low) / 2, ts_mean(amount, 40), 8), 10)) /"
        " rank(ts_decay_linear(ts_corr(ts_rank(vwap, 3), ts_rank(volume, 18), 6), 2))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        73,
        "maximum(rank(ts_decay_linear(delta(vwap, 4), 2)), ts_rank(ts_decay_linear(delta(open *"
        " 0.147155 + low * (1 - 0.147155), 2) / (open * 0.147155 + low * (1 - 0.147155)) * -1, 3),"
        " 16)) * -1",
        (_FLOORED,),
    ),
    (
        74,
        "(rank(ts_corr(close, ts_sum(ts_mean(amount, 30), 37), 15)) < rank(ts_corr(rank(high *"
        " 0.0261661 + vwap * (1 - 0.0261661)), rank(volume), 11))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        75,
        "rank(ts_corr(vwap, volume, 4)) < rank(ts_corr(rank(low), rank(ts_mean(amount, 50)), 12))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        76,
        "maximum(rank(ts_decay_linear(delta(vwap, 1), 11)),"
        " ts_rank(ts_decay_linear(ts_rank(ts_corr(group_neutralize(low, industry), ts_mean(amount,"
        " 81), 8), 19), 17), 19)) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _LEVELS,
        ),
    ),
    (
        77,
        "minimum(rank(ts_decay_linear((high + low) / 2 + high - (vwap + high), 20)),"
        " rank(ts_decay_linear(ts_corr((high + low) / 2, ts_mean(amount, 40), 3), 5)))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        78,
        "rank(ts_corr(ts_sum(low * 0.352233 + vwap * (1 - 0.352233), 19), ts_sum(ts_mean(amount,"
        " 40), 19), 6)) ^ rank(ts_corr(rank(vwap), rank(volume), 5))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        79,
        "rank(delta(group_neutralize(close * 0.60733 + open * (1 - 0.60733), industry), 1)) <"
        " rank(ts_corr(ts_rank(vwap, 3), ts_rank(ts_mean(amount, 150), 9), 14))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _LEVELS,
        ),
    ),
    (
        80,
        "rank(sign(delta(group_neutralize(open * 0.868128 + high * (1 - 0.868128), industry), 4)))"
        " ^ ts_rank(ts_corr(high, ts_mean(amount, 10), 5), 5) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        81,
        "(rank(log(ts_product(rank(rank(ts_corr(vwap, ts_sum(ts_mean(amount, 10), 49), 8)) ^ 4),"
        " 14))) < rank(ts_corr(rank(vwap), rank(volume), 5))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        82,
        "minimum(rank(ts_decay_linear(delta(open, 1), 14)),"
        " ts_rank(ts_decay_linear(ts_corr(group_neutralize(volume, industry), open * 0.634196 +"
        " open * (1 - 0.634196), 17), 6), 13)) * -1",
        (
            _FLOORED,
            _LEVELS,
        ),
    ),
    (
        83,
        "rank(delay((high - low) / (ts_sum(close, 5) / 5), 2)) * rank(rank(volume)) / ((high -"
        " low) / (ts_sum(close, 5) / 5) / (vwap - close))",
        (),
    ),
    (
        84,
        "signed_power(ts_rank(vwap - ts_max(vwap, 15), 20), delta(close, 4))",
        (
            _FLOORED,
            _SIGNED_POWER,
        ),
    ),
    (
        85,
        "rank(ts_corr(high * 0.876703 + close * (1 - 0.876703), ts_mean(amount, 30), 9)) ^"
        " rank(ts_corr(ts_rank((high + low) / 2, 3), ts_rank(volume, 10), 7))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        86,
        "(ts_rank(ts_corr(close, ts_sum(ts_mean(amount, 20), 14), 6), 20) < rank(open + close -"
        " (vwap + open))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        87,
        "maximum(rank(ts_decay_linear(delta(close * 0.369701 + vwap * (1 - 0.369701), 1), 2)),"
        " ts_rank(ts_decay_linear(abs(ts_corr(group_neutralize(ts_mean(amount, 81), industry),"
        " close, 13)), 4), 14)) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        88,
        "minimum(rank(ts_decay_linear(rank(open) + rank(low) - (rank(high) + rank(close)), 8)),"
        " ts_rank(ts_decay_linear(ts_corr(ts_rank(close, 8), ts_rank(ts_mean(amount, 60), 20), 8),"
        " 6), 2))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        89,
        "ts_rank(ts_decay_linear(ts_corr(low * 0.967285 + low * (1 - 0.967285), ts_mean(amount,"
        " 10), 6), 5), 3) - ts_rank(ts_decay_linear(delta(group_neutralize(vwap, industry), 3),"
        " 10), 15)",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        90,
        "rank(close - ts_max(close, 4)) ^ ts_rank(ts_corr(group_neutralize(ts_mean(amount, 40),"
        " industry), low, 5), 3) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _LEVELS,
        ),
    ),
    (
        91,
        "(ts_rank(ts_decay_linear(ts_decay_linear(ts_corr(group_neutralize(close, industry),"
        " volume, 9), 16), 3), 4) - rank(ts_decay_linear(ts_corr(vwap, ts_mean(amount, 30), 4),"
        " 2))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        92,
        "minimum(ts_rank(ts_decay_linear((high + low) / 2 + close < low + open, 14), 18),"
        " ts_rank(ts_decay_linear(ts_corr(rank(low), rank(ts_mean(amount, 30)), 7), 6), 6))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        93,
        "ts_rank(ts_decay_linear(ts_corr(group_neutralize(vwap, industry), ts_mean(amount, 81),"
        " 17), 19), 7) / rank(ts_decay_linear(delta(close * 0.524434 + vwap * (1 - 0.524434), 2),"
        " 16))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        94,
        "rank(vwap - ts_min(vwap, 11)) ^ ts_rank(ts_corr(ts_rank(vwap, 19),"
        " ts_rank(ts_mean(amount, 60), 4), 18), 2) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        95,
        "rank(open - ts_min(open, 12)) < ts_rank(rank(ts_corr(ts_sum((high + low) / 2, 19),"
        " ts_sum(ts_mean(amount, 40), 19), 12)) ^ 5, 11)",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        96,
        "maximum(ts_rank(ts_decay_linear(ts_corr(rank(vwap), rank(volume), 3), 4), 8),"
        " ts_rank(ts_decay_linear(ts_argmax(ts_corr(ts_rank(close, 7), ts_rank(ts_mean(amount,"
        " 60), 4), 3), 12) + 1, 14), 13)) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _ARGMAX,
            _SELDOM,
        ),
    ),
    (
        97,
        "(rank(ts_decay_linear(delta(group_neutralize(low * 0.721001 + vwap * (1 - 0.721001),"
        " industry), 3), 20)) - ts_rank(ts_decay_linear(ts_rank(ts_corr(ts_rank(low, 7),"
        " ts_rank(ts_mean(amount, 60), 17), 4), 18), 15), 6)) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _SELDOM,
        ),
    ),
    (
        98,
        "rank(ts_decay_linear(ts_corr(vwap, ts_sum(ts_mean(amount, 5), 26), 4), 7)) -"
        " rank(ts_decay_linear(ts_rank(ts_argmin(ts_corr(rank(open), rank(ts_mean(amount, 15)),"
        " 20), 8) + 1, 6), 8))",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
            _ARGMAX,
        ),
    ),
    (
        99,
        "(rank(ts_corr(ts_sum((high + low) / 2, 19), ts_sum(ts_mean(amount, 60), 19), 8)) <"
        " rank(ts_corr(low, volume, 6))) * -1",
        (
            _FLOORED,
            _DOLLAR_VOLUME,
        ),
    ),
    (
        100,
        "-1 * ((1.5 * scale(group_neutralize(group_neutralize(rank((close - low - (high - close))"
        " / (high - low) * volume), industry), industry)) - scale(group_neutralize(ts_corr(close,"
        " rank(ts_mean(amount, 20)), 5) - rank(ts_argmin(close, 30) + 1), industry))) * (volume /"
        " ts_mean(amount, 20)))",
        (
            _DOLLAR_VOLUME,
            _SHARES_OVER_DOLLARS,
            _LEVELS,
            _ARGMAX,
        ),
    ),
    (101, "(close - open) / (high - low + 0.001)", ()),
)

FACTORS: tuple[Factor, ...] = tuple(
    Factor(
        f"alpha101_{number:03d}",
        "alpha101",
        text,
        _SOURCE.format(number=number),
        " ".join(deviations),
    )
    for number, text, deviations in _ALPHAS
)
"""``alpha101_001`` .. ``alpha101_101``."""
