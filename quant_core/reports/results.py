"""A run's folder: tables, metrics, manifest, effective configuration, report.

The folder appears whole: everything is written beside it under a temporary name and
renamed at the end, so that an interrupted run leaves the earlier result as it was.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import sync
from quant_core.performance.gap_stress import GapStress
from quant_core.performance.metric import MetricValue, RunStatistics
from quant_core.reports.tables import (
    equity_table,
    fills_table,
    gap_stress_table,
    incidents_table,
    orders_table,
    positions_table,
)
from quant_core.trading.history import RunHistory

REPORT = "report.html"
GAP_STRESS = "gap_stress"


@dataclass(frozen=True, slots=True)
class RunPapers:
    """What stands in a run's folder beside the tables of its history.

    YAML and JSON documents, the report if wanted, the outcomes of a gap stress if made.
    """

    effective_yaml: str
    statistics: RunStatistics
    manifest: Mapping[str, object]
    report_html: str | None
    gap_stress: GapStress | None = None


def write_run(folder: Path, history: RunHistory, papers: RunPapers) -> None:
    """Write the run into ``folder``, replacing an earlier run of the same id whole.

    Only the report of that run, and the gap stress that it shows, stay when ``papers`` have
    no report: the same id is the same result.

    Raises
    ------
    OSError
        If the disk is full or cannot be written, naming the folder; an earlier run of
        the same id stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        _write_files(part, history, papers)
        if papers.report_html is None:
            _keep_report(folder, part)
        part.chmod(0o755)
        sync(part)
        _put_in_place(part, folder)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(folder)
        raise


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder of results that could not be written, before a run is computed.

    Raises
    ------
    UsageError
        If it, or the nearest folder above it that exists, is a file or not writable.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return
    raise UsageError(
        "the folder of the results cannot be written",
        expected="a folder that can be written, or made",
        found=f"no permission to write in {nearest}" if nearest.is_dir() else f"a file: {nearest}",
        where=str(folder),
        fix="choose another folder with --output",
    )


def metrics_document(statistics: RunStatistics) -> dict[str, dict[str, MetricValue]]:
    """Metrics by name, each with value, unit and convention; what does not exist is null.

    Examples
    --------
    >>> from quant_core.performance.metric import Metric
    >>> metrics_document(RunStatistics((Metric("beta", None, "ratio", "daily regression"),)))
    {'beta': {'value': None, 'unit': 'ratio', 'convention': 'daily regression'}}
    """
    return {
        metric.name: {
            "value": metric.value,
            "unit": metric.unit,
            "convention": metric.convention,
        }
        for metric in statistics
    }


def _keep_report(folder: Path, part: Path) -> None:
    """Carry the earlier report over, and its gap stress unless there is a new one."""
    for name in (REPORT, f"{GAP_STRESS}.parquet"):
        if (folder / name).is_file() and not (part / name).exists():
            shutil.copy2(folder / name, part / name)


def _write_files(part: Path, history: RunHistory, papers: RunPapers) -> None:
    tables = {
        "equity": equity_table(history),
        "orders": orders_table(history),
        "fills": fills_table(history),
        "positions": positions_table(history),
        "incidents": incidents_table(history),
    }
    if papers.gap_stress is not None:
        tables[GAP_STRESS] = gap_stress_table(papers.gap_stress)
    for name, table in tables.items():
        _write_table(table, part / f"{name}.parquet")
    (part / "config.yaml").write_text(papers.effective_yaml, encoding="utf-8")
    documents = {"metrics": metrics_document(papers.statistics), "manifest": papers.manifest}
    for name, document in documents.items():
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        (part / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if papers.report_html is not None:
        (part / REPORT).write_text(papers.report_html, encoding="utf-8")


def _write_table(table: pl.DataFrame, path: Path) -> None:
    # Encoded in memory, so that a full disk is the system's own error and not polars'.
    content = io.BytesIO()
    table.write_parquet(content, compression="zstd", statistics=True)
    path.write_bytes(content.getbuffer())


def _put_in_place(part: Path, folder: Path) -> None:
    if folder.exists():
        old = folder.with_name(f"{part.name}.old")
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(folder)
    sync(folder.parent)
