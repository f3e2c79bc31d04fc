"""Corporate actions out of Parquet and CSV files, in three forms known by their columns.

=========== =======================================================================
canonical   symbol, ex_date, kind and what the kind needs of ratio, amount, price,
            pay_date, successor: the columns of the dataset's own table
factors     symbol, ex_date, factor (prices before the ex-date times the factor are
            comparable with those after it); further used when present: kind_guess,
            implied_cash, prev_close, price_confirms
share weights  market, code, date, and gift, transfer, rights, rights_price, cash as
            Chinese vendors state them: shares for ten held in 1/10,000, cash for ten
            held and the price of a share in 1/1,000 of the currency
=========== =======================================================================

1. recognise the form of each file                    :func:`_form_of`
2. turn its cells into numbers and dates; a row with
   a cell that is neither goes to ``unreadable``       :func:`_parsed`
3. bring it into the canonical columns                 ``FORMS``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from quant_core.data.schema import (
    ACTION_SCHEMA,
    action_text_schema,
    empty_actions,
    empty_refused_actions,
)
from quant_core.data.sources.columns import plain
from quant_core.data.sources.tables import as_dates, as_numbers, data_files, read_table
from quant_core.foundation.errors import DataRefused
from quant_core.foundation.files import file_hash

LARGE_GUESS = "split_or_large"
SMALL_FACTORS = (0.7, 1.1)
"""A factor outside is large where the file does not say itself which ones are."""

HALF_A_CENT = 0.005
CLOSE_ENOUGH = 1e-3
"""A ratio is taken for a simple fraction when the price it implies differs by no more than
half a cent, the precision of a quotation, and by no more than this share of itself."""
UNQUOTED = 1e-5
"""The same where no price is stated: the precision of a factor of six digits."""
SIMPLE = 10
"""A fraction is simple when both its numbers are at most this, or one of them is 1."""
LARGEST = 10_000
"""Beyond one for so many, and so many for one, no fraction is looked for."""

PER_TEN_SHARES = 10.0 * 10_000.0
PER_TEN_CASH = 10.0 * 1_000.0
PRICE_SCALE = 1_000.0

Form = Callable[[pl.DataFrame], "RawActions"]

DATES = ("ex_date", "pay_date", "date")
NUMBERS = (
    *("ratio", "amount", "price", "factor", "implied_cash", "prev_close"),
    *("gift", "transfer", "rights", "rights_price", "cash"),
)
TEXTS = ("symbol", "kind", "successor", "kind_guess", "market", "code", "price_confirms")

NEEDED_BY_KIND = {
    "split": ("ratio",),
    "dividend": ("amount", "pay_date"),
    "rights": ("ratio", "price"),
    "rename": ("successor",),
}
"""What concerns a kind; whatever else a row says is left out."""


@dataclass(frozen=True, slots=True)
class RawActions:
    """What was read of corporate actions, before any judgement.

    Attributes
    ----------
    actions : polars.DataFrame
        :data:`ACTION_SCHEMA`; keys may be null, repeated or unsorted.
    unreadable, refused : polars.DataFrame
        :func:`action_text_schema`; rows with a cell that is no date or number, and rows
        that the file itself says are wrong.
    rows : int
        Rows in the files.
    without_action : int
        Rows that state no action: records of the number of shares.
    snapped, odd : int
        Large factors taken for the split of a simple fraction, and for that of the
        ratio as it stands.
    origin : tuple of str
        Files with their SHA-256 and their form.
    """

    actions: pl.DataFrame = field(default_factory=empty_actions)
    unreadable: pl.DataFrame = field(default_factory=empty_refused_actions)
    refused: pl.DataFrame = field(default_factory=empty_refused_actions)
    rows: int = 0
    without_action: int = 0
    snapped: int = 0
    odd: int = 0
    origin: tuple[str, ...] = ()


def read_actions(paths: Sequence[str | Path]) -> RawActions:
    r"""Corporate actions of files, folders or glob patterns.

    Raises
    ------
    SourceUnreachable
        A path leads to nothing.
    DataRefused
        A file is no table, or its columns are those of none of the three forms.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "actions.csv"
    >>> _ = path.write_text("symbol,ex_date,kind,ratio,amount\nA,2018-01-02,split,2,\n")
    >>> read_actions([path]).actions.select("symbol", "kind", "ratio").rows()
    [('A', 'split', 2.0)]
    """
    parts = [_read_file(path) for path in data_files(paths)]
    return RawActions(
        actions=pl.concat([part.actions for part in parts]),
        unreadable=pl.concat([part.unreadable for part in parts]),
        refused=pl.concat([part.refused for part in parts]),
        rows=sum(part.rows for part in parts),
        without_action=sum(part.without_action for part in parts),
        snapped=sum(part.snapped for part in parts),
        odd=sum(part.odd for part in parts),
        origin=tuple(line for part in parts for line in part.origin),
    )


def simple_ratio(ratio: float, price: float | None) -> float | None:
    """The simple fraction that a ratio stands for, ``None`` if there is none.

    Parameters
    ----------
    ratio : float
        New shares for one old.
    price : float or None
        Close before the split, whose adjusted value was quoted to a cent.

    Examples
    --------
    >>> simple_ratio(95.23 / 47.62, 95.23), simple_ratio(1 / 0.142857, 707.610001)
    (2.0, 7.0)
    >>> simple_ratio(66.289998 / 27.899831, 66.289998) is None
    True
    """
    if not (1.0 / LARGEST <= ratio <= LARGEST):
        return None
    for small in range(1, SIMPLE + 1):
        for upper, lower in ((round(ratio * small), small), (small, round(small / ratio))):
            if not (upper >= 1 and lower >= 1):
                continue
            simple = max(upper, lower) <= SIMPLE or min(upper, lower) == 1
            if simple and _stands_for(ratio, upper / lower, price):
                return upper / lower
    return None


def _stands_for(ratio: float, fraction: float, price: float | None) -> bool:
    apart = abs(fraction / ratio - 1.0)
    if price is None:
        return apart <= UNQUOTED
    quoted = abs(price / ratio - price / fraction)
    return apart <= CLOSE_ENOUGH and quoted <= HALF_A_CENT * (1.0 + 1e-6)


def _read_file(path: Path) -> RawActions:
    found = read_table(path)
    named = {plain(column): column for column in reversed(found.columns)}
    names = {name: named[plain(name)] for name in ALL_COLUMNS if plain(name) in named}
    form, convert = _form_of(names, found.columns, path)
    cells = found.select(pl.col(column).alias(name) for name, column in names.items())
    parsed, bad = _parsed(cells)
    raw = convert(parsed.filter(bad.is_null()))
    unreadable = _as_text(_shaped(parsed, cells), bad)
    return RawActions(
        actions=raw.actions,
        unreadable=unreadable,
        refused=raw.refused,
        rows=found.height,
        without_action=raw.without_action,
        snapped=raw.snapped,
        odd=raw.odd,
        origin=(f"{path.name} sha256 {file_hash(path)}", f"{path.name}: actions as {form}"),
    )


def _parsed(cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Typed cells, and why a row cannot be read; null where it can."""
    columns: list[pl.Series] = []
    reasons = [pl.lit(None, pl.String)]
    for name in cells.columns:
        if name in DATES:
            values, bad = as_dates(cells[name])
            reasons.append(pl.when(bad).then(pl.lit(f"not_a_date:{name}")))
        elif name in NUMBERS:
            values, bad = as_numbers(cells[name])
            reasons.append(pl.when(bad).then(pl.lit(f"not_a_number:{name}")))
        else:
            values = cells[name].cast(pl.String).str.strip_chars()
            values = values.set(values == "", None)
        columns.append(values.alias(name))
    bad_rows = pl.select(pl.coalesce(reasons).alias("reason")).to_series()
    if len(bad_rows) != cells.height:
        bad_rows = pl.Series("reason", [None] * cells.height, pl.String)
    return pl.DataFrame(columns), bad_rows


def _shaped(parsed: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """The cells as they stand in the file, as far as the canonical table has a place for them."""
    texts = cells.select(pl.all().cast(pl.String))
    if "code" in texts.columns:
        symbols = _market_symbols().alias("symbol")
        texts = texts.with_columns(symbols).rename({"date": "ex_date"})
    kinds = [pl.lit(None, pl.String).alias(name) for name in ACTION_SCHEMA]
    absent = [kind for kind in kinds if kind.meta.output_name() not in texts.columns]
    return texts.with_columns(absent) if parsed.height else texts.with_columns(absent).clear()


def _as_text(texts: pl.DataFrame, reason: pl.Series) -> pl.DataFrame:
    """Refused rows with their reason, where there is one."""
    stated = texts.select(pl.col(list(ACTION_SCHEMA)).cast(pl.String))
    rows = stated.with_columns(reason.cast(pl.String).alias("reason"))
    return rows.drop_nulls("reason").select(list(action_text_schema()))


def _canonical(cells: pl.DataFrame) -> RawActions:
    kind = pl.col("kind").str.to_lowercase()
    table = _filled(cells.with_columns(kind))
    known = pl.col("kind").is_in(list(NEEDED_BY_KIND))
    concerns = {
        name: pl.col("kind").is_in([kind for kind, need in NEEDED_BY_KIND.items() if name in need])
        for name in ("ratio", "amount", "price", "pay_date", "successor")
    }
    meant = [pl.when(said | ~known).then(pl.col(name)) for name, said in concerns.items()]
    return RawActions(actions=table.with_columns(meant))


def _factors(cells: pl.DataFrame) -> RawActions:
    """Large factors become splits, small ones dividends."""
    table = _with_columns(cells, {"kind_guess": pl.String, "price_confirms": pl.String})
    table = _with_columns(table, {"implied_cash": pl.Float64, "prev_close": pl.Float64})
    lower, upper = SMALL_FACTORS
    by_size = ~pl.col("factor").is_between(lower, upper)
    large = pl.when(pl.col("kind_guess").is_null()).then(by_size)
    large = large.otherwise(pl.col("kind_guess") == LARGE_GUESS).fill_null(value=False)
    denied = large & (pl.col("price_confirms").str.to_lowercase() == "false")
    cash = pl.coalesce("implied_cash", pl.col("prev_close") * (1.0 - pl.col("factor")))
    table = table.with_columns(
        kind=pl.when(large).then(pl.lit("split")).otherwise(pl.lit("dividend")),
        ratio=pl.when(large).then(1.0 / pl.col("factor")),
        amount=pl.when(~large).then(cash),
        denied=denied.fill_null(value=False),
    )
    ratios = table["ratio"].to_list()
    fractions = [
        None if ratio is None else simple_ratio(ratio, price)
        for ratio, price in zip(ratios, table["prev_close"].to_list(), strict=True)
    ]
    table = table.with_columns(pl.Series("fraction", fractions, pl.Float64))
    table = table.with_columns(ratio=pl.coalesce("fraction", "ratio"))
    kept, denied_rows = table.filter(~pl.col("denied")), table.filter("denied")
    reason = pl.Series("reason", ["price_does_not_confirm"] * denied_rows.height, pl.String)
    snapped = kept["fraction"].count()
    return RawActions(
        actions=_filled(kept),
        refused=_as_text(_filled(denied_rows), reason),
        snapped=snapped,
        odd=kept["ratio"].count() - snapped,
    )


def _share_weights(cells: pl.DataFrame) -> RawActions:
    """Gift and transfer are a split, cash a dividend, rights rights; all per share held before.

    Where rights and a split meet, the rights follow the split and are stated for the shares
    that are held then, so that both together give the theoretical ex-price
    ``(close - cash + rights * rights_price) / (1 + gift + transfer + rights)``.
    """
    numbers = ("gift", "transfer", "rights", "rights_price", "cash")
    table = cells.with_columns(pl.col(numbers).fill_null(0.0)).with_columns(
        symbol=_market_symbols(),
        ex_date=pl.col("date"),
        given=(pl.col("gift") + pl.col("transfer")) / PER_TEN_SHARES,
        offered=pl.col("rights") / PER_TEN_SHARES,
    )
    split = table.filter(pl.col("given") != 0.0).with_columns(
        kind=pl.lit("split"),
        ratio=1.0 + pl.col("given"),
    )
    dividend = table.filter(pl.col("cash") != 0.0).with_columns(
        kind=pl.lit("dividend"), amount=pl.col("cash") / PER_TEN_CASH
    )
    rights = table.filter(pl.col("offered") != 0.0).with_columns(
        kind=pl.lit("rights"),
        ratio=pl.col("offered") / (1.0 + pl.col("given")),
        price=pl.col("rights_price") / PRICE_SCALE,
    )
    silent = (pl.col("given") == 0.0) & (pl.col("cash") == 0.0) & (pl.col("offered") == 0.0)
    parts = [_filled(part) for part in (split, dividend, rights)]
    return RawActions(actions=pl.concat(parts), without_action=table.filter(silent).height)


FORMS: dict[str, tuple[tuple[str, ...], Form]] = {
    "canonical": (("symbol", "ex_date", "kind"), _canonical),
    "factors": (("symbol", "ex_date", "factor"), _factors),
    "share weights": (
        ("market", "code", "date", "gift", "transfer", "rights", "rights_price", "cash"),
        _share_weights,
    ),
}
"""The columns by which a form is known, and how it is read."""

ALL_COLUMNS = (*DATES, *NUMBERS, *TEXTS)


def _form_of(names: dict[str, str], found: Sequence[str], path: Path) -> tuple[str, Form]:
    for form, (needed, convert) in FORMS.items():
        if all(name in names for name in needed):
            return form, convert
    forms = (f"{form}: {', '.join(needed)}" for form, (needed, _) in FORMS.items())
    raise DataRefused(
        "the file is no table of corporate actions",
        expected="the columns of one of these forms: " + "; ".join(forms),
        found="columns " + ", ".join(found),
        where=str(path),
        fix="rename the columns to those of the canonical form",
    )


def _market_symbols() -> pl.Expr:
    return pl.concat_str(pl.col("code"), pl.col("market").str.to_uppercase(), separator=".")


def _with_columns(table: pl.DataFrame, kinds: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    absent = [pl.lit(None, kind).alias(name) for name, kind in kinds.items()]
    return table.with_columns(
        column for column in absent if column.meta.output_name() not in table.columns
    )


def _filled(table: pl.DataFrame) -> pl.DataFrame:
    """The canonical columns; those the table lacks are null."""
    return _with_columns(table, ACTION_SCHEMA).select(list(ACTION_SCHEMA))
