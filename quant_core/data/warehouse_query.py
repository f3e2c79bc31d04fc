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
from quant_core.data.warehouse_content import TABLES
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import UsageError

VIEWS = (*TABLES, "sessions", "factors")
"""What a query can read; ``factors`` is long: date, symbol, factor, value."""

_EXPLAIN = re.compile(r"^\s*explain(\s+analyze)?\s", re.IGNORECASE)
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
        If the statement is not a single SELECT, or the database refuses it.
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
            return pl.DataFrame(_Stream(connection.sql(sql)))
    except duckdb.Error as error:
        raise UsageError(
            "the SQL query failed",
            expected="one SELECT over the views " + ", ".join(VIEWS),
            found=str(error),
            where=f"dataset {snapshot.dataset}, version {snapshot.version}",
            fix="DESCRIBE prices lists the columns of a view",
        ) from error


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
    for table in TABLES:
        paths = [snapshot.path_of(part) for part in snapshot.manifest.parts_of(table)]
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({_texts(paths)})")
        files += paths
    days = snapshot.axes.sessions.astype(str).tolist()
    connection.execute("CREATE TABLE sessions AS SELECT unnest(?::DATE[]) AS date", [days])
    connection.execute(f"CREATE VIEW factors AS {_factor_select(factors, folder)}")
    connection.execute(f"SET allowed_paths = {_texts(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


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
