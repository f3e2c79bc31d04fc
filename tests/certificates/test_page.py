"""The page: one small file, in both languages, that says what failed."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from quant_core.certificates.altered_data import Alteration
from quant_core.certificates.certificate import Certificate, Table
from quant_core.certificates.differences import Stage
from quant_core.certificates.implementation_band import CONVENTIONS
from quant_core.certificates.page import WORDS, PageInput, render_certificates
from quant_core.foundation.language import translator
from quant_core.jobs.prove import PROOFS
from tests.jobs.console import PROJECT
from tests.jobs.test_language import missing, texts_of

GOOD = Certificate(
    "conservation",
    True,
    "all adds up",
    {"sessions": 3},
    highlights=[("Sessions", "3")],
    tables=[Table("Cash <account>", ["Line", "Amount"], [["a & b", "1"]])],
    limits=["nothing else"],
)
BAD = replace(GOOD, name="null", passed=False, summary="random books earn 3 %")


def page(*certificates: Certificate, language="en") -> str:
    return render_certificates(
        PageInput("production_v1 · demo", [("Dataset", "demo")], certificates, language)
    )


class WellFormed(HTMLParser):
    """Open and closed tags; what is left open is wrong."""

    VOID = frozenset({"meta", "br", "rect", "line", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


class TestPage:
    def test_tags_match(self):
        reader = WellFormed()
        reader.feed(page(GOOD, BAD))
        assert reader.open == []

    def test_verdicts(self):
        assert "not all passed" in page(GOOD, BAD)
        assert "all passed" in page(GOOD)
        assert "not all passed" not in page(GOOD)

    def test_text_is_escaped(self):
        assert "Cash &lt;account&gt;" in page(GOOD)
        assert "a &amp; b" in page(GOOD)

    def test_nothing_is_loaded_from_elsewhere(self):
        text = page(GOOD, BAD)
        assert not re.search(r"https?:|<script|<link|url\(", text)
        assert len(text) < 20_000

    def test_long_tables_are_folded(self):
        long = replace(GOOD, tables=[Table("Many", ["n"], [["1"]] * 40)])
        assert "<details><summary>Many (40)</summary>" in page(long)

    def test_every_certificate_has_its_words(self):
        assert set(WORDS) == set(PROOFS)


SPEAKERS = [
    *sorted((PROJECT / "quant_core" / "certificates").glob("*.py")),
    PROJECT / "quant_core" / "jobs" / "prove.py",
]


class TestChinese:
    @pytest.mark.parametrize("path", SPEAKERS, ids=lambda path: path.stem)
    def test_every_text_that_is_said(self, path):
        assert missing(texts_of(ast.parse(path.read_text("utf-8")))) == []

    def test_words_that_are_values(self):
        labels = [word for c in CONVENTIONS for word in (c.group, c.label)]
        spoken = [label for label in labels if re.search(r"[a-z]{4}", label)]
        assert missing([*spoken, *(word for pair in WORDS.values() for word in pair)]) == []
        assert missing([*(s.value for s in Stage), *(a.value for a in Alteration)]) == []

    def test_page(self):
        text = page(GOOD, BAD, language="zh")
        assert '<html lang="zh-CN">' in text
        assert translator("zh")("Conservation") in text
