"""The page of the certificates: one small file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from quant_core.certificates.certificate import Certificate, Table
from quant_core.foundation.language import Language, Say, translator
from quant_core.reports.page import STYLE, bullets, cards, folded, paragraph, table

LONG_TABLE = 14
"""Rows beyond which a table is folded."""

WORDS = {
    "causality": (
        "Causality",
        "Does anything later than a close change what was decided at it?",
    ),
    "null": ("Null", "Do random scores earn an alpha before costs?"),
    "conservation": ("Conservation", "Is every micro-unit accounted for, every session?"),
    "implementation_band": (
        "Implementation band",
        "How far does the result move across defensible conventions?",
    ),
    "reproducibility": ("Reproducibility", "Do the same settings give the same bytes?"),
}
"""Title of each certificate, and the question it answers."""


@dataclass(frozen=True, slots=True)
class PageInput:
    """What the page shows; ``facts`` are name-value lines of its head."""

    title: str
    facts: Sequence[tuple[str, str]]
    certificates: Sequence[Certificate]
    language: Language


def render_certificates(given: PageInput) -> str:
    """The page as one HTML document, without a script."""
    say = translator(given.language)
    title = f"{say('Certificates')} · {given.title}"
    passed = all(certificate.passed for certificate in given.certificates)
    sections = "".join(_section(certificate, given) for certificate in given.certificates)
    overall = say("all passed") if passed else say("not all passed")
    facts = table([say("Fact"), say("Content")], given.facts, numbers=range(0))
    html_language = "zh-CN" if given.language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{html_language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{VERDICT_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)} {_badge(overall, passed=passed)}</h1>{_menu(given)}</header>"
        f"<main><section>{_verdicts(given)}{facts}</section>{sections}</main></body></html>\n"
    )


def title_of(certificate: Certificate, say: Say) -> str:
    """The certificate's title in the reader's language."""
    return say(WORDS[certificate.name][0])


def sentence(text: str) -> str:
    """The text as a sentence.

    Examples
    --------
    >>> sentence("nothing changed")
    'Nothing changed.'
    """
    chinese = any(character > "\u2e7f" for character in text)
    return text[:1].upper() + text[1:] + ("。" if chinese else ".")


def _menu(given: PageInput) -> str:
    say = translator(given.language)
    links = [f'<a href="#{c.name}">{escape(title_of(c, say))}</a>' for c in given.certificates]
    return f"<nav>{''.join(links)}</nav>"


def _verdicts(given: PageInput) -> str:
    say = translator(given.language)
    rows = [
        f"<tr><td>{_verdict(c, given.language)}</td><td>{escape(title_of(c, say))}</td>"
        f"<td>{escape(sentence(c.summary))}</td></tr>"
        for c in given.certificates
    ]
    return (
        f'<div class="scroll"><table class="verdicts"><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _section(certificate: Certificate, given: PageInput) -> str:
    say = translator(given.language)
    question = say(WORDS[certificate.name][1])
    heading = f"{escape(title_of(certificate, say))} {_verdict(certificate, given.language)}"
    shown = cards([(name, value, "") for name, value in certificate.highlights])
    tables = "".join(_table(part) for part in certificate.tables)
    limits = f"<h3>{escape(say('What this does not prove'))}</h3>{bullets(certificate.limits)}"
    return (
        f'<section id="{certificate.name}"><h2>{heading}</h2>'
        f"{paragraph(question, 'small')}{paragraph(sentence(certificate.summary))}"
        f"{shown}{certificate.picture}{tables}{limits}</section>"
    )


def _table(part: Table) -> str:
    made = table(part.head, part.rows, numbers=part.numbers)
    if len(part.rows) > LONG_TABLE:
        return folded(f"{part.title} ({len(part.rows)})", made)
    return f"<h3>{escape(part.title)}</h3>{made}"


def _verdict(certificate: Certificate, language: Language) -> str:
    say = translator(language)
    told = say("passed") if certificate.passed else say("failed")
    return _badge(told, passed=certificate.passed)


def _badge(text: str, *, passed: bool) -> str:
    return f'<span class="badge {"good" if passed else "bad"}">{escape(text)}</span>'


VERDICT_STYLE = """
.badge { font-size: 12px; font-weight: 600; padding: 2px 9px; border-radius: 10px;
  white-space: nowrap; vertical-align: 2px; }
.good { background: #e2f3e6; color: #1b6b34; } .bad { background: #fbe3e1; color: #a3231a; }
.verdicts { margin-bottom: 12px; } .verdicts td:first-child { width: 1%; }
.verdicts td:nth-child(2) { white-space: nowrap; font-weight: 600; width: 1%; }
main { max-width: 960px; }
svg { display: block; margin: 12px 0; } svg text { font-family: inherit; }
section > .scroll > table:not(.verdicts) { max-width: 860px; }
.cards { margin: 4px 0 10px; max-width: 860px; }
"""
