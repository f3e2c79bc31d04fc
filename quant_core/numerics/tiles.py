"""Panels cut into tiles of columns, or into blocks of rows, and dealt to all cores.

Time-series kernels work on a **tile**: the whole history of a few columns, copied into one flat
array (row after row), so that "one session earlier" is a fixed distance in memory, the window
stays in cache and the processor computes several symbols, and several sessions, at once. A tile
has NaN where the panel has an infinity. Cross-section work takes blocks of whole rows.

How the work is cut never changes a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

import numpy as np

from quant_core.foundation.errors import ExpressionError, InvariantBroken, UsageError
from quant_core.foundation.types import FloatArray, FloatMatrix
from quant_core.numerics.jit import kernel

TILE_COLUMNS = 32
BLOCK_CELLS = 65_536
CACHE_LINE = 64
FLOAT_BYTES = 8

_chosen_threads: list[int] = []


def set_threads(count: int | None) -> None:
    """Use ``count`` threads from now on; None for one per core. No value depends on it.

    Raises
    ------
    UsageError
        If ``count`` is below one.

    Examples
    --------
    >>> set_threads(1); threads()
    1
    >>> set_threads(None)
    """
    if count is not None and not count >= 1:
        raise UsageError("at least one thread is needed", found=str(count))
    _chosen_threads[:] = [] if count is None else [count]
    _pool.cache_clear()


def threads() -> int:
    """Number of threads the kernels use."""
    return _chosen_threads[0] if _chosen_threads else _cores()


def over_columns(
    compute: Callable[..., None], inputs: tuple[FloatMatrix, ...], *arguments: float
) -> FloatMatrix:
    """Run a tile kernel over all columns.

    Parameters
    ----------
    compute : kernel
        Called as ``compute(*tiles, result, width, *arguments)`` with flat arrays of
        sessions * width cells; fills every cell of ``result``.
    inputs : tuple of matrices
        float64 [sessions, symbols], all of one shape; never written to.
    *arguments : int or float
        Passed on.

    Returns
    -------
    FloatMatrix
        New, of the inputs' shape.
    """
    matrices = _of_one_shape(inputs)
    sessions, symbols = matrices[0].shape
    result = np.empty((sessions, symbols))
    if not result.size:
        return result

    def work(first_tile: int, last_tile: int) -> None:
        room = [_aligned(sessions * min(TILE_COLUMNS, symbols)) for _ in range(len(inputs) + 1)]
        for first in range(first_tile * TILE_COLUMNS, last_tile * TILE_COLUMNS, TILE_COLUMNS):
            width = min(TILE_COLUMNS, symbols - first)
            *tiles, values = (cells[: sessions * width] for cells in room)
            for matrix, tile in zip(matrices, tiles, strict=True):
                load_tile(matrix, tile, first)
            compute(*tiles, values, width, *arguments)
            store_tile(values, result, first)

    deal(work, -(-symbols // TILE_COLUMNS))
    return result


def over_rows(work: Callable[[slice], None], shape: tuple[int, int]) -> None:
    """Call ``work`` for blocks of rows that together are all rows, on all threads."""
    rows, columns = shape
    height = max(1, BLOCK_CELLS // max(1, columns))

    def share(first: int, last: int) -> None:
        for block in range(first, last):
            work(slice(block * height, min(rows, (block + 1) * height)))

    deal(share, -(-rows // height) if columns else 0)


def deal(work: Callable[[int, int], None], count: int) -> None:
    """Call ``work(first, last)`` for equal shares of ``range(count)``, one share a thread."""
    hands = min(threads(), count)
    if hands <= 1:
        if count:
            work(0, count)
        return
    shares = [(count * hand // hands, count * (hand + 1) // hands) for hand in range(hands)]
    others = [_pool(hands - 1).submit(work, *share) for share in shares[1:]]
    try:
        work(*shares[0])
    finally:
        wait(others)
    for other in others:
        other.result()


def known(block: FloatMatrix) -> FloatMatrix:
    """A fresh C-ordered copy with NaN in place of infinities."""
    copy = np.array(block, dtype=np.float64, order="C")
    copy[np.isinf(copy)] = np.nan
    return copy


def as_matrix(values: FloatMatrix) -> FloatMatrix:
    """``values`` as a C-ordered float64 matrix, copied only if it is none yet."""
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise InvariantBroken(
            "a kernel works on a matrix",
            expected="[sessions, symbols]",
            found=f"an array of {np.ndim(values)} dimensions",
        )
    return matrix


def checked_window(window: int) -> int:
    """``window`` itself, refused unless it is a whole number of sessions, at least one."""
    if not (window >= 1 and window == int(window)):
        raise ExpressionError(
            "a window must be at least one session", expected="1, 2, 3, ...", found=str(window)
        )
    return int(window)


def _of_one_shape(inputs: tuple[FloatMatrix, ...]) -> list[FloatMatrix]:
    matrices = [as_matrix(matrix) for matrix in inputs]
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) != 1:
        raise InvariantBroken("matrices of one computation differ in shape", found=str(shapes))
    return matrices


def _aligned(cells: int) -> FloatArray:
    """Uninitialised room that begins at a cache line."""
    room = np.empty(cells + CACHE_LINE // FLOAT_BYTES)
    skipped = -(room.ctypes.data // FLOAT_BYTES) % (CACHE_LINE // FLOAT_BYTES)
    return room[skipped : skipped + cells]


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="kernels")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


@kernel
def load_tile(matrix: FloatMatrix, tile: FloatArray, first: int) -> None:
    """Copy columns from ``first`` on into a tile, infinities as NaN."""
    width = tile.size // matrix.shape[0]
    for row in range(matrix.shape[0]):
        cells = matrix[row, first : first + width]
        target = tile[row * width : (row + 1) * width]
        for i in range(width):
            value = cells[i]
            target[i] = value if value - value == 0.0 else np.nan


@kernel
def store_tile(tile: FloatArray, matrix: FloatMatrix, first: int) -> None:
    """Copy a tile into columns from ``first`` on."""
    width = tile.size // matrix.shape[0]
    for row in range(matrix.shape[0]):
        matrix[row, first : first + width] = tile[row * width : (row + 1) * width]
