"""Files of the warehouse: the writer's lock, Parquet bytes, and errors of the disk.

Layout of ``<root>/warehouse/<dataset>/``::

    current.json               which version is the newest; replaced by one rename
    manifests/<version>.json   one complete version: facts, sessions, symbols, its files
    parts/                     Parquet, each file named after its own SHA-256
    factors/<version>.json     factor values of one version: which column of which file
    factors/parts/             Parquet of factor values
    cache/<version>/           dense arrays derived from the above; may be deleted any time
    publish.lock factors.lock  held by a writer, released by the kernel if it dies
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.files import write_atomically

TEMPORARY = ".part"
"""Ending of a file that is being written, see :func:`write_atomically`."""

ROWS_PER_GROUP = 131_072
"""Rows of one Parquet row group: what a query skips or reads as a whole."""

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writer_lock(path: Path, *, wait: bool) -> Generator[None]:
    """Hold the only writer's lock of a dataset while the block runs.

    The lock belongs to the open file, not to its existence: after a crash or
    ``kill -9`` nothing stale remains.

    Parameters
    ----------
    path : Path
        The lock file; created if absent, never removed.
    wait : bool
        Wait for the other writer, or refuse at once.

    Raises
    ------
    UsageError
        If another writer holds the lock and ``wait`` is false.

    Examples
    --------
    >>> import tempfile
    >>> with writer_lock(Path(tempfile.mkdtemp()) / "publish.lock", wait=False):
    ...     pass
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise UsageError(
                f"another process is writing to the dataset {path.parent.name!r}",
                found=f"process {holder or 'unknown'} holds the lock",
                where=str(path),
                fix="wait until it has finished, then run the command again",
            ) from error
        with suppress(OSError):  # only a courtesy to whoever finds the lock taken
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors_refused(dataset: str) -> Generator[None]:
    """Turn an error of the disk inside the block into a refusal that names it."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL_DISK
        raise DataRefused(
            "the disk is full" if full else "the warehouse could not be written",
            found=error.strerror or str(error),
            where=str(error.filename or f"dataset {dataset}"),
            fix=("free some space" if full else "check the folder and its permissions")
            + " and run the command again; the last good version is intact",
        ) from error


def damaged(path: Path, found: str, expected: str = "the file as it was published") -> DataRefused:
    """The error for a file of the warehouse that is missing or not what was published."""
    dataset = dataset_of(path)
    fix = (
        f"run_data_sync.py --replace --dataset {dataset} with the same source and flags "
        "(--calendar, --price-basis, --currency) writes it anew"
    )
    if "factors" in path.parts:
        fix = f"delete it; run_factor_computation.py --dataset {dataset} computes its values again"
    return DataRefused(
        f"a file of the dataset {dataset!r} is damaged",
        expected=expected,
        found=found,
        where=str(path),
        fix=fix,
    )


def dataset_of(path: Path) -> str:
    """Name of the dataset a warehouse path belongs to.

    Examples
    --------
    >>> dataset_of(Path("data/warehouse/sp500/parts/a.parquet"))
    'sp500'
    """
    names = path.parts
    last = len(names) - 1 - names[::-1].index("warehouse") if "warehouse" in names else -1
    return names[last + 1] if last + 1 < len(names) else path.name


def table_bytes(frame: pl.DataFrame) -> bytes:
    """A frame without NaN as Parquet (zstd), with statistics by which a query skips rows.

    Encoded in memory and not straight to a file: its hash names the file, and every
    byte that reaches the disk goes through one place that survives a crash.
    """
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer, compression="zstd", compression_level=3, row_group_size=ROWS_PER_GROUP
    )
    return buffer.getvalue()


def write_factor_parquet(path: Path, frame: pl.DataFrame, notes: dict[str, str]) -> None:
    """Write factor values as Parquet (zstd), without statistics, with ``notes``.

    Without statistics, because those of Parquet leave NaN out, and DuckDB 2.0 takes a
    column whose minimum and maximum are numbers for one without NaN. At the lowest
    level, because factor values hardly compress: a higher one costs time and saves
    nothing. Straight to the file: a copy in memory would cost a third of the time.

    Raises
    ------
    OSError
        If the disk is full or cannot be written.
    """
    try:
        frame.write_parquet(
            path,
            compression="zstd",
            compression_level=1,
            statistics=False,
            row_group_size=ROWS_PER_GROUP,
            metadata=notes,
        )
    except pl.exceptions.PolarsError as error:
        full = f"(os error {errno.ENOSPC})" in str(error)
        number = errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def bytes_hash(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file so that it survives a crash, or not at all.

    An error of the disk names the file, which the system does not when it is full.
    """
    try:
        write_atomically(path, lambda part: _fill(part, content))
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def remove_all_but(folder: Path, keep: frozenset[str]) -> None:
    """Delete the Parquet, JSON and temporary files of ``folder`` not named in ``keep``.

    Sweeps what a killed writer left behind and what no version names any more; only
    the holder of the writer's lock may call it.
    """
    _remove(folder, (".parquet", ".json", TEMPORARY), keep)


def remove_temporaries(folder: Path) -> None:
    """Delete what a killed writer had not put in place; for the holder of its lock."""
    _remove(folder, (TEMPORARY,), frozenset())


def _remove(folder: Path, endings: tuple[str, ...], keep: frozenset[str]) -> None:
    found = list(folder.iterdir()) if folder.is_dir() else []
    for path in found:
        if path.name.endswith(endings) and path.name not in keep:
            path.unlink(missing_ok=True)


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
