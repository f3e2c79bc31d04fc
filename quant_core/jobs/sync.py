"""The data job: a source -> the quality gate -> a new version of a dataset."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from quant_core.data import ingest
from quant_core.data.corporate_actions import refuse_adjusted
from quant_core.data.schema import DatasetFacts, PriceBasis
from quant_core.data.sources.action_files import RawActions, read_actions
from quant_core.data.sources.demo import DemoOptions, DemoSource
from quant_core.data.sources.files import FileSource
from quant_core.data.sources.port import PriceSource
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.settings import Settings
from quant_core.jobs.action_account import actions_text
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.progress import ProgressLine
from quant_core.jobs.sync_command import PRICE_BASES
from quant_core.reports.words import padded
from quant_core.strategies import strategy_sections

CURRENCIES = {"XSHG": "CNY", "XSHE": "CNY", "XHKG": "HKD", "XBOM": "INR"}
"""The currency of an exchange's prices, where it is not :data:`OTHER_CURRENCY`."""
OTHER_CURRENCY = "USD"
DEMO_BASIS: PriceBasis = "raw"
FILE_BASIS: PriceBasis = "split_adjusted"
FILE_FLAGS = ("path", "actions", "column", "scale", "symbol")
PRICE_FLAGS = ("check", "replace", "column", "scale", "symbol")
"""Flags that mean nothing without prices."""
DEMO_FLAGS = ("stocks", "etfs", "sessions", "seed")

_COLUMN = re.compile(r"\S.*? {2,}|^ +|\S.*$|^$")
"""A column with the blanks behind it."""
KEPT_VERSIONS = 10
"""Versions of a dataset that a sync leaves; factors are extended from them."""


def run(request: Request) -> Outcome:
    """Check or ingest what the source has."""
    settings = request.load(strategy_sections()).settings
    arguments, say = request.arguments, request.say
    warehouse = Warehouse(Path(settings.data.root))
    stored = warehouse.newest(settings.data.dataset) if arguments.if_empty else None
    if stored is not None:
        text = f"{say('dataset exists already')}: {stored.dataset} {stored.version[:16]}"
        document = {"dataset": stored.dataset, "version": stored.version, "published": False}
        return Outcome(document, text)
    _refuse_foreign_flags(arguments)
    stored = None if arguments.replace else warehouse.newest(settings.data.dataset)
    facts = _facts(arguments, settings, stored.facts if stored else None)
    if arguments.actions:
        refuse_adjusted(facts)
        if not arguments.path:
            return _actions_alone(warehouse, facts, request)
    source = _source(arguments, facts)
    warnings = _warnings(arguments, say, is_new=stored is None)
    if arguments.check:
        return _checked(source, facts, request, warnings)
    done = _ingested(source, warehouse, facts, request)
    return Outcome(done.as_dict(), f"{_kind(facts, say)}\n{_account(done, say)}", warnings)


def _ingested(
    source: PriceSource, warehouse: Warehouse, facts: DatasetFacts, request: Request
) -> ingest.IngestReport:
    """Ingest with a progress line, which is gone at the end, however it ends."""
    line = ProgressLine(request.say("Data"))
    try:
        replace_all: bool = request.arguments.replace
        done = ingest.ingest(
            source,
            warehouse,
            facts,
            actions=_raw_actions(request.arguments),
            replace_all=replace_all,
            progress=line,
        )
    finally:
        line(ingest.STAGES, ingest.STAGES)
    warehouse.prune(facts.dataset, KEPT_VERSIONS)
    return done


def _checked(
    source: PriceSource, facts: DatasetFacts, request: Request, warnings: tuple[str, ...]
) -> Outcome:
    """What the gate says of prices and actions; nothing is stored."""
    seen = ingest.judged(source, facts, _raw_actions(request.arguments))
    document = seen.quality.as_dict()
    text = _in_language(seen.quality.as_text(), request.say)
    if seen.actions is not None:
        document = {**document, "actions": seen.actions.as_dict()}
        text = f"{text}\n{actions_text(seen.actions, request.say)}"
    code = DataRefused.exit_code if seen.quality.refusals else 0
    return Outcome(document, text, warnings, code)


def _raw_actions(arguments: argparse.Namespace) -> RawActions | None:
    return read_actions(arguments.actions) if arguments.actions else None


def _actions_alone(warehouse: Warehouse, facts: DatasetFacts, request: Request) -> Outcome:
    """Bring actions into a dataset whose prices are there already."""
    arguments, say = request.arguments, request.say
    given = [f"--{name}" for name in PRICE_FLAGS if getattr(arguments, name)]
    if given:
        raise UsageError(
            f"{given[0]} concerns prices, and there are none in this command",
            expected="--path with the prices beside --actions",
            fix=f"add --path, or leave {given[0]} out",
        )
    actions = read_actions(arguments.actions)
    version, is_new, report = ingest.ingest_actions(warehouse, facts, actions)
    warehouse.prune(facts.dataset, KEPT_VERSIONS)
    done = (
        say("published {dataset} version {version}")
        if is_new
        else say("nothing changed; still {dataset} version {version}")
    )
    last = done.format(dataset=facts.dataset, version=version[:16])
    document = {
        "dataset": facts.dataset,
        "version": version,
        "published": is_new,
        "actions": report.as_dict(),
    }
    return Outcome(document, f"{actions_text(report, say)}\n{last}")


def _kind(facts: DatasetFacts, say: Say) -> str:
    """What the rows were taken for, whether stated, stored or assumed."""
    text = say("taken as: calendar {calendar}, prices {basis}, currency {currency}")
    return text.format(calendar=facts.calendar, basis=facts.price_basis, currency=facts.currency)


def _account(done: ingest.IngestReport, say: Say) -> str:
    """The account of the gate, and what was done."""
    rows = say("{added} rows added, {revised} revised, {unchanged} unchanged").format(
        added=f"{done.rows_added:,}",
        revised=f"{done.rows_revised:,}",
        unchanged=f"{done.rows_unchanged:,}",
    )
    still = say(
        "nothing changed; still {dataset} version {version}: {rows} rows, {symbols} symbols"
    )
    new = say("published {dataset} version {version}: {rows} rows, {symbols} symbols")
    version = (new if done.published else still).format(
        dataset=done.dataset,
        version=done.version[:16],
        rows=f"{done.rows_stored:,}",
        symbols=f"{done.symbols_stored:,}",
    )
    lines = [_in_language(done.quality.as_text(), say)]
    if done.actions is not None:
        lines.append(actions_text(done.actions, say))
    if done.delistings_inferred:
        inferred = say("delisting inferred from the last price: {number} symbols")
        lines.append(inferred.format(number=f"{done.delistings_inferred:,}"))
    return "\n".join([*lines, rows, version])


def _in_language(account: str, say: Say) -> str:
    """The account of the gate with its words in the reader's language, columns kept.

    Words and numbers stand in columns that two blanks or more divide.
    """
    lines: list[str] = []
    for line in account.split("\n"):
        *columns, last = _COLUMN.findall(line)
        told = [padded(say(column.rstrip()), len(column)) for column in columns]
        lines.append("".join([*told, say(last)]))
    return "\n".join(lines)


def _refuse_foreign_flags(arguments: argparse.Namespace) -> None:
    """A flag of the other source would be ignored in silence."""
    foreign = FILE_FLAGS if arguments.source == "demo" else DEMO_FLAGS
    given = [f"--{flag}" for flag in foreign if getattr(arguments, flag) not in (None, [])]
    if given:
        raise UsageError(
            f"the source {arguments.source} has no use for {', '.join(given)}",
            fix="leave them out, or choose the other --source",
        )


def _source(arguments: argparse.Namespace, facts: DatasetFacts) -> PriceSource:
    if arguments.source == "demo":
        given = {
            name: getattr(arguments, name)
            for name in DEMO_FLAGS
            if getattr(arguments, name) is not None
        }
        return DemoSource(DemoOptions(calendar=facts.calendar, **given))
    if not arguments.path:
        raise UsageError(
            "the file source needs at least one path",
            expected="--path FILE_OR_FOLDER",
            fix="for example --path prices.parquet",
        )
    return FileSource(
        paths=tuple(Path(path) for path in arguments.path),
        columns=_pairs(arguments.column, "--column", may_be_empty=True),
        scales={
            name: _number(name, text) for name, text in _pairs(arguments.scale, "--scale").items()
        },
        symbol=arguments.symbol,
    )


def _facts(
    arguments: argparse.Namespace, settings: Settings, stored: DatasetFacts | None
) -> DatasetFacts:
    """What the user stated; what not, as the dataset is stored; else what is usual."""
    synthetic = arguments.source == "demo"
    calendar = settings.data.calendar
    if stored is not None and not _states_calendar(arguments):
        calendar = stored.calendar
    assumed = DEMO_BASIS if synthetic else FILE_BASIS
    currency = stored.currency if stored else CURRENCIES.get(calendar, OTHER_CURRENCY)
    return DatasetFacts(
        dataset=settings.data.dataset,
        calendar=calendar,
        price_basis=_stated_basis(arguments) or (stored.price_basis if stored else assumed),
        currency=_stated_currency(arguments) or currency,
        synthetic=synthetic,
    )


def _states_calendar(arguments: argparse.Namespace) -> bool:
    """Whether the command line names the calendar; the settings alone are a default."""
    given: list[str] = arguments.set
    keys = [text.partition("=")[0].strip() for text in given]
    return arguments.calendar is not None or "data.calendar" in keys


def _stated_basis(arguments: argparse.Namespace) -> PriceBasis | None:
    stated: dict[str, PriceBasis] = {
        "raw": "raw",
        "split_adjusted": "split_adjusted",
        "total_return": "total_return",
    }
    return stated.get(arguments.price_basis or "")


def _stated_currency(arguments: argparse.Namespace) -> str | None:
    given: str | None = arguments.currency
    if given is not None and not given.strip():
        raise UsageError(
            "--currency is blank",
            expected="the code of a currency, such as USD or CNY",
            found=repr(given),
            fix="name the currency, or leave --currency out",
        )
    return None if given is None else given.strip()


def _warnings(arguments: argparse.Namespace, say: Say, *, is_new: bool) -> tuple[str, ...]:
    if arguments.source == "demo":
        return (say("the demo market is synthetic: no number computed from it is real"),)
    if arguments.price_basis is None and is_new:
        text = say("price basis not stated: {basis} assumed (--price-basis {others})")
        return (text.format(basis=FILE_BASIS, others=", ".join(PRICE_BASES)),)
    return ()


def _pairs(given: list[str], flag: str, *, may_be_empty: bool = False) -> dict[str, str]:
    """``FIELD=VALUE`` texts as a mapping; an empty column means that the file has none."""
    pairs: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not (name and separator and (value or may_be_empty)):
            raise UsageError(
                f"{flag} needs a field and a value",
                expected=f"{flag} FIELD=VALUE",
                found=text,
            )
        pairs[name] = value
    return pairs


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            "--scale needs a number", expected=f"--scale {name}=100", found=f"{name}={text}"
        ) from error
