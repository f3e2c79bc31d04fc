"""The plan of a sweep: axes, combinations, the settings and the key of each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quant_core.backtest_engine import find_window
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.errors import ConfigurationError, QuantError
from quant_core.foundation.files import text_hash
from quant_core.foundation.settings import LoadedSettings, Settings, result_key
from quant_core.foundation.types import SessionArray
from quant_core.jobs.command_line import Request
from quant_core.jobs.run_papers import code_hash, run_name
from quant_core.jobs.sweep_settings import settings_of
from quant_core.reports.results import refuse_unwritable
from quant_core.strategies import strategy_sections
from quant_core.sweeps.grid import (
    Axis,
    Combination,
    check_axes,
    combinations,
    lines_of_file,
    open_lines,
    read_axes,
)
from quant_core.sweeps.trials import METRICS, SAMPLE
from quant_core.wiring import open_snapshot

COLUMNS = (
    *("number", "status", "error", "run_id"),
    *(name.removesuffix("_micros") for name in (*METRICS, *SAMPLE)),
)
"""Columns of the table beside the axes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep before it is traded.

    ``keys`` name the result of each combination: equal settings, data and code, equal keys.
    """

    loaded: LoadedSettings
    snapshot: Snapshot
    axes: tuple[Axis, ...]
    grid: list[Combination]
    settings: list[Settings | QuantError]
    keys: list[str]
    run_ids: list[str | None]
    folder: Path


def make_plan(request: Request) -> Plan:
    """Read the grid and every combination of it.

    Raises
    ------
    ConfigurationError
        With every problem of the grid and of the settings beside it.
    """
    sections = strategy_sections()
    given: list[str] = request.arguments.set
    axes, problems = _axes(request.arguments)
    problems += check_axes(axes, given, Settings.model_fields, COLUMNS) if not problems else []
    unfilled = open_lines(axes, given)
    request.arguments.set = [line for line in given if line not in unfilled]
    try:
        loaded = request.load(sections)
    except ConfigurationError as error:
        raise ConfigurationError.all_of([*problems, *(error.problems or (error,))]) from None
    if problems:
        raise ConfigurationError.all_of(problems)
    grid = combinations(axes, given)

    def read(lines: Sequence[str]) -> Settings:
        return request.load(sections, lines).settings

    settings = settings_of(grid, loaded.settings, read)
    output = Path(loaded.settings.report.output)
    refuse_unwritable(output)
    snapshot = open_snapshot(loaded.settings)
    told = [str(one) if isinstance(one, QuantError) else result_key(one) for one in settings]
    results = [
        _result(one, text, loaded.settings, snapshot)
        for one, text in zip(settings, told, strict=True)
    ]
    written = [f"{axis.name}={value}" for axis in axes for value in axis.values]
    digest = text_hash([snapshot.version, *written, *results])[:12]
    return Plan(
        loaded=loaded,
        snapshot=snapshot,
        axes=tuple(axes),
        grid=grid,
        settings=settings,
        keys=[text_hash([result, code_hash()]) for result in results],
        run_ids=_run_ids(settings, told, snapshot),
        folder=output / f"sweep-{snapshot.dataset}-{digest}",
    )


def _axes(arguments: argparse.Namespace) -> tuple[list[Axis], list[ConfigurationError]]:
    if arguments.grid_file is None:
        return read_axes(arguments.grid)
    lines = lines_of_file(Path(arguments.grid_file).read_text("utf-8"))
    return read_axes(arguments.grid, lines, arguments.grid_file)


def _result(settings: Settings | QuantError, told: str, base: Settings, snapshot: Snapshot) -> str:
    """What makes the result of a combination, as text: its settings or their refusal, the data."""
    if isinstance(settings, QuantError):
        return told
    version = snapshot.version
    if settings.data.dataset != base.data.dataset or settings.data.root != base.data.root:
        version = _version(settings)
    return f"{version} {told}"


def _version(settings: Settings) -> str:
    """The version of another dataset; one that cannot be opened is refused when it is traded."""
    try:
        return open_snapshot(settings).version
    except QuantError as error:
        return str(error)


def _run_ids(
    settings: Sequence[Settings | QuantError], told: Sequence[str], base: Snapshot
) -> list[str | None]:
    """The run id of each combination; None where it has no settings or no window."""
    windows: dict[tuple[object, ...], tuple[str, SessionArray] | None] = {}
    found: list[str | None] = []
    for one, text in zip(settings, told, strict=True):
        if isinstance(one, QuantError):
            found.append(None)
            continue
        where = (one.data.dataset, one.data.root, one.backtest.start, one.backtest.end)
        if where not in windows:
            windows[where] = _window(one, base)
        window = windows[where]
        found.append(None if window is None else run_name(one, text, *window))
    return found


def _window(settings: Settings, base: Snapshot) -> tuple[str, SessionArray] | None:
    """Version of the data and sessions of a run."""
    try:
        snapshot = base if settings.data.dataset == base.dataset else open_snapshot(settings)
        axis = snapshot.axes.sessions
        window = find_window(axis, settings.backtest.start, settings.backtest.end)
    except QuantError:
        return None
    return snapshot.version, axis[window.first : window.last + 1]
