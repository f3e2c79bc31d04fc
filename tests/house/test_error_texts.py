"""Every text of an error is there in Chinese, and every Chinese text is one of an error."""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from config.known_keys import known_keys
from quant_core.foundation import chinese_errors
from quant_core.foundation.error_language import told_in
from quant_core.foundation.errors import UsageError
from quant_core.strategies import STRATEGIES, strategy_sections
from tests.house.error_texts import INDIRECT, SHOWN, TOLD, ErrorText, error_texts
from tests.house.source_tree import Module

TABLES: Mapping[str, Mapping[str, str]] = {
    "problem": chinese_errors.PROBLEMS,
    "expected": chinese_errors.EXPECTED,
    "fix": chinese_errors.FIXES,
    "found": chinese_errors.SHOWN,
    "where": chinese_errors.SHOWN,
}
ALL_TABLES = {
    **{part: TABLES[part] for part in (*TOLD, "found")},
    "settings": chinese_errors.SETTING_VALUES,
    "words": chinese_errors.WORDS,
    "arguments": chinese_errors.ARGUMENTS,
}
HAN = re.compile(r"[\u4e00-\u9fff]")
SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,}")
CODE = re.compile(r"\b[\w/]+\.(?:py|yaml|md)\b|--\w+ \w+|`[^`]*`")


def places(template: str) -> list[str]:
    """The places of a template, those without a number counted from 0."""
    names = [name for _, name, *_ in Formatter().parse(template) if name is not None]
    return [name or str(index) for index, name in enumerate(names)]


def untranslated(texts: list[ErrorText], tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The sentences of errors that have no entry."""
    told = (text for text in texts if text.part in TOLD)
    return sorted(
        {f"{t.place} {t.part}: {t.template}" for t in told if t.template not in tables[t.part]}
    )


def dead(texts: list[ErrorText], tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The entries that no error uses in the part they are meant for."""
    used: dict[int, set[str]] = {}
    for part, table in tables.items():
        said = {text.template for text in texts if text.part == part}
        used.setdefault(id(table), set()).update(said)
    return sorted({e for table in tables.values() for e in table if e not in used[id(table)]})


@cache
def texts_of_the_product() -> list[ErrorText]:
    return error_texts()


class TestEntries:
    def test_every_sentence_has_one(self):
        assert untranslated(texts_of_the_product(), TABLES) == []

    def test_every_one_is_used(self):
        assert dead(texts_of_the_product(), TABLES) == []

    @pytest.mark.parametrize("name", ALL_TABLES)
    def test_places_are_the_same_in_both_languages(self, name: str):
        other = {
            english: chinese
            for english, chinese in ALL_TABLES[name].items()
            if sorted(places(english)) != sorted(places(chinese))
        }
        assert other == {}

    @pytest.mark.parametrize("name", ALL_TABLES)
    def test_sentences_are_chinese(self, name: str):
        english = [
            text
            for text, chinese in ALL_TABLES[name].items()
            if not HAN.search(chinese) and SENTENCE.search(CODE.sub("", text))
        ]
        assert english == []

    @pytest.mark.parametrize("part", [*TOLD, "found"])
    def test_each_is_what_its_own_text_becomes(self, part: str):
        """No other entry takes a text away, and what stands in the places stays."""
        wrong = {}
        for english, chinese in TABLES[part].items():
            values = [f"V{index}" for index in range(len(places(english)))]
            told = texts_in_chinese(part, english.format(*values))
            if told != chinese.format(*values):
                wrong[english] = told
        assert wrong == {}


class TestSettings:
    """What a key takes is put together of words by the settings themselves."""

    @pytest.fixture
    def expected(self) -> set[str]:
        keys = known_keys(strategy_sections()).values()
        return {key.expected for key in keys} - {"paper"}

    def test_every_value_is_told_in_chinese(self, expected: set[str]):
        told = {text: texts_in_chinese("expected", text) for text in expected}
        english = {text for text, chinese in told.items() if chinese == text}
        assert english == set()
        assert {t for t, chinese in told.items() if SENTENCE.search(chinese)} == set()

    def test_every_entry_is_used(self, expected: set[str]):
        first = next(iter(expected))
        entries = chinese_errors.SETTING_VALUES
        told = {*expected, f"{first}: what it means"}
        unused = {e for e in entries if not any(fits(e, text) for text in told)}
        assert unused == set()

    def test_units_and_kinds_are_the_words(self):
        units = {key.unit for key in known_keys(strategy_sections()).values()} - {""}
        assert {*units, STRATEGIES.kind} == set(chinese_errors.WORDS)


class TestArguments:
    COMPLAINTS = (
        (["--count", "two", "one"], "invalid int value"),
        (["--part", "two", "one"], "invalid float value"),
        (["--count"], "expected one argument"),
        (["--switch=1", "one"], "ignored explicit argument"),
        (["three"], "invalid choice"),
        ([], "are required"),
        (["one", "--what"], "unrecognized"),
    )

    @pytest.mark.parametrize(("words", "kind"), COMPLAINTS)
    def test_what_the_parser_says(self, words: list[str], kind: str):
        said = complaint(words)
        assert kind in said
        told = texts_in_chinese("problem", said)
        assert HAN.search(told)
        assert not SENTENCE.search(told)

    def test_every_entry_is_used(self):
        said = [complaint(words) for words, _ in self.COMPLAINTS]
        entries = chinese_errors.ARGUMENTS
        assert [e for e in entries if not any(fits(e, text) for text in said)] == []


class TestSearch:
    """The tests see what they look for."""

    PROGRAM = """
class QuantError(Exception): ...
class Late(QuantError): ...
NAMES = "one of a table"

def check(kind, name, seconds):
    if not name:
        raise QuantError("a constant", expected=NAMES, fix="do " + "this")
    what = "long" if seconds else "short"
    raise Late(f"{kind} {name!r} is {what}", found=f"{seconds:g} s", fix=_advice(name))

def _advice(name) -> str:
    return f"wait for {name}" if name else ""

def refuse(problem, *, hint=""):
    raise QuantError(problem, fix=hint)

def other(value):
    refuse("from a caller", hint="with a hint")
    for problem, ok in (("of a row", True), (f"of {value}", False)):
        if ok:
            raise Late(problem, expected=f"{value}")
    raise Late(value, expected=value.text)
"""

    def texts(self) -> list[ErrorText]:
        module = Module(Path("example.py"), self.PROGRAM, ast.parse(self.PROGRAM))
        return error_texts([module])

    def test_texts_are_followed_to_where_they_are_written(self):
        found = {(text.part, text.template) for text in self.texts()}
        assert found == {
            ("problem", "a constant"),
            ("expected", "one of a table"),
            ("fix", "do this"),
            ("problem", "{} {} is long"),
            ("problem", "{} {} is short"),
            ("found", "{} s"),
            ("fix", "wait for {}"),
            ("problem", "from a caller"),
            ("fix", "with a hint"),
            ("problem", "of a row"),
            ("problem", "of {}"),
        }

    def test_texts_that_are_not_followed_are_named(self):
        seen = {text.place for text in texts_of_the_product()}
        assert {f"{path} {name}" for path, name, _ in INDIRECT} <= seen

    def test_a_missing_and_a_dead_entry_are_found(self):
        texts = [
            ErrorText("a {}", "problem", "a.py:1"),
            ErrorText("b", "fix", "a.py:1"),
            ErrorText("c", "where", "a.py:1"),
        ]
        shown = {"c": "丙", "e": "戊"}
        tables = {"problem": {"b": "乙"}, "expected": {}, "fix": {"b": "乙"}}
        tables |= dict.fromkeys(SHOWN, shown)
        assert untranslated(texts, tables) == ["a.py:1 problem: a {}"]
        assert dead(texts, tables) == ["b", "e"]


def texts_in_chinese(part: str, text: str) -> str:
    """What a part of an error becomes."""
    if part == "problem":
        return told_in("zh", UsageError(text)).problem
    parts = {name: text if name == part else "" for name in ("expected", "found", "fix")}
    error = UsageError("", expected=parts["expected"], found=parts["found"], fix=parts["fix"])
    return told_in("zh", error).parts[part]


def fits(template: str, text: str) -> bool:
    """Whether ``text`` may be ``template`` with its places filled."""
    return re.fullmatch("".join(_pattern(template)), text, re.DOTALL) is not None


def _pattern(template: str) -> Iterator[str]:
    for written, place, *_ in Formatter().parse(template):
        yield re.escape(written)
        if place is not None:
            yield ".+"


class _Complaint(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise _Complaint(message)


def complaint(words: list[str]) -> str:
    """What argparse has against some words."""
    parser = _Parser(prog="example", add_help=False, allow_abbrev=False)
    parser.add_argument("which", choices=("one", "two"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--part", type=float)
    parser.add_argument("--switch", action="store_true")
    with pytest.raises(_Complaint) as caught:
        parser.parse_args(words)
    return str(caught.value)
