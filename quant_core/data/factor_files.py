"""Parquet files of factor values: written in groups, read straight into a dense array."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from quant_core.data.factor_manifest import Segment
from quant_core.data.warehouse_files import damaged, write_factor_parquet
from quant_core.foundation.files import file_hash, write_atomically
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatArray, FloatMatrix

BYTES_PER_FILE = 32 * 2**20
"""Values of one file before compression: many small factors share a file and its fsync,
a large panel has a file of its own, and memory stays bounded."""

WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive sessions of one factor, to be written: ``values`` [rows, symbols]."""

    name: str
    first_row: int
    values: FloatMatrix


@dataclass(frozen=True, slots=True)
class _Group:
    """Blocks over the same sessions that share a file, and the labels of its rows."""

    blocks: tuple[Block, ...]
    date: pl.Series
    symbol: pl.Series


def write_blocks(folder: Path, axes: Axes, blocks: Sequence[Block]) -> dict[str, Segment]:
    """Write blocks to new files, each whole and fsynced; the segment of each by name.

    The blocks must have distinct names and at least one row each. File names are never
    used twice: a reader of the old values is not disturbed.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        written = list(pool.map(partial(_write_group, folder), _groups(axes, blocks)))
    return {name: segment for segments in written for name, segment in segments.items()}


def read_segments(folder: Path, segments: Sequence[Segment], out: FloatMatrix) -> None:
    """Copy consecutive segments into ``out`` [sessions, symbols], C-contiguous.

    Raises
    ------
    DataRefused
        If a file is missing, unreadable or has another number of values.
    """
    first = 0
    for segment in segments:
        _read_segment(folder, segment, out[first : first + segment.rows].reshape(-1))
        first += segment.rows


def segments_intact(folder: Path, segments: Sequence[Segment]) -> bool:
    """Whether every file of the segments is there and has its size."""
    return all(_has_size(folder / segment.file, segment.file_size) for segment in segments)


def _read_segment(folder: Path, segment: Segment, out: FloatArray) -> None:
    path = folder / segment.file
    try:
        column = pl.read_parquet(path, columns=[segment.column])[segment.column]
    except FileNotFoundError as error:
        raise damaged(path, "no such file") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise damaged(path, f"unreadable Parquet: {error}"[:200]) from error
    if len(column) != len(out) or column.null_count() or column.dtype != pl.Float64:
        raise damaged(path, f"{len(column)} values", f"{len(out)} values")
    first = 0
    for chunk in column.get_chunks():
        out[first : first + len(chunk)] = chunk.to_numpy(allow_copy=False)
        first += len(chunk)


def _groups(axes: Axes, blocks: Sequence[Block]) -> Iterator[_Group]:
    spans: dict[tuple[int, int], list[Block]] = {}
    for block in blocks:
        spans.setdefault((block.first_row, len(block.values)), []).append(block)
    for (first_row, rows), members in spans.items():
        date, symbol = _labels(axes, first_row, rows)
        per_file = max(1, BYTES_PER_FILE // (8 * len(date)))
        for start in range(0, len(members), per_file):
            yield _Group(tuple(members[start : start + per_file]), date, symbol)


def _labels(axes: Axes, first_row: int, rows: int) -> tuple[pl.Series, pl.Series]:
    sessions = axes.sessions[first_row : first_row + rows]
    count = len(axes.symbols)
    names = pl.Series("symbol", axes.symbols, dtype=pl.Enum(axes.symbols))
    symbol = names.gather(np.tile(np.arange(count, dtype=np.uint32), rows))
    return pl.Series("date", np.repeat(sessions, count)), symbol


def _write_group(folder: Path, group: _Group) -> dict[str, Segment]:
    values = [
        pl.Series(f"v{i}", np.ascontiguousarray(block.values).reshape(-1))
        for i, block in enumerate(group.blocks)
    ]
    names = json.dumps([block.name for block in group.blocks], ensure_ascii=False)
    path = folder / f"{secrets.token_hex(8)}.parquet"
    frame = pl.DataFrame([group.date, group.symbol, *values])
    notes = {"quant_core.factors": names}
    write_atomically(path, lambda part: write_factor_parquet(part, frame, notes))
    size, sha256 = path.stat().st_size, file_hash(path)
    return {
        block.name: Segment(
            file=path.name,
            sha256=sha256,
            file_size=size,
            column=column.name,
            size=size // len(group.blocks),
            rows=len(block.values),
            known=len(column) - int(column.is_nan().sum()),
        )
        for block, column in zip(group.blocks, values, strict=True)
    }


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
