"""Dense panels of a version: built from Parquet once, then memory-mapped.

The cache is derived and disposable: each array is a plain ``.npy`` file keyed by the
version, put in place whole. Where it cannot be written the array stays in memory.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from quant_core.data.warehouse_content import cells_of
from quant_core.data.warehouse_files import bytes_hash, damaged
from quant_core.data.warehouse_manifest import PARTS, Part
from quant_core.foundation.files import write_atomically
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix


def cached_matrix(
    path: Path, shape: tuple[int, int], build: Callable[[], FloatMatrix]
) -> FloatMatrix:
    """The array in ``path``, memory-mapped read-only; built and stored when absent.

    A cache file that is cut short or of another shape is built anew. Several readers
    may build the same file at once: each puts its own whole copy in place.
    """
    mapped = mapped_matrix(path, shape)
    if mapped is not None:
        return mapped
    matrix = build()
    try:
        write_atomically(path, lambda part: _save(part, matrix))
    except OSError:  # full or read-only disk: the cache is a convenience
        return _frozen(matrix)
    mapped = mapped_matrix(path, shape)
    return _frozen(matrix) if mapped is None else mapped


def mapped_matrix(path: Path, shape: tuple[int, int]) -> FloatMatrix | None:
    """A stored float64 array of this very shape, memory-mapped; else ``None``."""
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    if mapped.shape != shape or mapped.dtype != np.float64 or not mapped.flags.c_contiguous:
        return None
    return cast("FloatMatrix", np.asarray(mapped))


def copy_matrix(path: Path, out: FloatMatrix) -> bool:
    """Read a stored array into ``out``, C-contiguous; false if there is none of its shape.

    Faster than copying from a mapping: the system fills whole pages, none is faulted in.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            if np.lib.format.read_magic(stream) != (1, 0):
                return False
            header = np.lib.format.read_array_header_1_0(stream)
            if header != (out.shape, False, out.dtype):
                return False
            return stream.readinto(out.reshape(-1).data.cast("B")) == out.nbytes
    except (OSError, ValueError):
        return False


def price_panel(folder: Path, parts: Sequence[Part], axes: Axes, field: str) -> FloatMatrix:
    """Dense [sessions, symbols] values of one field of the price parts; NaN = unknown."""
    dense = np.full(axes.shape[0] * axes.shape[1], np.nan)

    def place(part: Part) -> None:
        prices = read_part(folder, part, ["symbol", "date", field])
        dense[cells_of(prices, axes)] = prices[field].fill_null(np.nan).to_numpy()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(place, parts))
    return dense.reshape(axes.shape)


def read_part(folder: Path, part: Part, columns: list[str] | None = None) -> pl.DataFrame:
    """The rows of a part in a dataset's folder, its bytes checked against their hash.

    Raises
    ------
    DataRefused
        If the file is missing or its bytes are not those that were published.
    """
    path = folder / PARTS / part.file
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path, "no such file") from error
    found = bytes_hash(content)
    if found != part.sha256:
        raise damaged(path, f"SHA-256 {found}", f"SHA-256 {part.sha256}")
    return pl.read_parquet(io.BytesIO(content), columns=columns)


def _save(path: Path, matrix: FloatMatrix) -> None:
    with path.open("wb") as stream:
        np.save(stream, matrix, allow_pickle=False)


def _frozen(matrix: FloatMatrix) -> FloatMatrix:
    view = matrix.view()
    view.flags.writeable = False
    return view
