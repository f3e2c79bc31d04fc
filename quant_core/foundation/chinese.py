"""Chinese for every text a person reads; the English text is the key.

A ``#`` stands for a number: the numbers of the English text follow in their order.
"""

from __future__ import annotations

CHINESE: dict[str, str] = {
    # Command line: help
    "usage": "用法",
    "options": "选项",
    "examples": "示例",
    "exit codes": "退出码",
    "done": "完成",
    "an error of the program itself": "程序自身的错误",
    "usage or configuration": "用法或配置有误",
    "data source unreachable": "数据源无法访问",
    "data refused by the quality gate": "数据未通过质量检查",
    "stopped by risk": "被风控停止",
    "broker and journal disagree": "券商与流水不一致",
    "interrupted": "被中断",
    "show this help and leave": "显示本帮助并退出",
    "short for": "等同于",
    "override any setting by its dotted key; the value is YAML; repeatable": (
        "用点分键覆盖任一设置；值为 YAML；可重复"
    ),
    "folder of the YAML files": "YAML 文件所在目录",
    "print one JSON document": "只输出一个 JSON 文档",
    "language": "语言",
    # Command line: run_backtest.py
    "Backtest a strategy on a dataset of the warehouse: signals at the close of T-1, "
    "execution at the open of T, exact cash.": (
        "在数据仓库的数据集上回测策略：以 T-1 收盘价产生信号，以 T 开盘价成交，现金精确记账。"
    ),
    "write no HTML report (faster)": "不写 HTML 报告（更快）",
    # Command line: run_data_sync.py
    "Bring prices into the warehouse: read, check row by row, publish a new version.": (
        "把行情写入数据仓库：读取、逐行检查、发布新版本。"
    ),
    "where the data come from": "数据来源",
    "Parquet or CSV file, or a folder of files; repeatable": (
        "Parquet 或 CSV 文件，或其所在目录；可重复"
    ),
    "column of the file that holds a field, e.g. close=LastPrice; repeatable": (
        "某字段在文件中的列名，例如 close=LastPrice；可重复"
    ),
    "multiply a field, e.g. volume=100 for lots of 100; repeatable": (
        "字段乘以倍数，例如以手计的成交量用 volume=100；可重复"
    ),
    "symbol of a file that has no symbol column": "文件没有代码列时的证券代码",
    "synthetic stocks of the demo market": "演示市场的虚构股票数",
    "synthetic ETFs of the demo market": "演示市场的虚构 ETF 数",
    "length of the demo market in sessions": "演示市场的交易日数",
    "seed of the demo market": "演示市场的随机种子",
    "what the prices contain; files: split_adjusted unless stated": (
        "价格口径；文件来源未说明时按 split_adjusted"
    ),
    "currency of the prices; that of the calendar unless stated": (
        "价格的货币；未说明时为该交易日历的货币"
    ),
    "print the quality report, store nothing": "只打印质量报告，不写入",
    "start the dataset anew instead of merging": "重建数据集，不与旧版本合并",
    "do nothing if the dataset exists": "数据集已存在时不做任何事",
    # Command line: run_factor_computation.py
    "Compute factors from the prices of a dataset and store them in the warehouse.": (
        "由数据集的行情计算因子并存入数据仓库。"
    ),
    "a factor by name or as an expression; repeatable": "因子名称或表达式；可重复",
    "all factors of a library; repeatable": "某个因子库的全部因子；可重复",
    "list the known factors": "列出已知因子",
    "explain one factor": "解释一个因子",
    "also write the factors as long Parquet or CSV": "另存为长表 Parquet 或 CSV",
    # Command line: python -m quant_core sql
    "Ask the warehouse in SQL, read only: DuckDB over the Parquet files of a dataset.": (
        "用 SQL 只读查询数据仓库：由 DuckDB 读取数据集的 Parquet 文件。"
    ),
    "one SELECT over prices, symbols, factors, ...": (
        "一条 SELECT，可查 prices、symbols、factors 等"
    ),
    "rows of the answer that are printed": "打印的结果行数",
    # Messages
    "error": "错误",
    "warning": "警告",
    "expected": "应为",
    "found": "实为",
    "where": "位置",
    "fix": "处理",
    "interrupted; what was complete is kept": "已中断；此前完整的结果均已保留",
    "Factors": "因子",
    "factors computed now and stored: {names}": "已即时计算并存储的因子：{names}",
    "no session before #-#-#: the run starts one session later, because the first decision "
    "needs an earlier close": (
        "#-#-# 之前没有交易日：首个决策需要更早的收盘价，因此回测顺延一个交易日开始"
    ),
    "{count} symbols of the universe are not in the dataset and cannot be traded: {names}": (
        "股票池中有 {count} 个代码不在数据集中，无法交易：{names}"
    ),
    "the demo market is synthetic: no number computed from it is real": (
        "演示市场为虚构数据：由其得出的任何数字都不真实"
    ),
    "price basis not stated: {basis} assumed (--price-basis {others})": (
        "未说明价格口径：按 {basis} 处理（--price-basis {others}）"
    ),
    "the benchmark {name} has no return before {day}; until then it counts as cash": (
        "基准 {name} 在 {day} 之前没有收益；此前按现金计"
    ),
    "nothing was traded in the whole run": "整个回测没有任何成交",
    "dataset exists already": "数据集已存在",
    "{count} factors": "共 {count} 个因子",
    "the dataset has no field {field!r}: unavailable are {names}": (
        "数据集没有字段 {field!r}，无法计算：{names}"
    ),
    "computed": "已计算",
    "extended": "已续算",
    "unchanged": "未变",
    "unavailable": "不可用",
    # The account of the quality gate
    "source": "来源",
    "rows read": "读取行数",
    "rows kept": "保留行数",
    "quarantined": "隔离行数",
    "repeated rows": "重复行",
    "# laid together": "# 行已合并",
    "symbols": "证券数",
    "dates": "日期范围",
    "#-#-# to #-#-#": "#-#-# 至 #-#-#",
    "unknown values": "未知值",
    "none": "无",
    "sessions": "交易日",
    "# of XNYS, # empty": "XNYS 共 # 日，空缺 # 日",
    "# of XSHG, # empty": "XSHG 共 # 日，空缺 # 日",
    "# of XHKG, # empty": "XHKG 共 # 日，空缺 # 日",
    "# of XBOM, # empty": "XBOM 共 # 日，空缺 # 日",
    "thin sessions": "稀疏交易日",
    "missing days": "缺失日",
    "# in # symbols": "共 # 日，涉及 # 个证券",
    "# in # symbols (# in the source, the rest quarantined)": (
        "共 # 日，涉及 # 个证券（其中 # 日来源即缺，其余为隔离）"
    ),
    "worst gaps": "最大缺口",
    "quarantined rows": "被隔离的行",
    "rows": "行数",
    "first examples": "前几例",
    "findings": "发现",
    "in source": "来源中",
    "in kept": "保留中",
    "accepted": "通过",
    "taken as: calendar {calendar}, prices {basis}, currency {currency}": (
        "视为：交易日历 {calendar}，价格 {basis}，货币 {currency}"
    ),
    "Data": "数据",
    "{added} rows added, {revised} revised, {unchanged} unchanged": (
        "新增 {added} 行，修订 {revised} 行，未变 {unchanged} 行"
    ),
    "published {dataset} version {version}: {rows} rows, {symbols} symbols": (
        "已发布 {dataset} 版本 {version}：{rows} 行，{symbols} 个证券"
    ),
    "nothing changed; still {dataset} version {version}: {rows} rows, {symbols} symbols": (
        "没有变化；{dataset} 仍为版本 {version}：{rows} 行，{symbols} 个证券"
    ),
    # Summary of a backtest
    "Backtest": "回测",
    "Dataset": "数据集",
    "SYNTHETIC DATA": "虚构数据",
    "Sessions": "交易日",
    "Final equity": "期末权益",
    "benchmark": "基准",
    "Orders": "委托",
    "Results": "结果",
    "Report": "报告",
    # Orders and incidents
    "buy": "买入",
    "sell": "卖出",
    "filled": "成交",
    "truncated": "截断",
    "expired": "过期",
    "refused": "拒绝",
    "truncated_cash": "现金不足而截断",
    "truncated_volume": "成交量不足而截断",
    "expired_halted": "停牌或无开盘价",
    "refused_no_price": "信号日无有效价格",
    "refused_not_in_universe": "不在股票池内",
    "stop_loss": "止损",
    "close # below the stop on cost #": "收盘价 # 低于止损线，成本 #",
    "drawdown_breaker": "回撤熔断",
    "equity #% below its peak, limit #%: flat at the next open": (
        "权益较峰值回撤 #%，上限 #%：下一开盘清仓"
    ),
    "re_entry": "重新入场",
    "the breaker's cooldown has passed": "熔断冷却期已过",
    "hold": "维持",
    "flat": "清仓",
    "no eligible name: no factor is known at this close": "没有合格标的：该收盘时没有已知因子值",
    "no eligible name: no close is known in the universe": "没有合格标的：股票池内没有已知收盘价",
    "delisting": "退市",
    "# shares closed at #": "# 股按 # 了结",
    # Assumptions and known biases
    "Signal price: close of T-1. Execution price: open of T. Day orders only.": (
        "信号价为 T-1 收盘价，成交价为 T 开盘价；委托仅当日有效。"
    ),
    "Slippage {slippage} bps of the open against the trader; commission {fee}; lots of {lot}.": (
        "滑点为开盘价的 {slippage} bps，方向不利；佣金 {fee}；每手 {lot} 股。"
    ),
    "at least": "最低",
    "Cash buffer {buffer} at sizing; cash never below zero, buys are truncated to what cash "
    "pays for.": "定仓时保留 {buffer} 现金；现金不为负，买单按可用现金截断。",
    "No limit on volume: every order is assumed to fill at the open.": (
        "不限成交量：假设每笔委托都能以开盘价成交。"
    ),
    "A fill takes at most {cap} of the session's volume; the rest expires.": (
        "单笔成交不超过当日成交量的 {cap}，其余过期。"
    ),
    "No taxes, no interest on cash, no market impact beyond the slippage.": (
        "不计税，不计现金利息，除滑点外不计市场冲击。"
    ),
    "Money in {currency}, exact to 0.000001.": "金额以 {currency} 计，精确到 0.000001。",
    "ibkr_fixed": "IBKR 固定费率",
    "ibkr_tiered": "IBKR 阶梯费率",
    "SYNTHETIC DATA: this market was made by a generator. No number is real.": (
        "虚构数据：本市场由程序生成，任何数字都不真实。"
    ),
    "Prices are raw. Splits and dividends are not in this dataset.": (
        "价格未复权，本数据集不含拆股与分红。"
    ),
    "Prices are split-adjusted: dividends and spin-offs are missing from strategy and "
    "benchmark, and share counts in the past are not those of the time.": (
        "价格仅按拆股复权：策略与基准均不含分红和分拆，历史股数并非当时的股数。"
    ),
    "Prices are total-return adjusted: returns include dividends, but price levels, lots "
    "and per-share fees in the past are not those of the time.": (
        "价格为全收益复权：收益含分红，但历史价位、手数与按股费用并非当时的水平。"
    ),
    "The universe is the whole dataset. If it holds today's members of an index, the result "
    "is biased by survival; give a point-in-time universe to remove that.": (
        "股票池为整个数据集。若其为指数的现有成分股，结果存在幸存者偏差；使用时点股票池可以消除。"
    ),
    "{count} position-days were valued at an earlier close (stale).": (
        "有 {count} 个持仓日按更早的收盘价估值（陈旧价）。"
    ),
    "At the end of the run {count} positions are carried at their last close in names "
    "without any later price in the dataset: they may be worth less, or nothing.": (
        "回测结束时有 {count} 个持仓按最后收盘价计值，其证券此后在数据集中再无价格："
        "实际价值可能更低，甚至为零。"
    ),
    # Report: header
    "Summary": "概览",
    "Assumptions": "假设",
    "Fact": "项目",
    "Content": "内容",
    "Run": "运行编号",
    "Origin": "数据出处",
    "Price basis": "价格口径",
    "raw": "未复权",
    "split_adjusted": "拆股复权",
    "total_return": "全收益复权",
    "Calendar": "交易日历",
    "Configuration hash": "配置哈希",
    "Code hash": "代码哈希",
    "Strategy": "策略",
    "Benchmark": "基准",
    "equal weight of the universe": "股票池等权",
    # Report: sections
    "Equity": "权益",
    "Equity, logarithmic": "权益（对数坐标）",
    "Strategy, net": "策略（扣除成本）",
    "Strategy, gross of costs": "策略（未计成本）",
    "Underwater": "水下曲线",
    "Returns": "收益",
    "Monthly returns": "月度收益",
    "Monthly return": "月度收益",
    "Year": "年份",
    "Return": "收益",
    "Rolling Sharpe ratio, 126 sessions": "滚动夏普比率（126 个交易日）",
    "Rolling annual volatility, 126 sessions": "滚动年化波动率（126 个交易日）",
    "Sharpe ratio": "夏普比率",
    "Volatility": "波动率",
    "Distribution of daily returns": "日收益率分布",
    "The ten worst drawdowns": "最大的十次回撤",
    "Peak": "峰值日",
    "Trough": "谷底日",
    "Recovered": "恢复日",
    "Depth": "深度",
    "Sessions down": "下跌日数",
    "Sessions up": "恢复日数",
    "In all": "合计日数",
    "start": "起点",
    "not yet": "尚未恢复",
    "The starting capital counts as a peak.": "起始资金视为一个峰值。",
    "Exposure, turnover, holdings": "仓位、换手与持仓",
    "Exposure": "仓位",
    "Invested share of equity": "持仓占权益比例",
    "Names held": "持仓数量",
    "Turnover per session, half of traded notional over equity": (
        "每日换手率（成交额的一半除以权益）"
    ),
    "Turnover": "换手率",
    "Positions at the last close": "最后收盘时的持仓",
    "positions": "个持仓",
    "None: the book is all cash.": "无：全部为现金。",
    "Symbol": "代码",
    "Shares": "股数",
    "Mark": "估值价",
    "Value": "市值",
    "Weight": "权重",
    "Average cost": "平均成本",
    "stale": "陈旧价",
    "Costs": "成本",
    "Costs paid so far": "累计成本",
    "Commission": "佣金",
    "Slippage": "滑点",
    "Gap risk": "跳空风险",
    "Mean gap of buys": "买单平均跳空",
    "Mean gap of sells": "卖单平均跳空",
    "open over close of T-1": "开盘价相对 T-1 收盘价",
    "Truncated orders": "截断委托数",
    "for lack of cash": "因现金不足",
    "Truncated notional": "截断金额",
    "Lowest cash": "最低现金",
    "Overnight gaps met by orders": "委托遇到的隔夜跳空",
    "gaps beyond 15 % are not drawn.": "个超过 15 % 的跳空未画出。",
    "The same run under other cash buffers": "不同现金缓冲下的同一回测",
    "Cash buffer": "现金缓冲",
    "Orders and trades": "委托与成交",
    "Refused, truncated and expired orders": "被拒绝、截断和过期的委托",
    "None: every order was filled in full.": "无：每笔委托均全部成交。",
    "The last {shown} of {total} rows; the Parquet files hold all.": (
        "仅显示 {total} 行中的最后 {shown} 行；全部见 Parquet 文件。"
    ),
    "Trades": "成交明细",
    "Incidents": "事件",
    "Date": "日期",
    "Kind": "类型",
    "Detail": "说明",
    "Side": "方向",
    "Reason": "原因",
    "Requested": "委托股数",
    "Filled": "成交股数",
    "Signal": "信号价",
    "Open": "开盘价",
    "Cash": "现金",
    "Price": "价格",
    "Notional": "金额",
    "All metrics": "全部指标",
    "Metric": "指标",
    "Convention": "计算口径",
    "Every number with the convention it was computed by.": "每个数字都附有计算口径。",
    # Metrics
    "Total return": "总收益",
    "CAGR": "年化收益率",
    "Annual volatility": "年化波动率",
    "Sharpe": "夏普比率",
    "Sharpe, low end": "夏普比率下限",
    "Sharpe, high end": "夏普比率上限",
    "Probability of a Sharpe above 0": "夏普比率大于 0 的概率",
    "Sortino": "索提诺比率",
    "Max drawdown": "最大回撤",
    "Max drawdown peak": "最大回撤峰值日",
    "Max drawdown trough": "最大回撤谷底日",
    "Max drawdown recovery": "最大回撤恢复日",
    "Longest drawdown": "最长回撤",
    "Calmar": "卡玛比率",
    "Skewness": "偏度",
    "Excess kurtosis": "超额峰度",
    "Value at risk, 95 %": "风险价值（95 %）",
    "Expected shortfall, 95 %": "预期损失（95 %）",
    "Hit rate": "胜率",
    "Profit factor": "盈亏比",
    "Best day": "最佳单日",
    "Worst day": "最差单日",
    "Best month": "最佳月份",
    "Worst month": "最差月份",
    "Benchmark total return": "基准总收益",
    "Benchmark CAGR": "基准年化收益率",
    "Benchmark annual volatility": "基准年化波动率",
    "Benchmark Sharpe": "基准夏普比率",
    "Benchmark max drawdown": "基准最大回撤",
    "Excess return": "超额收益",
    "Excess CAGR": "超额年化收益率",
    "Alpha": "阿尔法",
    "Beta": "贝塔",
    "Correlation": "相关系数",
    "Tracking error": "跟踪误差",
    "Information ratio": "信息比率",
    "Up capture": "上行捕获比",
    "Down capture": "下行捕获比",
    "Annual turnover": "年换手率",
    "Total costs": "总成本",
    "Cost of trading": "交易成本",
    "Annual cost drag": "年化成本拖累",
    "Gross total return": "未计成本总收益",
    "Break-even cost": "盈亏平衡成本",
    "Break-even cost against the benchmark": "追平基准的成本",
    "Mean exposure": "平均仓位",
    "Max exposure": "最高仓位",
    "Sessions invested": "持仓日占比",
    # Conventions
    "final equity / starting capital - #": "期末权益 / 起始资金 - #",
    "geometric, # / calendar days from first to last session": (
        "几何年化，# / 首日至末日的自然日数"
    ),
    "standard deviation (ddof #) of daily returns x sqrt(#)": (
        "日收益率标准差（ddof #）乘以 sqrt(#)"
    ),
    "arithmetic mean / standard deviation (ddof #) of daily excess returns x sqrt(#), "
    "risk-free #% a year": (
        "日超额收益率的算术均值 / 标准差（ddof #）乘以 sqrt(#)，无风险利率每年 #%"
    ),
    "#% percentile interval, stationary bootstrap, # resamples, mean block # sessions, seed #": (
        "#% 分位区间，平稳自助法，重抽样 # 次，平均块长 # 日，种子 #"
    ),
    "probabilistic Sharpe ratio against # (Bailey and Lopez de Prado #)": (
        "相对 # 的概率夏普比率（Bailey 与 Lopez de Prado #）"
    ),
    "mean daily excess x # / root mean square shortfall below the risk-free rate over all "
    "sessions x sqrt(#)": "日超额均值乘以 # / 低于无风险利率的均方根缺口（全部交易日）乘以 sqrt(#)",
    "daily closes, starting capital counts as a peak": "按每日收盘，起始资金视为峰值",
    "last session at the peak, none for the starting capital": "处于峰值的最后一日，起始资金则无",
    "session of the lowest close": "收盘最低的交易日",
    "first session back at the peak, none if the run ends below it": (
        "首个回到峰值的交易日，若结束时仍低于峰值则无"
    ),
    "from a peak until it is reached again or the run ends": "从峰值到再次达到或回测结束",
    "CAGR / size of the largest drawdown": "年化收益率 / 最大回撤幅度",
    "adjusted Fisher-Pearson G#, daily": "调整后的 Fisher-Pearson G#，日频",
    "adjusted G#, daily": "调整后的 G#，日频",
    "# % quantile of daily returns": "日收益率的 # % 分位数",
    "mean of the worst # % of daily returns (Acerbi and Tasche #)": (
        "最差 # % 日收益率的均值（Acerbi 与 Tasche #）"
    ),
    "sessions with a return above #": "收益率大于 # 的交易日占比",
    "sum of daily gains / sum of daily losses": "日盈利之和 / 日亏损之和",
    "daily return": "日收益率",
    "compounded daily returns, first and last month may be in part": (
        "日收益率复利，首月与末月可能不完整"
    ),
    "sessions of the run": "回测的交易日数",
    "as for the run": "与策略相同",
    "total return less benchmark's": "总收益减去基准总收益",
    "CAGR less benchmark's": "年化收益率减去基准年化收益率",
    "intercept of the daily regression of excess returns x #": "日超额收益率回归的截距乘以 #",
    "slope of the daily regression of excess returns": "日超额收益率回归的斜率",
    "Pearson, daily returns": "皮尔逊相关，日收益率",
    "standard deviation (ddof #) of daily active returns x sqrt(#)": (
        "日主动收益率标准差（ddof #）乘以 sqrt(#)"
    ),
    "mean / standard deviation (ddof #) of daily active returns x sqrt(#)": (
        "日主动收益率的均值 / 标准差（ddof #）乘以 sqrt(#)"
    ),
    "#-period geometric annual return over the benchmark's, sessions in which it rose": (
        "基准上涨日内，# 期几何年化收益率与基准之比"
    ),
    "#-period geometric annual return over the benchmark's, sessions in which it fell": (
        "基准下跌日内，# 期几何年化收益率与基准之比"
    ),
    "one-way: half of buys plus sells / equity before, mean a session x #": (
        "单边：买卖金额之和的一半 / 前一日权益，按日平均乘以 #"
    ),
    "commission plus slippage paid": "支付的佣金与滑点之和",
    "costs / value traded": "成本 / 成交金额",
    "costs / equity before, mean a session x #": "成本 / 前一日权益，按日平均乘以 #",
    "each session's costs given back, compounded": "加回每日成本后复利",
    "cost per value traded at which the net total return is #, same trades": (
        "交易不变时，使净总收益为 # 的单位成交成本"
    ),
    "cost per value traded at which the net total return is the benchmark's, same trades": (
        "交易不变时，使净总收益等于基准的单位成交成本"
    ),
    "positions / equity": "持仓 / 权益",
    "positions / equity at a close": "收盘时持仓 / 权益",
    "share of the closes with a position": "有持仓的收盘占比",
    "file of corporate actions of raw prices; without --path for a stored dataset": "原始价格的公司行动文件；不带 --path 时并入已有数据集",
    "delisting inferred from the last price: {number} symbols": "由最后价格推断退市：{number} 只",
    "nothing changed; still {dataset} version {version}": "无变化；仍为 {dataset} 版本 {version}",
    "published {dataset} version {version}": "已发布 {dataset} 版本 {version}",
    "corporate actions: {rows} rows; {added} added, {revised} revised, {same} unchanged": "公司行动：{rows} 行；新增 {added}，修订 {revised}，未变 {same}",
    "stored now: {kinds}": "现存：{kinds}",
    "{number} exact repetitions laid together": "{number} 行完全重复，已合并",
    "{number} factors taken for a split of a simple ratio": "{number} 个因子取为简单比例的拆股",
    "{number} factors taken for a split of the ratio as it stands": "{number} 个因子按原比例取为拆股",
    "{number} of symbols that the dataset does not have, left out": "{number} 行属于数据集中没有的代码，已略去",
    "{number} outside the sessions of the dataset: they wait for theirs": "{number} 行在数据集交易日之外：等待其交易日",
    "{number} quarantined: {reason} ({first})": "{number} 行被隔离：{reason}（{first}）",
    "{number} rows state no action": "{number} 行不含公司行动",
    "dividend": "分红",
    "rights": "配股",
    "split": "拆股",
    "rename": "更名",
    "ratio_missing": "缺比例",
    "ratio_not_positive": "比例非正",
    "ratio_is_one": "比例为一",
    "ratio_out_of_range": "比例超界",
    "amount_missing": "缺金额",
    "amount_not_positive": "金额非正",
    "amount_too_large": "金额过大",
    "dividend_exceeds_price": "分红不低于前收盘价",
    "price_missing": "缺配股价",
    "price_not_positive": "配股价非正",
    "pay_date_before_ex_date": "派息日早于除权日",
    "successor_missing": "缺新代码",
    "successor_unknown": "新代码无价格",
    "unknown_kind": "未知类别",
    "price_does_not_confirm": "价格不支持该因子",
    "trade the run again under other execution prices; see --gap-scenarios": "在其他成交价下重跑本次回测；参见 --gap-scenarios",
    "scenarios drawn from the overnight gaps of the market itself (100)": "从市场自身的隔夜跳空中抽取的情景数（100）",
    "size of the fixed shocks to execution prices (0.05)": "成交价固定冲击的幅度（0.05）",
    "Prices are raw; splits, dividends, rights and renames of the dataset are applied by the ledger on their ex-dates, and dividends become cash on their pay dates. Factors and the benchmark see adjusted prices.": "价格为未复权；数据集中的拆股、分红、配股与更名在除权除息日由账本处理，分红在派发日变为现金。因子与基准使用复权价格。",
    "Signal price: close of T-1. Execution price: open of T, as if every order met the opening auction. Day orders only.": "信号价：T-1 收盘价。成交价：T 开盘价，视同每个委托参与开盘集合竞价。仅当日有效委托。",
    "Signal price: close of T-1. Execution price: close of T, as if every order met the closing auction. Day orders only.": "信号价：T-1 收盘价。成交价：T 收盘价，视同每个委托参与收盘集合竞价。仅当日有效委托。",
    "Signal price: close of T-1. Execution price: a proxy of the volume-weighted price of T (that of the dataset, else (high + low + close) / 3), as if every order were worked over the whole session. Day orders only.": "信号价：T-1 收盘价。成交价：T 日成交量加权价的近似（数据集自带者优先，否则取最高、最低、收盘三者均值），视同每个委托在全天内逐步成交。仅当日有效委托。",
    "Slippage {slippage} bps of the execution price against the trader; commission: {fee}; lots of {lot}.": "滑点为成交价的 {slippage} bps（不利方向）；佣金：{fee}；每手 {lot} 股。",
    "a share": "每股",
    "at most": "至多",
    "IBKR fixed plan, schedule read in 2025-01, without regulatory fees": "IBKR 固定费率（2025-01 的费率表），不含监管费",
    "IBKR fixed plan, schedule read in 2025-01, with the regulatory fees of each date": "IBKR 固定费率（2025-01 的费率表），含各日期的监管费",
    "IBKR tiered plan, schedule read in 2025-01, with exchange, clearing and the regulatory fees of each date": "IBKR 阶梯费率（2025-01 的费率表），含交易所、清算及各日期的监管费",
    "A-share commission, stamp duty and transfer fee of each date": "A 股佣金、各日期的印花税与过户费",
    "No limit on volume: every order is assumed to fill.": "不限成交量：假定每个委托都能成交。",
    "No volume in this dataset: no limit on volume, every order is assumed to fill.": "数据集没有成交量：不限成交量，假定每个委托都能成交。",
    "A fill takes at most {cap} of the session's volume (participation cap); the rest expires.": "单笔成交至多占当日成交量的 {cap}（参与率上限）；其余失效。",
    "No market impact beyond the slippage.": "除滑点外无市场冲击。",
    "Impact: half of a quoted spread of {spread} bps.": "冲击：报价价差 {spread} bps 的一半。",
    "Impact: half of a spread of {spread} bps, plus {coefficient} x daily volatility x sqrt(shares / average volume), both over {sessions} sessions known before (Grinold and Kahn 2000, Tóth et al. 2011).": "冲击：价差 {spread} bps 的一半，加 {coefficient} x 日波动率 x sqrt(股数 / 平均成交量)，二者取自此前已知的 {sessions} 个交易日（Grinold、Kahn 2000；Tóth 等 2011）。",
    "Impact: half of a spread of {spread} bps, plus the temporary and half of the permanent impact of Almgren et al. (2005), their coefficients; volatility and average volume over {sessions} sessions known before.": "冲击：价差 {spread} bps 的一半，加 Almgren 等（2005）的临时冲击与一半永久冲击，采用其系数；波动率与平均成交量取自此前已知的 {sessions} 个交易日。",
    "Rules of the mainland Chinese exchanges: no buys at the upper price limit, no sells at the lower one, shares bought can be sold from the next session on.": "遵循中国内地交易所规则：涨停不买，跌停不卖，买入的股票自下一交易日起可卖。",
    "Short selling: equity of at least {initial} of gross exposure to open and {maintenance} to keep positions; weights of at most {gross} gross and {net} net.": "卖空：开仓要求权益不低于总敞口的 {initial}，维持要求 {maintenance}；权重总和至多 {gross}，净和至多 {net}。",
    "Every name can be borrowed, at {rate} a year; borrowed cash costs {debit} a year.": "每只证券均可融券，年费率 {rate}；融资年利率 {debit}。",
    "Shares are borrowed as the borrow table says; a name that leaves it is bought back; borrowed cash costs {debit} a year.": "按融券表融券；移出该表的证券被买回；融资年利率 {debit}。",
    "A delisted name is closed after its last session at its last close times {kept}.": "退市证券在最后交易日之后按最后收盘价 x {kept} 了结。",
    "The dataset states no delisting dates: {count} were inferred from the last price of each name.": "数据集未说明退市日期：其中 {count} 个由各证券的最后价格推断。",
    "No taxes on gains or dividends, no interest on cash.": "不计资本利得税与红利税，现金不计息。",
    "First": "最早",
    "Last": "最晚",
    "Cash received": "收到现金",
    "Cash paid": "付出现金",
    "Of a kind with more than {most} incidents the {largest} that moved most cash; incidents.parquet holds all.": "同类事件超过 {most} 条时，只列现金变动最大的 {largest} 条；incidents.parquet 含全部。",
    "dividend_paid": "红利到账",
    "cash_in_lieu": "零股现金",
    "borrow_fee": "融券费",
    "debit_interest": "融资利息",
    "buy_in": "强制买回",
    "margin_call": "追加保证金",
    "deficit": "权益为负",
    "# shares at # a share": "# 股，每股 #",
    "# shares become #, # for 1": "# 股变为 # 股，每 1 股换 # 股",
    "# of # shares subscribed at #": "认购 #（可认购 #）股，价格 #",
    "Gross exposure, long plus short": "总敞口（多头加空头）",
    "Orders not filled in full": "未完全成交的委托",
    "Notional not traded": "未成交金额",
    "execution price over close of T-1": "成交价相对 T-1 收盘价",
    "Gap stress": "跳空压力测试",
    "Scenario": "情景",
    "Scenarios": "情景数",
    "Lowest cash / equity": "最低现金 / 权益",
    "as traded": "实际成交",
    "all prices {shock} higher": "所有价格高 {shock}",
    "all prices {shock} lower": "所有价格低 {shock}",
    "every fill {shock} worse": "每笔成交差 {shock}",
    "drawn gaps: minimum": "抽样跳空：最小",
    "drawn gaps: 5 %": "抽样跳空：5 %",
    "drawn gaps: median": "抽样跳空：中位数",
    "drawn gaps: 95 %": "抽样跳空：95 %",
    "drawn gaps: maximum": "抽样跳空：最大",
    "Final equity over the drawn scenarios": "各抽样情景的期末权益",
    "Lowest cash / equity over the drawn scenarios": "各抽样情景的最低现金 / 权益",
    "What was drawn": "抽样来源",
    "Volatility before": "此前波动率",
    "Sessions to draw from": "可抽取的交易日",
    "Mean gap (absolute)": "平均跳空（绝对值）",
    "Largest gap": "最大跳空",
    "calm": "平静",
    "normal": "一般",
    "turbulent": "动荡",
    "Only the prices that orders meet change; closes, marks and signals stay. The strategy is run again on each scenario, because the book differs.": "只改变委托遇到的价格；收盘价、估值与信号不变。每个情景都重新运行策略，因为持仓不同。",
    "{count} scenarios, seed {seed}: for every session the gaps (execution price over the close before, after corporate actions) of all names are drawn together from a session with like volatility: terciles of the 20 sessions known before.": "{count} 个情景，种子 {seed}：每个交易日从波动率相近的某一交易日整体抽取全部证券的跳空（成交价相对前收盘，已计公司行动）；按此前已知 20 个交易日的波动率三等分。",
    "A name without a gap in the drawn session takes that of another name of that session; a price without a close before stays as it was.": "在抽中的交易日没有跳空的证券取该日另一证券的跳空；没有前收盘的价格保持不变。",
    "Limits: no gap is drawn that this dataset does not hold, sessions are drawn independently of each other, a gap does not move the close after it, and it knows nothing of why a name was chosen: only the run as traded met the gaps that follow its own signals.": "局限：只会抽到数据集中出现过的跳空；各交易日相互独立抽取；跳空不影响其后的收盘价，也与选股原因无关：只有实际成交的回测遇到过跟随自身信号的跳空。",
    "{count} gaps beyond {limit} were cut to it: most are errors of the data.": "{count} 个超过 {limit} 的跳空被截断：多为数据错误。",
    "Capacity": "容量",
    "Capital": "资金",
    "Costs a year": "年成本",
    "Sharpe ratio, net": "夏普比率（净）",
    "Net Sharpe ratio against capital": "净夏普比率与资金规模",
    "The run again with more and less capital, under the participation cap and a market impact that grows with the size of the order. Filled: share of the requested notional; where much of it is not filled, the run holds cash and old positions instead of its targets, and its Sharpe ratio says little of the strategy.": "以更多和更少的资金重跑，受参与率上限约束，市场冲击随委托规模增大。成交：占委托金额的比例；若大部分未成交，则持有的是现金与旧仓位而非目标仓位，其夏普比率说明不了策略。",
    "Within this curve the strategy does not reach its capacity.": "在此曲线范围内策略未达到容量。",
    "From a capital of about {capital} on, less than half of the orders is filled.": "资金约 {capital} 起，委托成交不足一半。",
    "The net Sharpe ratio is not positive: there is no capacity to speak of.": "净夏普比率不为正：谈不上容量。",
    "Already at a capital of {capital} less than {share} of the orders is filled: the capacity lies below this curve.": "资金 {capital} 时委托成交已不足 {share}：容量低于此曲线。",
    "At a capital of about {capital} the net Sharpe ratio is half of its best.": "资金约 {capital} 时，净夏普比率为最佳值的一半。",
    "short": "卖空",
    "cover": "买回",
    "truncated_margin": "保证金截断",
    "truncated_position": "持仓截断",
    "expired_limit_up": "涨停未成交",
    "expired_limit_down": "跌停未成交",
    "expired_not_settled": "未交割未成交",
    "expired_unknown_impact": "冲击未知未成交",
    "refused_not_located": "无券可借",
}
