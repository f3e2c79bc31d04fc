"""SQL over one version of a dataset, by DuckDB, read only.

Every call has its own in-memory connection over the Parquet files of one manifest: no
database file, hence no lock between a reader and the writer. The statement can reach
those files and nothing else.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from quant_core.data.factor_manifest import (
    FactorManifest,
    factor_parts,
    read_factor_manifest,
)
from quant_core.data.warehouse_content import ACTION_TABLES, TABLES
from quant_core.data.warehouse_files import damaged
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import file_hash

VIEWS = (*TABLES, "sessions", "factors", *ACTION_TABLES)
"""What a query can read; ``factors`` is long: date, symbol, factor, value."""

_EXPLAIN = re.compile(r"^\s*explain(\s+analyze)?\s", re.IGNORECASE)
_FOREIGN_TYPES = re.compile(r"INTERVAL|UNION|VARIANT|BIGNUM|BIT|TIME WITH TIME ZONE")
_SQL_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Float64: "DOUBLE",
}
_UNITS_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_DAYS = (-719_162, 2_932_896)
"""Days from 1970 to the first and last day of the years 1 to 9999."""
_NO_FACTORS = (
    "SELECT NULL::DATE AS date, NULL::VARCHAR AS symbol, "
    "NULL::VARCHAR AS factor, NULL::DOUBLE AS value WHERE false"
)


class _Stream:
    """A result as an Arrow stream and nothing else.

    Handing polars the relation itself makes it look at every attribute, after which
    the database's bindings report leaked types on stderr when the process ends.
    """

    def __init__(self, relation: duckdb.DuckDBPyRelation) -> None:
        self._relation = relation

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._relation.__arrow_c_stream__(requested_schema)


def run_query(snapshot: Snapshot, sql: str) -> pl.DataFrame:
    """The rows of one SELECT over the views of a snapshot.

    Raises
    ------
    UsageError
        If the statement is not a single SELECT, gives two columns the same name, or the
        database refuses it.
    DataRefused
        If it failed and a file of factor values is damaged.
    """
    options: dict[str, str | bool | int | float | list[str]] = {
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(Path(tempfile.gettempdir()) / f"quant_core_query_{os.getuid()}"),
    }
    try:
        with duckdb.connect(":memory:", config=options) as connection:
            _check_select(connection, sql)
            _create_views(connection, snapshot)
            return _frame(connection.sql(sql))
    except (duckdb.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        _refuse_damaged_factors(snapshot)
        raise UsageError(
            "the SQL query failed",
            expected="one SELECT over the views " + ", ".join(VIEWS),
            found=str(error),
            where=f"dataset {snapshot.dataset}, version {snapshot.version}",
            fix="DESCRIBE prices lists the columns of a view",
        ) from error


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The rows; values of a kind that polars does not have come as their text."""
    names = relation.columns
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            "two columns of the answer have the same name",
            expected="a name of its own for every column",
            found=", ".join(twice),
            fix=f"name one of them otherwise: ... AS {twice[0]}_2",
        )
    foreign = [_FOREIGN_TYPES.search(str(kind)) is not None for kind in relation.types]
    if any(foreign):
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        columns = [
            f"CAST({name} AS VARCHAR) AS {name}" if is_foreign else name
            for name, is_foreign in zip(quoted, foreign, strict=True)
        ]
        relation = relation.project(", ".join(columns))
    frame = pl.DataFrame(_Stream(relation))
    _refuse_endless(frame)
    return frame


def _refuse_endless(frame: pl.DataFrame) -> None:
    """Refuse dates no calendar has, such as infinity: nobody could read them."""
    for series in frame.iter_columns():
        kind = series.dtype
        if not isinstance(kind, pl.Date | pl.Datetime):
            continue
        unit = _UNITS_PER_DAY[kind.time_unit] if isinstance(kind, pl.Datetime) else 1
        days = series.to_physical() // unit
        if not days.drop_nulls().is_between(*_DAYS).all():
            raise UsageError(
                "the answer has a date outside the years 1 to 9999",
                found=f"column {series.name}",
                fix=f"leave it out, or ask for its text: CAST({series.name} AS VARCHAR)",
            )


def _refuse_damaged_factors(snapshot: Snapshot) -> None:
    """Name the damaged file of factor values, if that is why a query failed."""
    folder = factor_parts(snapshot.root)
    for file, sha256 in read_factor_manifest(snapshot.root, snapshot.version).files.items():
        path = folder / file
        found = f"SHA-256 {file_hash(path)}" if path.is_file() else "no such file"
        if found != f"SHA-256 {sha256}":
            raise damaged(path, found, f"SHA-256 {sha256}")


def _check_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(_EXPLAIN.sub("", sql))
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        raise UsageError(
            "the warehouse is read only: a query is one SELECT",
            expected="SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN",
            found=", ".join(kind.name for kind in kinds) or "no statement",
        )


def _create_views(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    factors = read_factor_manifest(snapshot.root, snapshot.version)
    folder = factor_parts(snapshot.root)
    files = [folder / file for file in sorted(factors.files)]
    for table in (*TABLES, *ACTION_TABLES):
        paths = [snapshot.path_of(part) for part in snapshot.manifest.parts_of(table)]
        rows = f"SELECT * FROM read_parquet({_texts(paths)})" if paths else _no_rows(table)
        connection.execute(f"CREATE VIEW {table} AS {rows}")
        files += paths
    days = snapshot.axes.sessions.astype(str).tolist()
    connection.execute("CREATE TABLE sessions AS SELECT unnest(?::DATE[]) AS date", [days])
    connection.execute(f"CREATE VIEW factors AS {_factor_select(factors, folder)}")
    connection.execute(f"SET allowed_paths = {_texts(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _no_rows(table: str) -> str:
    """The columns of a table of which the version has no file."""
    columns = [f"NULL::{_SQL_TYPES[kind]} AS {name}" for name, kind in ACTION_TABLES[table].items()]
    return f"SELECT {', '.join(columns)} WHERE false"


def _factor_select(factors: FactorManifest, folder: Path) -> str:
    selects = [
        f"SELECT date, symbol, {_text(name)} AS factor, "
        f"CASE WHEN isnan({segment.column}) THEN NULL ELSE {segment.column} END AS value "
        f"FROM read_parquet({_text(str(folder / segment.file))})"
        for name, entry in factors.entries.items()
        for segment in entry.segments
    ]
    return " UNION ALL ".join(selects) or _NO_FACTORS


def _texts(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(str(path)) for path in paths) + "]"


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
