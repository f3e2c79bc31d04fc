"""The factor job: names, texts and libraries -> values in the store.

1. :func:`_wanted` resolves what was asked for; by default the first factors anyone needs
   and those of the configured strategy.
2. :func:`~quant_core.jobs.factors.ensure_stored` extends or computes what is missing.
3. ``--list`` and ``--explain`` answer without data; ``--output`` writes one long table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from quant_core.data.factor_export import refuse_ending, write_long_table
from quant_core.data.factor_store import FactorStore
from quant_core.factors.explain import explain
from quant_core.factors.factor import Factor
from quant_core.factors.library import BARE_EXPRESSION, LIBRARIES, catalogue, resolve
from quant_core.factors.plan import (
    build_plan,
    cost,
    look_back,
    required_fields,
    required_groups,
)
from quant_core.factors.printer import to_text
from quant_core.factors.units import unit_of
from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.settings import Settings
from quant_core.foundation.timing import monotonic_seconds
from quant_core.foundation.types import FloatMatrix
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.factor_source import SnapshotSource
from quant_core.jobs.factors import (
    OWN_LIBRARY,
    Computation,
    ensure_stored,
    own_factors,
    refuse_unknown,
    stored_values,
)
from quant_core.jobs.progress import ProgressLine
from quant_core.reports.results import refuse_unwritable
from quant_core.strategies import create_strategy, strategy_sections
from quant_core.wiring import build_universe, open_snapshot

DEFAULT_FACTORS = ("momentum_20", "momentum_12_1", "volatility_20")


def run(request: Request) -> Outcome:
    """Compute, list or explain factors."""
    arguments = request.arguments
    settings = request.load(strategy_sections()).settings
    own = own_factors(settings.factors)
    if arguments.explain:
        factor = resolve(arguments.explain, own)
        refuse_unknown([factor])
        return _explain(factor)
    asked = _wanted(arguments.factor, arguments.library, own)
    if arguments.list:
        refuse_unknown(asked)
        return _list(asked or [*catalogue().values(), *own.values()], request.say)
    if arguments.output:
        refuse_ending(Path(arguments.output))
        refuse_unwritable(Path(arguments.output).parent)
    factors = asked or _default_factors(settings, own)
    snapshot = open_snapshot(settings)
    refuse_unknown(factors, snapshot.fields)
    source = SnapshotSource(snapshot, build_universe(settings, snapshot))
    begun = monotonic_seconds()
    done = ensure_stored(source, factors, ProgressLine(request.say("Factors")))
    seconds = monotonic_seconds() - begun
    if arguments.output:
        _write_output(Path(arguments.output), source, factors, done)
    return _outcome(source, factors, done, seconds, request.say)


def _wanted(
    names: Sequence[str], libraries: Sequence[str], own: Mapping[str, Factor]
) -> list[Factor]:
    """The factors asked for, in the order asked; a named one once, a bare text every time."""
    wanted: list[Factor] = []
    for factor in (resolve(name, own) for name in names):
        if factor.library == BARE_EXPRESSION or factor not in wanted:
            wanted.append(factor)
    known = [*catalogue().values(), *own.values()]
    for library in libraries:
        if library not in (*LIBRARIES, OWN_LIBRARY):
            raise UsageError(
                "unknown factor library",
                expected="one of: " + ", ".join((*LIBRARIES, OWN_LIBRARY)),
                found=library,
                where="--library",
            )
        wanted += [f for f in known if f.library == library and f not in wanted]
    return wanted


def _default_factors(settings: Settings, own: Mapping[str, Factor]) -> list[Factor]:
    """:data:`DEFAULT_FACTORS`, and whatever the configured strategy reads."""
    names = [*DEFAULT_FACTORS, *create_strategy(settings.strategy).factors]
    return _wanted(names, [], own)


def _list(factors: Sequence[Factor], say: Say) -> Outcome:
    rows: list[dict[str, object]] = []
    for factor in factors:
        tree = factor.expression
        rows.append(
            {
                "name": factor.name,
                "library": factor.library,
                "text": factor.text,
                "look_back": look_back(tree),
                "fields": [*required_fields(tree), *required_groups(tree)],
                "citation": factor.citation,
            }
        )
    width = max((len(f.name) for f in factors), default=0)
    lines = [f"{f.name:<{width}}  {f.library:<9} {f.text}" for f in factors]
    return Outcome(rows, "\n".join([*lines, say("{count} factors").format(count=len(factors))]))


def _explain(factor: Factor) -> Outcome:
    tree = factor.expression
    text = explain(tree)
    document: dict[str, object] = {
        "name": factor.name,
        "library": factor.library,
        "text": factor.text,
        "tree": to_text(tree),
        "citation": factor.citation,
        "deviations": factor.deviations,
        "look_back": look_back(tree),
        "unit": unit_of(tree).value,
        "cost": cost(build_plan([tree])),
        "fields": [*required_fields(tree), *required_groups(tree)],
        "explanation": text,
    }
    head = [factor.name, factor.citation, factor.deviations]
    return Outcome(document, "\n".join([*(line for line in head if line), "", text]))


def _outcome(
    source: SnapshotSource,
    factors: Sequence[Factor],
    done: Computation,
    seconds: float,
    say: Say,
) -> Outcome:
    snapshot, missing, taken = source.snapshot, done.unavailable or {}, done.seconds or {}
    stored = {entry.key.name: entry for entry in FactorStore(snapshot).stored()}
    how = {
        **dict.fromkeys(done.stored, "unchanged"),
        **dict.fromkeys(done.extended, "extended"),
        **dict.fromkeys(done.computed, "computed"),
        **dict.fromkeys(missing, "unavailable"),
    }
    described: dict[str, Mapping[str, object]] = {}
    for factor in factors:
        about: dict[str, object] = {"status": how[factor.name]}
        if factor.name in stored:
            entry = stored[factor.name]
            about |= {"coverage": round(entry.coverage, 6), "bytes": entry.bytes}
        about["seconds"] = round(taken.get(factor.name, 0.0), 4)
        if factor.name in missing:
            about["missing_fields"] = list(missing[factor.name])
        described[factor.name] = about
    counts = {
        "computed": len(done.computed),
        "extended": len(done.extended),
        "unchanged": len(done.stored),
        "unavailable": len(missing),
    }
    document: dict[str, object] = {
        "dataset": snapshot.dataset,
        "data_version": snapshot.version,
        **counts,
        "seconds": round(seconds, 3),
        "factors": described,
    }
    told = ", ".join(f"{number} {say(word)}" for word, number in counts.items())
    warnings = _unavailable(missing, say)
    text = f"{snapshot.dataset} {snapshot.version[:16]}: {told} ({seconds:.2f} s)"
    return Outcome(document, text, warnings)


def _unavailable(missing: Mapping[str, Sequence[str]], say: Say) -> list[str]:
    """One line a missing field, with the factors that need it."""
    by_field: dict[str, list[str]] = {}
    for name, fields in missing.items():
        for field in fields:
            by_field.setdefault(field, []).append(name)
    sentence = say("the dataset has no field {field!r}: unavailable are {names}")
    return [
        sentence.format(field=field, names=", ".join(names))
        for field, names in sorted(by_field.items())
    ]


def _write_output(
    path: Path, source: SnapshotSource, factors: Sequence[Factor], done: Computation
) -> None:
    """One long table: date, symbol, one column a factor; f1, f2, ... for bare texts.

    A factor that is unavailable has a column without values.
    """
    missing = done.unavailable or {}
    values = stored_values(source, [f for f in factors if f.name not in missing])
    unknown = np.full(source.axes.shape, np.nan)
    columns: dict[str, FloatMatrix] = {}
    bare = 0
    for factor in factors:
        name = factor.name
        if factor.library == BARE_EXPRESSION:
            bare += 1
            name = f"f{bare}"
        columns[name] = values.get(factor.name, unknown)
    write_long_table(path, source.axes, columns)
