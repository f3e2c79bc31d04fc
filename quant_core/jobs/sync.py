"""The data job: a source -> the quality gate -> a new version of a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from quant_core.data import ingest
from quant_core.data.schema import DatasetFacts, PriceBasis
from quant_core.data.sources.demo import DemoOptions, DemoSource
from quant_core.data.sources.files import FileSource
from quant_core.data.sources.port import PriceSource
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import UsageError
from quant_core.foundation.settings import Settings
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.sync_command import PRICE_BASES
from quant_core.strategies import strategy_sections

DEMO_BASIS: PriceBasis = "raw"
FILE_BASIS: PriceBasis = "split_adjusted"


def run(request: Request) -> Outcome:
    """Check or ingest what the source has."""
    settings = request.load(strategy_sections()).settings
    arguments = request.arguments
    warehouse = Warehouse(Path(settings.data.root))
    stored = warehouse.newest(settings.data.dataset) if arguments.if_empty else None
    if stored is not None:
        text = f"{request.say('dataset exists already')}: {stored.dataset} {stored.version[:16]}"
        document = {"dataset": stored.dataset, "version": stored.version, "published": False}
        return Outcome(document, text)
    source = _source(arguments, settings)
    facts = _facts(arguments, settings)
    warnings = _warnings(arguments)
    if arguments.check:
        report = ingest.check(source, facts)
        code = 4 if report.refusals else 0
        return Outcome(report.as_dict(), report.as_text(), warnings, code)
    done = ingest.ingest(source, warehouse, facts, replace_all=arguments.replace)
    return Outcome(done.as_dict(), done.as_text(), warnings)


def _source(arguments: argparse.Namespace, settings: Settings) -> PriceSource:
    if arguments.source == "demo":
        given = {
            name: getattr(arguments, name)
            for name in ("stocks", "etfs", "sessions", "seed")
            if getattr(arguments, name) is not None
        }
        return DemoSource(DemoOptions(calendar=settings.data.calendar, **given))
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


def _facts(arguments: argparse.Namespace, settings: Settings) -> DatasetFacts:
    synthetic = arguments.source == "demo"
    given = arguments.price_basis
    stated: dict[str, PriceBasis] = {
        "raw": "raw",
        "split_adjusted": "split_adjusted",
        "total_return": "total_return",
    }
    assumed = DEMO_BASIS if synthetic else FILE_BASIS
    return DatasetFacts(
        dataset=settings.data.dataset,
        calendar=settings.data.calendar,
        price_basis=stated.get(given or "", assumed),
        currency=arguments.currency,
        synthetic=synthetic,
    )


def _warnings(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.source == "demo":
        return ("the demo market is synthetic: no number computed from it is real",)
    if arguments.price_basis is None:
        others = ", ".join(PRICE_BASES)
        return (f"price basis not stated: {FILE_BASIS} assumed (--price-basis {others})",)
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
