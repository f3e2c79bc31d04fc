"""Errors in the reader's language: which entry is taken, and what stays as it is."""

from __future__ import annotations

import pytest

from quant_core.foundation.error_language import told_in
from quant_core.foundation.errors import ConfigurationError, DataRefused, UsageError


def problem(text: str) -> str:
    return told_in("zh", UsageError(text)).problem


class TestExamples:
    def test_all_parts_in_reading_order(self):
        error = DataRefused(
            "the dataset 'sp500' has 3 rows without symbol or date",
            fix="check the source and data.calendar; the last good version stays",
            where="prices",
            found="nothing",
            expected="no such row",
        )
        told = told_in("zh", error)
        assert told.problem == "数据集 'sp500' 有 3 行缺少代码或日期"
        assert dict(told.parts) == {
            "expected": "没有这样的行",
            "found": "无",
            "where": "行情",
            "fix": "检查数据来源与 data.calendar；上一个有效版本保持不变",
        }
        assert list(told.parts) == ["expected", "found", "where", "fix"]

    def test_every_problem_of_several(self):
        several = ConfigurationError.all_of(
            [ConfigurationError("the key data.root is missing"), ConfigurationError("a YAML tag")]
        )
        told = told_in("zh", several)
        assert told.problem == "配置中有 2 个问题"
        assert [one.problem for one in told.problems] == ["缺少键 data.root", "使用了 YAML 标签"]

    def test_places_follow_the_chinese_order(self):
        said = "7 of 1,200 rows of corporate actions cannot be read"
        assert problem(said) == "公司行为共 1,200 行，其中 7 行无法解析"

    def test_braces_that_are_meant(self):
        error = UsageError("", expected="a settings key, or {window} in a --set")
        expected = told_in("zh", error).parts["expected"]
        assert expected == "设置的键，或在某个 --set 中出现的 {window}"

    def test_a_value_of_several_lines(self):
        assert problem("the broker cannot be traded with: a\nb") == "当前无法与券商交易：a\nb"


class TestChoice:
    def test_the_template_with_most_letters_is_taken(self):
        assert problem("the dataset 'a' has no field 'b'") == "数据集 'a' 没有字段 'b'"
        assert problem("the dataset has no field 'b'") == "数据集没有字段 'b'"
        assert problem("unknown strategy type") == "未知的策略类型"
        assert problem("unknown key 'x'") == "未知的键 'x'"

    def test_a_text_within_a_text(self):
        within = "--replay: the exchange calendar 'XNYS' cannot serve 1800-01-01 to 1800-12-31"
        assert problem(within) == "--replay：交易日历 'XNYS' 无法覆盖 1800-01-01 至 1800-12-31"

    def test_a_part_has_entries_of_its_own(self):
        """``1 to 5`` may be a bound, and found it may be anybody's text."""
        error = UsageError("", expected="1 to 5", found="1 to 5", where="1 to 5")
        parts = told_in("zh", error).parts
        assert dict(parts) == {"expected": "1 至 5", "found": "1 to 5", "where": "1 to 5"}


class TestUntouched:
    @pytest.mark.parametrize(
        "text",
        ["no entry for this", "sp500", "", "the dataset", "已中断", "{} {0} {x", "%s \\1 \\g<0>"],
    )
    def test_a_text_without_an_entry(self, text: str):
        assert problem(text) == text

    def test_what_stands_in_a_place(self):
        for value in ("'{}'", "'{0}'", "'\\\\1'", "'nothing'", "'sp 500'"):
            assert problem(f"unknown dataset {value}") == f"未知的数据集 {value}"

    def test_english(self):
        error = UsageError("unknown dataset 'a'", found="nothing", fix="check the path")
        told = told_in("en", error)
        assert (told.problem, dict(told.parts)) == (error.problem, error.parts())
