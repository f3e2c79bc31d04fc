"""The classic factors: price, risk, liquidity and indicator formulas with their sources.

A table of data. The texts share the spellings below, so that one true range, one market
return and one directional movement are written once; every entry is plain factor text.
The market is the equal-weighted mean return of the names known at the session.
"""

from __future__ import annotations

from quant_core.factors.factor import Factor

_MARKET = "cs_mean(returns)"
_TYPICAL = "(high + low + close) / 3"
_TRUE_RANGE = "maximum(high, delay(close, 1)) - minimum(low, delay(close, 1))"
_ATR_14 = f"ts_wilder({_TRUE_RANGE}, 14)"
_CLOSE_LOCATION = "((close - low) - (high - close)) / (high - low)"
_GAIN = "maximum(delta(close, 1), 0)"
_LOSS = "maximum(-delta(close, 1), 0)"
_RSI_14 = f"100 * ts_wilder({_GAIN}, 14) / ts_wilder(abs(delta(close, 1)), 14)"
_UP_MOVE = "delta(high, 1)"
_DOWN_MOVE = "(delay(low, 1) - low)"
_PLUS_MOVEMENT = f"where({_UP_MOVE} > {_DOWN_MOVE} & {_UP_MOVE} > 0, {_UP_MOVE}, 0)"
_MINUS_MOVEMENT = f"where({_DOWN_MOVE} > {_UP_MOVE} & {_DOWN_MOVE} > 0, {_DOWN_MOVE}, 0)"
_PLUS_14 = f"ts_wilder({_PLUS_MOVEMENT}, 14)"
_MINUS_14 = f"ts_wilder({_MINUS_MOVEMENT}, 14)"
_MACD = "(ts_ema(close, 12) - ts_ema(close, 26))"
_STOCHASTIC_14 = "100 * (close - ts_min(low, 14)) / (ts_max(high, 14) - ts_min(low, 14))"
_TRIPLE_EMA_15 = "ts_ema(ts_ema(ts_ema(close, 15), 15), 15)"
_BUYING_PRESSURE = "close - minimum(low, delay(close, 1))"
_OVERNIGHT = "log(open / delay(close, 1))"
_INTRADAY = "log(close / open)"
_ROGERS_SATCHELL = "log(high / close) * log(high / open) + log(low / close) * log(low / open)"
_RSRS_SLOPE = "ts_beta(high, low, 18)"
_RSRS_ZSCORE = f"ts_zscore({_RSRS_SLOPE}, 600)"
_RSRS_R2 = "ts_corr(high, low, 18) ^ 2"
_FORMATION = "delay(close, 21) / delay(close, 252) - 1"
_RESIDUAL = f"delay(ts_regression_residual(returns, {_MARKET}, 252), 21)"
_CORWIN_SCHULTZ = (
    "2.414213562373095 * (sqrt(log(high / low) ^ 2 + delay(log(high / low), 1) ^ 2)"
    " - log(ts_max(high, 2) / ts_min(low, 2)))"
)
_DOWN_RETURN = f"ts_sum(where({_MARKET} < 0, returns, 0), 252)"
_DOWN_MARKET = f"ts_sum(where({_MARKET} < 0, {_MARKET}, 0), 252)"
_DOWN_SESSIONS = f"ts_count({_MARKET} < 0, 252)"

_JEGADEESH_TITMAN = (
    "Jegadeesh & Titman (1993), Returns to buying winners and selling losers, J. Finance 48"
)
_JEGADEESH = "Jegadeesh (1990), Evidence of predictable behavior of security returns, J. Finance 45"
_LEHMANN = "Lehmann (1990), Fads, martingales, and market efficiency, Q. J. Economics 105"
_MURPHY = "Murphy (1999), Technical Analysis of the Financial Markets"
_BLITZ_VAN_VLIET = "Blitz & van Vliet (2007), The volatility effect, J. Portfolio Management 34"
_SORTINO = "Sortino & van der Meer (1991), Downside risk, J. Portfolio Management 17"
_BROCK = "Brock, Lakonishok & LeBaron (1992), Simple technical trading rules, J. Finance 47"
_CLENOW = "Clenow (2015), Stocks on the Move"
_SHARPE_1964 = "Sharpe (1964), Capital asset prices, J. Finance 19"
_ANG = "Ang, Hodrick, Xing & Zhang (2006), The cross-section of volatility, J. Finance 61"
_AMAYA = "Amaya, Christoffersen, Jacobs & Vasquez (2015), Does realized skewness predict, J. Fin. Econ. 118"
_BALI_MAX = "Bali, Cakici & Whitelaw (2011), Maxing out, J. Financial Economics 99"
_MAGDON = "Magdon-Ismail & Atiya (2004), Maximum drawdown, Risk 17"
_AMIHUD = "Amihud (2002), Illiquidity and stock returns, J. Financial Markets 5"
_DATAR = "Datar, Naik & Radcliffe (1998), Liquidity and stock returns, J. Financial Markets 1"
_CHORDIA = "Chordia, Subrahmanyam & Anshuman (2001), Trading activity, J. Financial Economics 59"
_BRENNAN = "Brennan, Chordia & Subrahmanyam (1998), Alternative factors, J. Fin. Economics 49"
_HAUGEN_BAKER = "Haugen & Baker (1996), Commonality in the determinants, J. Financial Economics 41"
_KARPOFF = "Karpoff (1987), The relation between price changes and trading volume, JFQA 22"
_LOU = "Lou, Polk & Skouras (2019), A tug of war, J. Financial Economics 134"
_ACHELIS = "Achelis (2001), Technical Analysis from A to Z"
_WILDER = "Wilder (1978), New Concepts in Technical Trading Systems"
_CHANDE_KROLL = "Chande & Kroll (1994), The New Technical Trader"
_CHANDE_AROON = "Chande (1995), A time price oscillator, Stocks & Commodities 13"
_APPEL = "Appel (2005), Technical Analysis: Power Tools for Active Investors"
_BOLLINGER = "Bollinger (2001), Bollinger on Bollinger Bands"
_BOTES = "Botes & Siepman (2010), The vortex indicator, Stocks & Commodities 28"
_LANE = "Lane (1984), Lane's stochastics, Stocks & Commodities 2"
_EVERBRIGHT = (
    "Everbright Securities (2017), Market timing by resistance-support relative strength (RSRS),"
    " technical indicator series 1"
)

_SIMPLE_FOR_MONTHLY = "Sessions stand for the paper's calendar months (21 a month, 252 a year)."
_OWN_MARKET = "The market is the equal-weighted mean of the names in the dataset."
_EXPONENTIAL_SEED = (
    "Exponential averages weigh the known sessions from the n-th on; a source that starts them"
    " with a plain mean differs until that start has faded."
)
_PRICE_UNITS = "In units of price, as in the source; not comparable between names."
_AVERAGE_TIES = "Of equal extremes the oldest counts."

_MOMENTUM = (
    ("momentum_5", "close / delay(close, 5) - 1", _MURPHY, ""),
    ("momentum_10", "close / delay(close, 10) - 1", _MURPHY, ""),
    ("momentum_20", "close / delay(close, 20) - 1", _JEGADEESH, _SIMPLE_FOR_MONTHLY),
    ("momentum_60", "close / delay(close, 60) - 1", _JEGADEESH_TITMAN, _SIMPLE_FOR_MONTHLY),
    ("momentum_120", "close / delay(close, 120) - 1", _JEGADEESH_TITMAN, _SIMPLE_FOR_MONTHLY),
    ("momentum_250", "close / delay(close, 250) - 1", _JEGADEESH_TITMAN, _SIMPLE_FOR_MONTHLY),
    (
        "momentum_6_1",
        "delay(close, 21) / delay(close, 126) - 1",
        _JEGADEESH_TITMAN,
        _SIMPLE_FOR_MONTHLY,
    ),
    ("momentum_12_1", _FORMATION, _JEGADEESH_TITMAN, _SIMPLE_FOR_MONTHLY),
    (
        "momentum_12_7",
        "delay(close, 126) / delay(close, 252) - 1",
        "Novy-Marx (2012), Is momentum really momentum?, J. Financial Economics 103",
        _SIMPLE_FOR_MONTHLY,
    ),
    (
        "momentum_acceleration_120",
        "close / delay(close, 120) - delay(close, 120) / delay(close, 240)",
        "Gettleman & Marks (2006), Acceleration strategies",
        _SIMPLE_FOR_MONTHLY,
    ),
    (
        "volatility_scaled_momentum_12_1",
        f"({_FORMATION}) / ts_std(returns, 126)",
        "Barroso & Santa-Clara (2015), Momentum has its moments, J. Financial Economics 116",
        "Each name is scaled by its own volatility, not the portfolio by its own.",
    ),
    (
        "residual_momentum_12_1",
        f"ts_sum({_RESIDUAL}, 231) / ts_std({_RESIDUAL}, 231)",
        "Blitz, Huij & Martens (2011), Residual momentum, J. Empirical Finance 18",
        "Daily residuals of a rolling one-factor regression, not monthly ones of three factors. "
        + _OWN_MARKET,
    ),
    (
        "information_discreteness_12_1",
        f"sign({_FORMATION}) * delay(ts_mean((returns < 0) - (returns > 0), 231), 21)",
        "Da, Gurun & Warachka (2014), Frog in the pan, Review of Financial Studies 27",
        _SIMPLE_FOR_MONTHLY,
    ),
    (
        "industry_momentum_120",
        "group_mean(close / delay(close, 120) - 1, industry)",
        "Moskowitz & Grinblatt (1999), Do industries explain momentum?, J. Finance 54",
        "Equal-weighted industries. " + _SIMPLE_FOR_MONTHLY,
    ),
    ("reversal_5", "-1 * (close / delay(close, 5) - 1)", _LEHMANN, ""),
    ("reversal_20", "-1 * (close / delay(close, 20) - 1)", _JEGADEESH, _SIMPLE_FOR_MONTHLY),
    (
        "industry_relative_reversal_20",
        "-1 * group_neutralize(close / delay(close, 20) - 1, industry)",
        "Da, Liu & Schaumburg (2014), A closer look at the short-term return reversal,"
        " Management Science 60",
        "Returns as they are, without the paper's correction for news on cash flows.",
    ),
    (
        "long_term_reversal_36_12",
        "-1 * (delay(close, 252) / delay(close, 756) - 1)",
        "De Bondt & Thaler (1985), Does the stock market overreact?, J. Finance 40",
        "Return of months 36 to 12, skipping the year of momentum. " + _SIMPLE_FOR_MONTHLY,
    ),
    (
        "seasonality_12",
        "delay(close, 231) / delay(close, 252) - 1",
        "Heston & Sadka (2008), Seasonality in the cross-section of stock returns,"
        " J. Financial Economics 87",
        "The month one year back counted in sessions; one year only.",
    ),
    (
        "high_52_week_nearness",
        "close / ts_max(high, 252)",
        "George & Hwang (2004), The 52-week high and momentum investing, J. Finance 59",
        "The high of the session, not the closing price, marks the 52-week high.",
    ),
    (
        "low_52_week_distance",
        "close / ts_min(low, 252) - 1",
        "George & Hwang (2004), The 52-week high and momentum investing, J. Finance 59",
        "The counterpart of the 52-week high; the paper itself studies the high.",
    ),
    (
        "sessions_since_high_252",
        "251 - ts_argmax(high, 252)",
        "Bhootra & Hur (2013), The timing of 52-week high price and momentum,"
        " J. Banking & Finance 37",
        "Counted in sessions, not scaled by the year. " + _AVERAGE_TIES,
    ),
    (
        "sessions_since_low_252",
        "251 - ts_argmin(low, 252)",
        "Bhootra & Hur (2013), The timing of 52-week high price and momentum,"
        " J. Banking & Finance 37",
        "The counterpart of the high; the paper itself studies the high. " + _AVERAGE_TIES,
    ),
)

_TREND = (
    ("moving_average_ratio_20", "close / ts_mean(close, 20) - 1", _BROCK, ""),
    ("moving_average_ratio_200", "close / ts_mean(close, 200) - 1", _BROCK, ""),
    (
        "moving_average_distance_21_200",
        "ts_mean(close, 21) / ts_mean(close, 200)",
        "Avramov, Kaplanski & Subrahmanyam (2021), Moving average distance as a predictor of"
        " equity returns, Review of Financial Economics 39",
        "",
    ),
    ("trend_slope_60", "ts_slope(log(close), 60)", _CLENOW, "Per session, not annualised."),
    ("trend_certainty_20", "ts_rsquare(log(close), 20)", _CLENOW, ""),
    ("trend_certainty_60", "ts_rsquare(log(close), 60)", _CLENOW, ""),
    (
        "trend_strength_90",
        "(exp(250 * ts_slope(log(close), 90)) - 1) * ts_rsquare(log(close), 90)",
        _CLENOW,
        "",
    ),
    ("trend_residual_60", "ts_resid(log(close), 60)", _CLENOW, ""),
    (
        "donchian_breakout_50",
        "close / delay(ts_max(high, 50), 1) - 1",
        "Donchian (1960), High finance in copper, Financial Analysts Journal 16",
        "Distance from the channel instead of a signal.",
    ),
    ("rsrs_slope_18", _RSRS_SLOPE, _EVERBRIGHT, ""),
    ("rsrs_zscore_18_600", _RSRS_ZSCORE, _EVERBRIGHT, "ddof 1."),
    ("rsrs_r2_weighted_18_600", f"{_RSRS_ZSCORE} * {_RSRS_R2}", _EVERBRIGHT, "ddof 1."),
    (
        "rsrs_right_skewed_18_600",
        f"{_RSRS_ZSCORE} * {_RSRS_R2} * {_RSRS_SLOPE}",
        _EVERBRIGHT,
        "ddof 1.",
    ),
)

_VOLATILITY = (
    ("volatility_20", "ts_std(returns, 20)", _BLITZ_VAN_VLIET, "Daily returns, per session."),
    ("volatility_60", "ts_std(returns, 60)", _BLITZ_VAN_VLIET, "Daily returns, per session."),
    ("volatility_120", "ts_std(returns, 120)", _BLITZ_VAN_VLIET, "Daily returns, per session."),
    ("volatility_252", "ts_std(returns, 252)", _BLITZ_VAN_VLIET, "Daily returns, per session."),
    ("downside_volatility_20", "sqrt(ts_mean(minimum(returns, 0) ^ 2, 20))", _SORTINO, ""),
    ("downside_volatility_60", "sqrt(ts_mean(minimum(returns, 0) ^ 2, 60))", _SORTINO, ""),
    ("upside_volatility_60", "sqrt(ts_mean(maximum(returns, 0) ^ 2, 60))", _SORTINO, ""),
    (
        "relative_signed_jump_20",
        "ts_sum(sign(returns) * returns ^ 2, 20) / ts_sum(returns ^ 2, 20)",
        "Bollerslev, Li & Zhao (2020), Good volatility, bad volatility, JFQA 55",
        "Daily instead of intraday returns.",
    ),
    (
        "parkinson_volatility_20",
        "sqrt(ts_mean(log(high / low) ^ 2, 20) / 2.772588722239781)",
        "Parkinson (1980), The extreme value method, J. Business 53",
        "2.7726 = 4 log 2.",
    ),
    (
        "garman_klass_volatility_20",
        "sqrt(ts_mean(0.5 * log(high / low) ^ 2 - 0.3862943611198906 * log(close / open) ^ 2, 20))",
        "Garman & Klass (1980), On the estimation of security price volatilities, J. Business 53",
        "0.3863 = 2 log 2 - 1; the paper's practical form, without its small cross terms.",
    ),
    (
        "rogers_satchell_volatility_20",
        f"sqrt(ts_mean({_ROGERS_SATCHELL}, 20))",
        "Rogers & Satchell (1991), Estimating variance from high, low and closing prices,"
        " Annals of Applied Probability 1",
        "",
    ),
    (
        "yang_zhang_volatility_20",
        f"sqrt(ts_var({_OVERNIGHT}, 20) + 0.13904433921653034 * ts_var({_INTRADAY}, 20)"
        f" + (1 - 0.13904433921653034) * ts_mean({_ROGERS_SATCHELL}, 20))",
        "Yang & Zhang (2000), Drift independent volatility estimation, J. Business 73",
        "0.1390 = 0.34 / (1.34 + 21 / 19).",
    ),
    ("true_range", _TRUE_RANGE, _WILDER, _PRICE_UNITS),
    ("atr_14", _ATR_14, _WILDER, _PRICE_UNITS),
    ("natr_14", f"100 * {_ATR_14} / close", _WILDER, "Divided by the close, to compare names."),
    (
        "log_range_20",
        "ts_mean(log(high / low), 20)",
        "Alizadeh, Brandt & Diebold (2002), Range-based estimation of stochastic volatility,"
        " J. Finance 57",
        "",
    ),
    (
        "volatility_of_volatility_60",
        "ts_std(ts_std(returns, 20), 60) / ts_mean(ts_std(returns, 20), 60)",
        "Baltussen, van Bekkum & van der Grient (2018), Unknown unknowns, JFQA 53",
        "Realised volatility of 20 sessions in place of implied volatility.",
    ),
    (
        "ulcer_index_14",
        "sqrt(ts_mean((100 * (close / ts_max(close, 14) - 1)) ^ 2, 14))",
        "Martin & McCann (1989), The Investor's Guide to Fidelity Funds",
        "The peak of each session is that of its own last 14 sessions.",
    ),
    (
        "choppiness_14",
        f"100 * log(ts_sum({_TRUE_RANGE}, 14) / (ts_max(high, 14) - ts_min(low, 14)))"
        " / 2.6390573296152584",
        "Dreiss, Choppiness Index",
        "2.6391 = log 14, in place of common logarithms.",
    ),
    (
        "mass_index_25",
        "ts_sum(ts_ema(high - low, 9) / ts_ema(ts_ema(high - low, 9), 9), 25)",
        "Dorsey (1992), The mass index, Stocks & Commodities 10",
        _EXPONENTIAL_SEED,
    ),
)

_MARKET_RISK = (
    ("market_beta_60", f"ts_beta(returns, {_MARKET}, 60)", _SHARPE_1964, _OWN_MARKET),
    ("market_beta_252", f"ts_beta(returns, {_MARKET}, 252)", _SHARPE_1964, _OWN_MARKET),
    (
        "market_correlation_252",
        f"ts_corr(returns, {_MARKET}, 252)",
        "Asness, Frazzini, Gormsen & Pedersen (2020), Betting against correlation,"
        " J. Financial Economics 135",
        "Daily returns of one year. " + _OWN_MARKET,
    ),
    (
        "downside_beta_252",
        f"(ts_sum(where({_MARKET} < 0, returns * {_MARKET}, 0), 252)"
        f" - {_DOWN_RETURN} * {_DOWN_MARKET} / {_DOWN_SESSIONS})"
        f" / (ts_sum(where({_MARKET} < 0, {_MARKET} ^ 2, 0), 252)"
        f" - {_DOWN_MARKET} ^ 2 / {_DOWN_SESSIONS})",
        "Ang, Chen & Xing (2006), Downside risk, Review of Financial Studies 19",
        "Down sessions are those with a market return below zero, not below its mean. "
        + _OWN_MARKET,
    ),
    (
        "residual_volatility_60",
        f"ts_residual_std(returns, {_MARKET}, 60)",
        _ANG,
        "One-factor residuals. " + _OWN_MARKET,
    ),
    (
        "residual_volatility_252",
        f"ts_residual_std(returns, {_MARKET}, 252)",
        _ANG,
        "One-factor residuals. " + _OWN_MARKET,
    ),
    (
        "idiosyncratic_volatility_21",
        f"ts_residual_std(returns, {_MARKET}, 21)",
        _ANG,
        "Residuals of the market alone, not of the three Fama-French factors. " + _OWN_MARKET,
    ),
    (
        "coskewness_252",
        f"(ts_cov(returns, {_MARKET} ^ 2, 252)"
        f" - ts_beta(returns, {_MARKET}, 252) * ts_cov({_MARKET}, {_MARKET} ^ 2, 252))"
        f" / (0.9980139007206994 * ts_var({_MARKET}, 252) * sqrt(ts_var(returns, 252)"
        f" - ts_beta(returns, {_MARKET}, 252) * ts_cov(returns, {_MARKET}, 252)))",
        "Harvey & Siddique (2000), Conditional skewness in asset pricing tests, J. Finance 55",
        "Daily returns of one year; 0.9980 = sqrt(251 / 252) turns ddof 1 into the paper's"
        " expectations. " + _OWN_MARKET,
    ),
)

_DISTRIBUTION = (
    ("skewness_20", "ts_skew(returns, 20)", _AMAYA, "Daily instead of intraday returns."),
    ("skewness_60", "ts_skew(returns, 60)", _AMAYA, "Daily instead of intraday returns."),
    ("skewness_252", "ts_skew(returns, 252)", _AMAYA, "Daily instead of intraday returns."),
    ("kurtosis_60", "ts_kurt(returns, 60)", _AMAYA, "Daily returns; excess kurtosis."),
    ("kurtosis_252", "ts_kurt(returns, 252)", _AMAYA, "Daily returns; excess kurtosis."),
    ("lottery_max_21", "ts_max(returns, 21)", _BALI_MAX, "21 sessions for a calendar month."),
    ("lottery_min_21", "-1 * ts_min(returns, 21)", _BALI_MAX, "21 sessions for a calendar month."),
    (
        "value_at_risk_95_252",
        "ts_mean(returns, 252) - 1.6448536269514722 * ts_std(returns, 252)",
        "Jorion (2006), Value at Risk, normal distribution",
        "A return, negative for a loss.",
    ),
    (
        "historical_value_at_risk_95_252",
        "ts_quantile(returns, 252, 0.05)",
        "Atilgan, Bali, Demirtas & Gunaydin (2020), Left-tail momentum, J. Financial Economics 135",
        "A return, negative for a loss; linear between order statistics.",
    ),
    ("maximum_drawdown_60", "ts_max_drawdown(close, 60)", _MAGDON, "Zero or negative."),
    ("maximum_drawdown_252", "ts_max_drawdown(close, 252)", _MAGDON, "Zero or negative."),
    ("drawdown_252", "close / ts_max(close, 252) - 1", _MAGDON, "From the peak to now."),
    (
        "sharpe_ratio_252",
        "ts_mean(returns, 252) / ts_std(returns, 252)",
        "Sharpe (1994), The Sharpe ratio, J. Portfolio Management 21",
        "No risk-free rate; per session, not annualised.",
    ),
    (
        "sortino_ratio_60",
        "ts_mean(returns, 60) / sqrt(ts_mean(minimum(returns, 0) ^ 2, 60))",
        _SORTINO,
        "Target return zero; per session, not annualised.",
    ),
    (
        "omega_ratio_60",
        "ts_sum(maximum(returns, 0), 60) / ts_sum(maximum(-returns, 0), 60)",
        "Keating & Shadwick (2002), A universal performance measure",
        "Threshold zero.",
    ),
    ("positive_share_60", "ts_mean(returns > 0, 60)", _MURPHY, ""),
)

_LIQUIDITY = (
    (
        "autocorrelation_60",
        "ts_corr(returns, delay(returns, 1), 60)",
        "Lo & MacKinlay (1990), When are contrarian profits due to stock market overreaction?,"
        " Review of Financial Studies 3",
        "",
    ),
    (
        "variance_ratio_5_60",
        "ts_var(log(close / delay(close, 5)), 60) / (5 * ts_var(log(close / delay(close, 1)), 60))",
        "Lo & MacKinlay (1988), Stock market prices do not follow random walks,"
        " Review of Financial Studies 1",
        "Overlapping 5-session returns, both variances about their own mean with ddof 1.",
    ),
    (
        "roll_spread_60",
        "2 * sqrt(maximum(-ts_cov(returns, delay(returns, 1), 60), 0))",
        "Roll (1984), A simple implicit measure of the effective bid-ask spread, J. Finance 39",
        "Zero where the covariance is positive.",
    ),
    (
        "corwin_schultz_spread_20",
        f"ts_mean(maximum(2 * (exp({_CORWIN_SCHULTZ}) - 1) / (exp({_CORWIN_SCHULTZ}) + 1), 0), 20)",
        "Corwin & Schultz (2012), A simple way to estimate bid-ask spreads, J. Finance 67",
        "Eq. 18 with 1 / (sqrt(2) - 1) = 2.4142 factored out; negative estimates are zero; no"
        " correction for overnight moves.",
    ),
    (
        "zero_return_share_60",
        "ts_mean(returns == 0, 60)",
        "Lesmond, Ogden & Trzcinka (1999), A new estimate of transaction costs,"
        " Review of Financial Studies 12",
        "",
    ),
    ("amihud_illiquidity_20", "1e6 * ts_mean(abs(returns) / amount, 20)", _AMIHUD, ""),
    ("amihud_illiquidity_252", "1e6 * ts_mean(abs(returns) / amount, 252)", _AMIHUD, ""),
    (
        "amivest_liquidity_20",
        "ts_sum(amount, 20) / ts_sum(abs(returns), 20)",
        "Cooper, Groth & Avera (1985), Liquidity, exchange listing, and common stock"
        " performance, J. Economics and Business 37",
        "",
    ),
    ("turnover_20", "ts_mean(amount / cap, 20)", _DATAR, "Value traded over capitalisation."),
    ("turnover_252", "ts_mean(amount / cap, 252)", _DATAR, "Value traded over capitalisation."),
    (
        "abnormal_turnover_20_252",
        "ts_mean(amount / cap, 20) / ts_mean(amount / cap, 252)",
        _DATAR,
        "The recent month relative to the year.",
    ),
    (
        "turnover_variation_60",
        "ts_std(amount / cap, 60) / ts_mean(amount / cap, 60)",
        _CHORDIA,
        "Daily turnover of 60 sessions in place of monthly turnover of 36 months.",
    ),
    ("log_amount_20", "log(ts_mean(amount, 20))", _BRENNAN, "20 sessions for a month."),
    (
        "amount_ratio_5_60",
        "ts_mean(amount, 5) / ts_mean(amount, 60)",
        _BRENNAN,
        "A ratio of means.",
    ),
    (
        "amount_variation_60",
        "ts_std(amount, 60) / ts_mean(amount, 60)",
        _CHORDIA,
        "Daily amounts of 60 sessions in place of monthly ones of 36 months.",
    ),
    (
        "volume_rank_50",
        "ts_rank(volume, 50)",
        "Gervais, Kaniel & Mingelgrin (2001), The high-volume return premium, J. Finance 56",
        "",
    ),
    ("volume_ratio_5_60", "ts_mean(volume, 5) / ts_mean(volume, 60)", _MURPHY, ""),
    (
        "volume_trend_60",
        "ts_slope(volume, 60) / ts_mean(volume, 60)",
        _HAUGEN_BAKER,
        "60 sessions in place of 60 months.",
    ),
    ("volume_variation_20", "ts_std(volume, 20) / ts_mean(volume, 20)", _CHORDIA, ""),
    ("price_volume_correlation_20", "ts_corr(close, volume, 20)", _KARPOFF, ""),
    (
        "return_volume_correlation_20",
        "ts_corr(returns, volume / delay(volume, 1) - 1, 20)",
        _KARPOFF,
        "",
    ),
    (
        "on_balance_volume_change_20",
        "ts_sum(sign(delta(close, 1)) * volume, 20) / ts_sum(volume, 20)",
        "Granville (1963), Granville's New Key to Stock Market Profits",
        "The change of the running total in 20 sessions over the volume of those sessions.",
    ),
    (
        "price_volume_trend_20",
        "ts_sum(returns * volume, 20) / ts_sum(volume, 20)",
        _ACHELIS,
        "The change of the running total in 20 sessions over the volume of those sessions.",
    ),
    (
        "up_volume_share_50",
        "ts_sum(where(returns > 0, volume, 0), 50) / ts_sum(volume, 50)",
        "O'Neil (1988), How to Make Money in Stocks",
        "A share instead of the ratio of up to down volume.",
    ),
    (
        "chaikin_money_flow_20",
        f"ts_sum(where(high > low, {_CLOSE_LOCATION} * volume, 0), 20) / ts_sum(volume, 20)",
        _ACHELIS,
        "A session without range adds no flow.",
    ),
    (
        "money_flow_index_14",
        f"100 * ts_sum(where({_TYPICAL} > delay({_TYPICAL}, 1), {_TYPICAL} * volume, 0), 14)"
        f" / ts_sum(where({_TYPICAL} == delay({_TYPICAL}, 1), 0, {_TYPICAL} * volume), 14)",
        "Quong & Soudack (1989), Volume-weighted RSI: money flow, Stocks & Commodities 7",
        "",
    ),
    (
        "force_index_13",
        "ts_ema(delta(close, 1) * volume, 13)",
        "Elder (1993), Trading for a Living",
        "In units of price times volume, as in the source. " + _EXPONENTIAL_SEED,
    ),
    (
        "ease_of_movement_14",
        "ts_mean(delta((high + low) / 2, 1) * (high - low) / volume, 14)",
        "Arms, in " + _ACHELIS,
        "No scaling of the volume.",
    ),
    (
        "vwap_distance",
        "close / vwap - 1",
        "Berkowitz, Logue & Noser (1988), The total cost of transactions, J. Finance 43",
        "",
    ),
    (
        "vwap_distance_20",
        "close * ts_sum(volume, 20) / ts_sum(vwap * volume, 20) - 1",
        "Berkowitz, Logue & Noser (1988), The total cost of transactions, J. Finance 43",
        "The volume-weighted price of 20 sessions.",
    ),
    (
        "log_capitalisation",
        "log(cap)",
        "Banz (1981), The relationship between return and market value, J. Fin. Economics 9",
        "",
    ),
    (
        "log_price",
        "log(close)",
        "Blume & Husic (1973), Price, beta, and exchange listing, J. Finance 28",
        "Adjusted prices, where the dataset is adjusted.",
    ),
)

_SESSION = (
    ("overnight_return", "open / delay(close, 1) - 1", _LOU, ""),
    ("intraday_return", "close / open - 1", _LOU, ""),
    ("overnight_return_20", f"ts_sum({_OVERNIGHT}, 20)", _LOU, "Sum of logarithmic returns."),
    ("intraday_return_20", f"ts_sum({_INTRADAY}, 20)", _LOU, "Sum of logarithmic returns."),
    (
        "overnight_minus_intraday_20",
        f"ts_sum({_OVERNIGHT}, 20) - ts_sum({_INTRADAY}, 20)",
        _LOU,
        "Sum of logarithmic returns.",
    ),
    (
        "price_gap",
        "(maximum(low - delay(high, 1), 0) - maximum(delay(low, 1) - high, 0)) / delay(close, 1)",
        "Edwards & Magee (1948), Technical Analysis of Stock Trends",
        "Signed and relative to the last close; zero without a gap.",
    ),
    (
        "close_location_value",
        _CLOSE_LOCATION,
        "Chaikin, in " + _ACHELIS,
        "NaN on a session without range.",
    ),
    (
        "internal_bar_strength",
        "(close - low) / (high - low)",
        "Pagonidis (2014), The IBS effect: mean reversion in equity ETFs",
        "NaN on a session without range.",
    ),
    (
        "balance_of_power",
        "(close - open) / (high - low)",
        "Livshin (2001), Balance of power, Stocks & Commodities 19",
        "NaN on a session without range.",
    ),
)

_OSCILLATOR = (
    ("rsi_14", _RSI_14, _WILDER, "NaN after 14 sessions without any change. " + _EXPONENTIAL_SEED),
    (
        "stochastic_rsi_14",
        f"100 * ({_RSI_14} - ts_min({_RSI_14}, 14))"
        f" / (ts_max({_RSI_14}, 14) - ts_min({_RSI_14}, 14))",
        _CHANDE_KROLL,
        "Times 100. " + _EXPONENTIAL_SEED,
    ),
    (
        "cmo_14",
        "100 * ts_sum(delta(close, 1), 14) / ts_sum(abs(delta(close, 1)), 14)",
        _CHANDE_KROLL,
        "Plain sums, as in the book; some libraries smooth as Wilder does.",
    ),
    ("stochastic_k_14", _STOCHASTIC_14, _LANE, ""),
    ("stochastic_d_14_3", f"ts_mean({_STOCHASTIC_14}, 3)", _LANE, ""),
    ("stochastic_slow_d_14_3_3", f"ts_mean(ts_mean({_STOCHASTIC_14}, 3), 3)", _LANE, ""),
    (
        "williams_r_14",
        "-100 * (ts_max(high, 14) - close) / (ts_max(high, 14) - ts_min(low, 14))",
        "Williams (1973), How I Made One Million Dollars Last Year Trading Commodities",
        "",
    ),
    ("plus_directional_14", f"100 * {_PLUS_14} / {_ATR_14}", _WILDER, _EXPONENTIAL_SEED),
    ("minus_directional_14", f"100 * {_MINUS_14} / {_ATR_14}", _WILDER, _EXPONENTIAL_SEED),
    (
        "directional_index_14",
        f"100 * abs({_PLUS_14} - {_MINUS_14}) / ({_PLUS_14} + {_MINUS_14})",
        _WILDER,
        _EXPONENTIAL_SEED,
    ),
    (
        "adx_14",
        f"ts_wilder(100 * abs({_PLUS_14} - {_MINUS_14}) / ({_PLUS_14} + {_MINUS_14}), 14)",
        _WILDER,
        _EXPONENTIAL_SEED,
    ),
    (
        "cci_20",
        f"({_TYPICAL} - ts_mean({_TYPICAL}, 20)) / (0.015 * ts_mad({_TYPICAL}, 20))",
        "Lambert (1980), Commodity channel index, Commodities 9",
        "",
    ),
    ("macd_line_12_26", _MACD, _APPEL, _PRICE_UNITS + " " + _EXPONENTIAL_SEED),
    (
        "macd_signal_12_26_9",
        f"ts_ema({_MACD}, 9)",
        _APPEL,
        _PRICE_UNITS + " " + _EXPONENTIAL_SEED,
    ),
    (
        "macd_histogram_12_26_9",
        f"{_MACD} - ts_ema({_MACD}, 9)",
        _APPEL,
        _PRICE_UNITS + " " + _EXPONENTIAL_SEED,
    ),
    (
        "ppo_12_26",
        "100 * (ts_ema(close, 12) / ts_ema(close, 26) - 1)",
        _APPEL,
        "The line relative to the slow average. " + _EXPONENTIAL_SEED,
    ),
    ("roc_12", "100 * (close / delay(close, 12) - 1)", _MURPHY, ""),
    (
        "trix_15",
        f"100 * ({_TRIPLE_EMA_15} / delay({_TRIPLE_EMA_15}, 1) - 1)",
        "Hutson (1983), Good TRIX, Stocks & Commodities 1",
        "Of prices, not of their logarithms. " + _EXPONENTIAL_SEED,
    ),
    (
        "true_strength_index_25_13",
        "100 * ts_ema(ts_ema(delta(close, 1), 25), 13)"
        " / ts_ema(ts_ema(abs(delta(close, 1)), 25), 13)",
        "Blau (1991), True strength index, Stocks & Commodities 9",
        _EXPONENTIAL_SEED,
    ),
    (
        "ultimate_oscillator_7_14_28",
        "100 * ("
        f"4 * ts_sum({_BUYING_PRESSURE}, 7) / ts_sum({_TRUE_RANGE}, 7)"
        f" + 2 * ts_sum({_BUYING_PRESSURE}, 14) / ts_sum({_TRUE_RANGE}, 14)"
        f" + ts_sum({_BUYING_PRESSURE}, 28) / ts_sum({_TRUE_RANGE}, 28)) / 7",
        "Williams (1985), The ultimate oscillator, Stocks & Commodities 3",
        "",
    ),
    (
        "dpo_20",
        "delay(close, 11) - ts_mean(close, 20)",
        _ACHELIS,
        _PRICE_UNITS + " The past price is compared, so that nothing looks ahead.",
    ),
    (
        "awesome_oscillator_5_34",
        "ts_mean((high + low) / 2, 5) - ts_mean((high + low) / 2, 34)",
        "Williams (1998), New Trading Dimensions",
        _PRICE_UNITS,
    ),
    (
        "demarker_14",
        f"ts_sum(maximum({_UP_MOVE}, 0), 14)"
        f" / (ts_sum(maximum({_UP_MOVE}, 0), 14) + ts_sum(maximum({_DOWN_MOVE}, 0), 14))",
        "DeMark (1994), The New Science of Technical Analysis",
        "",
    ),
    (
        "relative_vigor_index_10",
        "ts_mean(close - open + 2 * delay(close - open, 1) + 2 * delay(close - open, 2)"
        " + delay(close - open, 3), 10)"
        " / ts_mean(high - low + 2 * delay(high - low, 1) + 2 * delay(high - low, 2)"
        " + delay(high - low, 3), 10)",
        "Ehlers (2002), The relative vigor index, Stocks & Commodities 20",
        "",
    ),
    ("aroon_up_25", "100 * ts_argmax(high, 26) / 25", _CHANDE_AROON, _AVERAGE_TIES),
    ("aroon_down_25", "100 * ts_argmin(low, 26) / 25", _CHANDE_AROON, _AVERAGE_TIES),
    (
        "aroon_oscillator_25",
        "100 * (ts_argmax(high, 26) - ts_argmin(low, 26)) / 25",
        _CHANDE_AROON,
        _AVERAGE_TIES,
    ),
    (
        "vortex_plus_14",
        f"ts_sum(abs(high - delay(low, 1)), 14) / ts_sum({_TRUE_RANGE}, 14)",
        _BOTES,
        "",
    ),
    (
        "vortex_minus_14",
        f"ts_sum(abs(low - delay(high, 1)), 14) / ts_sum({_TRUE_RANGE}, 14)",
        _BOTES,
        "",
    ),
    (
        "kama_efficiency_ratio_10",
        "abs(delta(close, 10)) / ts_sum(abs(delta(close, 1)), 10)",
        "Kaufman (1995), Smarter Trading",
        "The efficiency ratio alone; the adaptive average itself is recursive.",
    ),
    (
        "bollinger_percent_b_20",
        "(close - ts_mean(close, 20)) / (4 * 0.9746794344808963 * ts_std(close, 20)) + 0.5",
        _BOLLINGER,
        "0.9747 = sqrt(19 / 20) turns ddof 1 into the book's population deviation.",
    ),
    (
        "bollinger_bandwidth_20",
        "4 * 0.9746794344808963 * ts_std(close, 20) / ts_mean(close, 20)",
        _BOLLINGER,
        "0.9747 = sqrt(19 / 20) turns ddof 1 into the book's population deviation.",
    ),
    (
        "psychological_line_12",
        "100 * ts_mean(returns > 0, 12)",
        _ACHELIS,
        "",
    ),
)

FACTORS: tuple[Factor, ...] = tuple(
    Factor(name, "classic", text, citation, deviations)
    for name, text, citation, deviations in (
        *_MOMENTUM,
        *_TREND,
        *_VOLATILITY,
        *_MARKET_RISK,
        *_DISTRIBUTION,
        *_LIQUIDITY,
        *_SESSION,
        *_OSCILLATOR,
    )
)
"""The classic library, grouped by subject."""
