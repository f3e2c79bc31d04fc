"""Everything a person reads is there in Chinese too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from quant_core.foundation.chinese import CHINESE
from quant_core.foundation.language import translator
from quant_core.jobs.assumptions import (
    COMMISSION_NOTES,
    EXECUTION_NOTES,
    PRICE_BASIS_NOTES,
    RAW_WITH_ACTIONS,
)
from quant_core.jobs.command_line import EXIT_CODES
from quant_core.performance.metric import Metric
from quant_core.reports.words import LABELS, metric_label
from quant_core.trading.history import INCIDENT_KINDS
from quant_core.trading.orders import OrderStatus, Reason, Side
from tests.jobs.console import COMMANDS, PROJECT, SYNC, Console
from tests.jobs.market import rows, write_csv

SPEAKERS = tuple(
    path
    for folder in ("jobs", "reports", "certificates")
    for path in sorted((PROJECT / "quant_core" / folder).glob("*.py"))
)
HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z]{3,}")

AS_THEY_ARE = re.compile(
    r"""
    production_v1\S* | \btoy\b | \b(AAA|BBB|CCC|GONE|HALT)\b  # names of the run and its data
    | prices\.csv\ssha256\s\w+ | columns:.* | 24/7 | linear    # where the data come from
    | \b[0-9a-f]{16}\b                                         # hashes
    | Fisher-Pearson | Bailey | Lopez\sde\sPrado | Acerbi | Tasche | IBKR | CAGR | Parquet
    | \b(bps|USD|ddof|sqrt)\b | equal_weight
    """,
    re.VERBOSE,
)
"""Names, codes and formulas are the same in every language."""


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Texts given to ``say``: directly, or word by word from a tuple or mapping."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "say":
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))
        if isinstance(node, ast.FunctionDef):
            yield from _texts_of_words(node)


def _texts_of_words(function: ast.FunctionDef) -> Iterator[str]:
    """``[say(word) for word in words]``: the constants of ``words``."""
    tuples = {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.ListComp) and ast.unparse(node.elt).startswith("say("):
            words = node.generators[0].iter
            if isinstance(words, ast.Name):
                words = tuples.get(words.id, words)
            if isinstance(words, ast.Tuple):
                yield from (item.value for item in words.elts if isinstance(item, ast.Constant))


def metric_names() -> set[str]:
    """Every name that a metric of a run is given, and its convention where it is a constant."""
    found: set[str] = set()
    for path in (PROJECT / "quant_core" / "performance").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("Metric.of", "Metric", "_break_even") and isinstance(
                node.args[0], ast.Constant
            ):
                found.add(node.args[0].value)
    return found


def missing(texts) -> list[str]:
    """Texts that stay as they are in Chinese."""
    say = translator("zh")
    return sorted({text for text in texts if text and not HAN.search(say(text))})


class TestTable:
    @pytest.mark.parametrize("path", SPEAKERS, ids=lambda path: f"{path.parent.name}.{path.stem}")
    def test_every_text_that_is_said(self, path: Path):
        assert missing(texts_of(ast.parse(path.read_text("utf-8")))) == []

    def test_the_search_sees_what_it_looks_for(self):
        program = """
def f(say, request):
    a = say("one")
    b = request.say("two").format(1)
    words = ("three", "four")
    return [say(word) for word in words], [say(w) for w in ("five",)]
"""
        found = sorted(texts_of(ast.parse(program)))
        assert found == ["five", "four", "one", "three", "two"]
        assert missing(["Report", "no such text"]) == ["no such text"]

    def test_help(self):
        assert missing(command.summary for command in COMMANDS.values()) == []
        assert missing([*EXIT_CODES.values(), "usage", "options"]) == []

    def test_orders(self):
        assert missing(word.value for kind in (OrderStatus, Reason, Side) for word in kind) == []

    def test_assumptions(self):
        assert missing([*PRICE_BASIS_NOTES, *PRICE_BASIS_NOTES.values()]) == []
        assert missing([RAW_WITH_ACTIONS, *EXECUTION_NOTES.values()]) == []
        assert missing(COMMISSION_NOTES.values()) == []
        assert missing([*Reason, *Side]) == []

    def test_incidents(self):
        assert missing(INCIDENT_KINDS) == []

    def test_metrics(self):
        names = metric_names() | set(LABELS)
        assert {"sharpe", "benchmark_cagr", "break_even_cost"} <= metric_names()
        assert missing(metric_label(name, lambda text: text) for name in names) == []

    def test_an_entry_keeps_the_places_of_its_english(self):
        fields = re.compile(r"\{[^}]*\}|#")
        wrong = [
            english
            for english, chinese in CHINESE.items()
            if sorted(fields.findall(english)) != sorted(fields.findall(chinese))
        ]
        assert wrong == []

    def test_numbers_follow_in_their_order(self):
        say = translator("zh")
        assert say("1,259 of XNYS, 3 empty") == "XNYS 共 1,259 日，空缺 3 日"
        assert say("no such text with 5 numbers") == "no such text with 5 numbers"
        assert translator("en")("3 rows") == "3 rows"


class VisibleText(HTMLParser):
    """The texts of a page that a reader sees, figures aside."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data.strip())


RULES = (
    "strategy.risk.stop_loss_pct=0.08",
    "strategy.risk.max_drawdown_pct=0.08",
    "strategy.risk.breaker_cooldown=10",
    "rebalance={every: 5}",
    "execution.cash_buffer=0.0",
    "backtest.capital=50000",
)


class TestPages:
    def test_report(self, console: Console):
        settings = [word for rule in RULES for word in ("--set", rule)]
        words = ["--strategy", "equal_weight", "--lang", "zh", "--json", *settings]
        ran = console.run("run_backtest.py", *words)
        assert ran.code == 0
        page = Path(str(ran.document["report"])).read_text("utf-8")
        assert '<html lang="zh-CN">' in page
        reader = VisibleText()
        reader.feed(page)
        english = {text for text in reader.texts if WORD.search(AS_THEY_ARE.sub("", text))}
        assert english == set()
        seen = set(reader.texts)
        assert {"概览", "止损", "回撤熔断", "退市", "现金不足而截断", "夏普比率下限"} <= seen

    def test_summary_and_warnings(self, console: Console):
        ran = console.backtest("--lang", "zh")
        told = AS_THEY_ARE.sub("", ran.out.replace(str(console.results), ""))
        assert WORD.findall(told) == []
        assert "警告: 2020-01-01 之前没有交易日" in ran.err

    def test_account_of_the_gate(self, console: Console):
        path = write_csv(console.home / "other.csv", rows())
        ran = console.run(
            SYNC, "--source", "file", "--path", str(path), "--dataset", "other", "--lang", "zh"
        )
        assert ran.code == 0
        labels = [line.split("  ")[0] for line in ran.out.splitlines() if line.strip()]
        assert [label for label in labels if WORD.match(label) and "_" not in label] == []
        assert "新增 331 行，修订 0 行，未变 0 行" in ran.out
        assert "警告: 未说明价格口径" in ran.err

    def test_columns_stay_below_one_another(self, console: Console):
        lines = console.backtest("--lang", "zh").out.splitlines()[1:-1]
        widths = {
            sum(1 + bool(HAN.match(c)) for c in re.match(r"  \S+ +", line)[0]) for line in lines
        }
        assert len(widths) == 1


def test_conventions_of_a_run(console: Console):
    ran = console.backtest("--json")
    metrics = ran.document["metrics"]
    assert isinstance(metrics, dict)
    kinds = [Metric(name, **metric) for name, metric in metrics.items()]
    assert missing(metric.convention for metric in kinds) == []


class TestErrors:
    """An error is told in the reader's language wherever it is printed."""

    def test_message(self, console: Console):
        ran = console.backtest("--dataset", "toi", "--lang", "zh")
        assert (ran.code, ran.out) == (2, "")
        lines = ran.err.splitlines()
        assert lines[0] == "错误: 未知的数据集 'toi'"
        assert lines[1] == "  应为:     以下之一：toy"
        assert lines[-1].startswith("  处理:     是否想写 'toy'？或创建它：run_data_sync.py")

    def test_document(self, console: Console):
        ran = console.backtest("--dataset", "toi", "--lang", "zh", "--json")
        error = ran.document["error"]
        assert isinstance(error, dict)
        assert (error["kind"], error["found"]) == ("UsageError", "toi")
        assert (error["problem"], error["expected"]) == ("未知的数据集 'toi'", "以下之一：toy")
        assert ran.document["exit_code"] == ran.code == 2

    def test_several_problems(self, console: Console):
        words = ["--set", "strategy.top_k=0", "--set", "execution.slipage=1", "--lang", "zh"]
        lines = console.backtest(*words, "--set", "short.maintenance_margin=1").err.splitlines()
        assert lines[0] == "错误: 配置中有 3 个问题"
        assert "2. 未知的键 'slipage'" in lines
        assert "  应为:     不小于 1 的整数（标的数）" in lines
        [both] = [line for line in lines if "initial_margin; " in line]
        assert "，键 short.initial_margin; --set short.maintenance_margin" in both

    def test_a_sign_below_a_factor_text_stays_below_it(self, console: Console):
        lines = console.compute("--factor", "close + ts_men(open, 5)", "--lang", "zh").err
        assert "  位置:     close + ts_men(open, 5)\n" + " " * 20 + "^^^^^^\n" in lines

    def test_the_parser(self, console: Console):
        ran = console.backtest("--nope", "--lang", "zh")
        assert ran.err.startswith(
            "错误: 无法识别的参数：--nope\n  处理:     run_backtest.py --help "
        )

    def test_quality_gate(self, console: Console):
        path = write_csv(console.home / "bad.csv", [{**row, "close": -1.0} for row in rows()])
        ran = console.sync("--path", str(path), "--dataset", "bad", "--lang", "zh")
        assert ran.code == 4
        assert "质量闸门拒收数据集 'bad'" in ran.err
        assert "行中有" in ran.err and "将被隔离：" in ran.err

    def test_english_is_as_it_was(self, console: Console):
        lines = console.backtest("--dataset", "toi").err.splitlines()
        assert lines[:3] == [
            "error: unknown dataset 'toi'",
            "  expected: one of: toy",
            "  found:    toi",
        ]
