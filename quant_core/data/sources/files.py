"""Prices out of Parquet and CSV files.

1. find the files                                  ``tables.data_files``
2. choose the columns of each                      ``columns.match_columns``
3. read them, fields renamed, cells untouched      ``FileSource._staged``
4. turn text into dates and numbers; a row with a
   cell that is neither goes to ``rejected``       ``_parsed``
5. apply units, gather what is said about symbols  ``_parsed``, ``_symbols_of``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from quant_core.data.schema import (
    OPTIONAL_FIELDS,
    SYMBOL_SCHEMA,
    RawTable,
    empty_symbols,
    empty_text,
    price_schema,
    text_schema,
)
from quant_core.data.sources.columns import (
    NUMBER_FIELDS,
    ColumnMatch,
    check_fields,
    match_columns,
    missing_column,
)
from quant_core.data.sources.tables import as_dates, as_numbers, data_files, read_table, stem_of
from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.files import file_hash, text_hash

LISTED_FILES = 10
"""Up to so many files are named in the origin one by one."""

REPEATED_DATES_LIMIT = 0.02
"""A file without symbols in which more dates repeat holds several symbols."""


@dataclass(frozen=True, slots=True)
class FileSource:
    r"""Files of prices: one with all symbols, several, or one per symbol.

    Parameters
    ----------
    paths : sequence of path
        Files, folders, or glob patterns.
    columns : mapping
        Field to column name where it shall not be guessed; ``""`` = the files have none.
    scales : mapping
        Field to factor, in place of a unit recognised in the column's name
        (``volume_lots`` x 100, ``amount_kcny`` x 1000).
    symbol : str, optional
        The symbol of the only file, when it has no column for it. Without one the
        file's name serves.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "000001.csv"
    >>> _ = path.write_text("Date,Close\n2018-01-02,12.5\n2018-01-03,oops\n")
    >>> raw = FileSource([path]).read()
    >>> raw.prices.select("symbol", "date", "close").rows()
    [('000001', datetime.date(2018, 1, 2), 12.5)]
    >>> raw.rejected.select("date", "close", "reason").rows()
    [('2018-01-03', 'oops', 'not_a_number:close')]
    """

    paths: Sequence[str | Path]
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    scales: Mapping[str, float] = field(default_factory=dict[str, float])
    symbol: str | None = None

    def read(self) -> RawTable:
        """Read all files; see :class:`~quant_core.data.sources.port.PriceSource`."""
        check_fields(self.columns, self.scales)
        files = data_files(self.paths)
        if self.symbol is not None and len(files) > 1:
            raise UsageError(
                "one symbol cannot be given to several files",
                found=f"{len(files)} files and the symbol {self.symbol}",
                fix="leave --symbol out: a file without symbols is named after its symbol",
            )
        layouts: dict[tuple[str, ...], list[Path]] = {}
        groups: dict[str, _Group] = {}
        for path in files:
            match, frame = self._staged(path)
            layouts.setdefault(match.lines(), []).append(path)
            group = _Group(match.factors, [])
            groups.setdefault(f"{frame.schema} {match.factors}", group).frames.append(frame)
        return _combined([_parsed(group) for group in groups.values()], _origin(layouts))

    def _staged(self, path: Path) -> tuple[ColumnMatch, pl.DataFrame]:
        """The columns that serve a field, under the field's name, cells as in the file."""
        chosen: list[ColumnMatch] = []

        def choose(found: Sequence[str]) -> list[str]:
            match = match_columns(found, self.columns, self.scales, str(path))
            for needed in ("date", "close"):
                if needed not in match.columns:
                    raise missing_column(needed, match, str(path))
            chosen.append(match)
            return list(dict.fromkeys(match.columns.values()))

        frame = read_table(path, choose)
        match = chosen[0]
        frame = frame.select(pl.col(column).alias(name) for name, column in match.columns.items())
        if "symbol" not in match.columns:
            if self.symbol is None:
                _refuse_several_symbols(frame, match, path)
            frame = frame.with_columns(pl.lit(self.symbol or stem_of(path)).alias("symbol"))
        return match, frame


@dataclass(frozen=True, slots=True)
class _Group:
    """Frames of the same columns, types and units."""

    factors: Mapping[str, float]
    frames: list[pl.DataFrame]


def _refuse_several_symbols(frame: pl.DataFrame, match: ColumnMatch, path: Path) -> None:
    rows = frame if match.unused else frame.unique()  # an unused column may tell rows apart
    repeated = rows.height - rows["date"].n_unique()
    if not (repeated <= REPEATED_DATES_LIMIT * rows.height):
        refusal = missing_column("symbol", match, str(path))
        refusal.problem += f", and {repeated} dates repeat, so that the file holds several symbols"
        raise refusal


def _combined(parts: Sequence[RawTable], origin: tuple[str, ...]) -> RawTable:
    present = {name for part in parts for name in part.prices.columns}
    optional = [name for name in OPTIONAL_FIELDS if name in present]
    symbols = pl.concat([part.symbols for part in parts])
    return RawTable(
        prices=_stacked([part.prices for part in parts], price_schema(optional)),
        rejected=_stacked([part.rejected for part in parts], text_schema(optional)),
        symbols=symbols.unique("symbol", keep="last", maintain_order=True),
        origin=origin,
    )


def _stacked(
    frames: Sequence[pl.DataFrame], schema: Mapping[str, type[pl.DataType]]
) -> pl.DataFrame:
    """The frames one below the other with exactly these columns; absent ones are null."""
    stack = pl.concat(frames, how="diagonal")
    absent = [pl.lit(None, kind).alias(name) for name, kind in schema.items()]
    return stack.with_columns(
        column for column in absent if column.meta.output_name() not in stack.columns
    ).select(list(schema))


def _parsed(group: _Group) -> RawTable:
    """Text to dates and numbers, once per group; what is neither goes to ``rejected``."""
    cells = pl.concat(group.frames)
    dates, bad_dates = as_dates(cells["date"])
    fields: dict[str, pl.Series] = {"symbol": _symbols(cells["symbol"]), "date": dates}
    reasons = [pl.when(bad_dates).then(pl.lit("not_a_date"))]
    for name in NUMBER_FIELDS:
        if name in cells.columns:
            numbers, bad = as_numbers(cells[name])
            fields[name] = numbers * group.factors[name] if name in group.factors else numbers
            reasons.append(pl.when(bad).then(pl.lit(f"not_a_number:{name}")))
    reason = pl.select(pl.coalesce(reasons).alias("reason")).to_series()
    prices = pl.DataFrame(fields)
    symbols = _symbols_of(cells.with_columns(fields["symbol"]))
    if reason.null_count() == len(reason):
        return RawTable(prices, empty_text(), symbols)
    rejected = cells.select(pl.col(list(fields)).cast(pl.String)).with_columns(reason)
    return RawTable(prices.filter(reason.is_null()), rejected.filter(reason.is_not_null()), symbols)


def _symbols(cells: pl.Series) -> pl.Series:
    texts = cells.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None).alias("symbol")


def _symbols_of(cells: pl.DataFrame) -> pl.DataFrame:
    """What the files say about each symbol: the last word that is not missing."""
    said = [name for name in SYMBOL_SCHEMA if name in cells.columns]
    if len(said) == 1:
        return empty_symbols()
    table = cells.select(said).drop_nulls("symbol")
    if "delisted" in said:
        table = table.with_columns(_delisting_dates(table["delisted"]))
    last = table.group_by("symbol", maintain_order=True).agg(pl.all().drop_nulls().last())
    return _stacked([last], SYMBOL_SCHEMA).cast(pl.Schema(SYMBOL_SCHEMA))


def _delisting_dates(cells: pl.Series) -> pl.Series:
    dates, bad = as_dates(cells)
    if bad.any():
        raise DataRefused(
            "a delisting date cannot be read",
            expected="a date such as 2018-01-31, or nothing",
            found=str(cells.filter(bad)[0]),
            fix="correct it, or leave the column out: --column delisted=",
        )
    return dates.alias("delisted")


def _origin(layouts: Mapping[tuple[str, ...], Sequence[Path]]) -> tuple[str, ...]:
    lines: list[str] = []
    for layout, files in layouts.items():
        hashes = [(path.name, file_hash(path)) for path in files]
        if len(files) <= LISTED_FILES:
            lines += [f"{name} sha256 {digest}" for name, digest in hashes]
        else:
            together = text_hash(part for pair in hashes for part in pair)
            lines.append(f"{len(files)} files {files[0].name} ... {files[-1].name}")
            lines.append(f"sha256 of their names and hashes {together}")
        lines += layout
    return tuple(lines)
