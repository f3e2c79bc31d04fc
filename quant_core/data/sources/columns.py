"""Which column of a file holds which field: the names vendors use, and how to choose.

A name is compared in a plain form: lower case, letters and digits only, Chinese kept
(``<CLOSE>``, ``Close`` and ``close`` are the same). Adjusted closes are in no list: what
they contain differs between vendors, so one is taken only when it is asked for.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quant_core.data.schema import BAR_FIELDS, OPTIONAL_FIELDS
from quant_core.foundation.errors import DataRefused, UsageError

NAMES: dict[str, tuple[str, ...]] = {
    "symbol": (
        *("symbol", "ticker", "tickersymbol", "tscode", "windcode", "sinfowindcode", "code"),
        *("stockcode", "stocksymbol", "secid", "secucode", "securityid", "sid", "tic", "sym"),
        *("instrument", "asset", "stock", "代码", "股票代码", "证券代码", "合约代码", "name"),
    ),
    "date": (
        *("date", "tradedate", "tradingdate", "tradingday", "tradedt", "session", "day"),
        *("datetime", "timestamp", "time", "dt", "日期", "交易日期", "交易日", "时间"),
    ),
    "open": ("open", "openprice", "openingprice", "pxopen", "sdqopen", "o", "开盘", "开盘价"),
    "high": ("high", "highprice", "highestprice", "pxhigh", "sdqhigh", "h", "最高", "最高价"),
    "low": ("low", "lowprice", "lowestprice", "pxlow", "sdqlow", "l", "最低", "最低价"),
    "close": ("close", "closeprice", "closingprice", "pxlast", "sdqclose", "c", "收盘", "收盘价"),
    "volume": (
        *("volume", "vol", "v", "tradevolume", "sharestraded", "pxvolume", "sdqvolume"),
        *("成交量", "成交量股", "成交股数", "volumelots", "vollots", "成交量手"),
    ),
    "vwap": ("vwap", "vw", "averageprice", "avgprice", "均价", "成交均价"),
    "amount": (
        *("amount", "money", "dollarvolume", "tradedvalue", "成交额", "成交金额", "成交额元"),
        *("amountkcny", "成交额千元", "成交额万元"),
    ),
    "cap": ("cap", "marketcap", "mktcap", "marketcapitalization", "总市值"),
    "name": ("name", "companyname", "security", "securityname", "名称", "股票名称", "证券简称"),
    "category": ("category", "sector", "gicssector", "industry", "行业", "所属行业"),
    "delisted": ("delisted", "delistdate", "delisteddate", "delistingdate", "退市日期"),
}
"""Plain column names per field, the most telling first."""

UNITS: dict[str, float] = {
    "volumelots": 100.0,
    "vollots": 100.0,
    "成交量手": 100.0,
    "amountkcny": 1_000.0,
    "成交额千元": 1_000.0,
    "成交额万元": 10_000.0,
}
"""Plain names that state a unit, with the factor to shares or currency units."""

NUMBER_FIELDS = BAR_FIELDS + OPTIONAL_FIELDS
MAPPABLE_FIELDS = ("symbol", "date", *NUMBER_FIELDS, "name", "category", "delisted")

ABSENT = ""
"""A mapping to this name states that the file does not have the field."""


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """The columns of one file layout.

    Attributes
    ----------
    columns : dict
        Field to the file's own column name.
    factors : dict
        Field to the factor its numbers are multiplied by; 1 is left out.
    unused : tuple of str
        The file's columns that serve no field.
    guessed : frozenset of str
        The fields whose column was recognised, not given.
    """

    columns: dict[str, str]
    factors: dict[str, float]
    unused: tuple[str, ...]
    guessed: frozenset[str]

    def lines(self) -> tuple[str, ...]:
        """The choice in words, for the origin of a dataset."""
        chosen = ", ".join(f"{field} = {column}" for field, column in self.columns.items())
        lines = [f"columns: {chosen}"]
        given = [field for field in self.columns if field not in self.guessed]
        if given:
            lines.append("columns given, not recognised: " + ", ".join(given))
        lines += [
            f"units: {field} = {self.columns[field]} x {factor:g}"
            for field, factor in self.factors.items()
        ]
        if self.unused:
            lines.append("columns not used: " + ", ".join(self.unused))
        return tuple(lines)


def plain(name: str) -> str:
    """The form in which column names are compared.

    Examples
    --------
    >>> plain("<CLOSE>"), plain("Adj Close"), plain("成交量(手)")
    ('close', 'adjclose', '成交量手')
    """
    return re.sub(r"[\W_]+", "", name.lower())


def match_columns(
    found: Sequence[str],
    given: Mapping[str, str],
    scales: Mapping[str, float],
    where: str,
) -> ColumnMatch:
    """Choose the column of every field; ``given`` wins over the names known here.

    Parameters
    ----------
    found : sequence of str
        The file's columns.
    given : mapping
        Field to column as stated by the user; :data:`ABSENT` = there is none.
    scales : mapping
        Field to factor as stated by the user, in place of a recognised unit.
    where : str
        The file, for messages.

    Raises
    ------
    UsageError
        ``given`` or ``scales`` name a field or column that does not exist.
    DataRefused
        Two columns carry the same name, or one price of the bar seems renamed.

    Examples
    --------
    >>> match = match_columns(["Ticker", "Date", "Close", "volume_lots"], {}, {}, "a.csv")
    >>> match.columns["symbol"], match.factors
    ('Ticker', {'volume': 100.0})
    """
    check_fields(given, scales)
    columns = {field: _given_column(field, given[field], found, where) for field in given}
    spellings = _spellings(found)
    taken = set(columns.values())
    for field in MAPPABLE_FIELDS:
        if field not in columns:
            columns[field] = _recognised(field, spellings, taken, where)
            taken.add(columns[field])
    present = {field: columns[field] for field in MAPPABLE_FIELDS if columns[field] != ABSENT}
    unused = tuple(name for name in found if name not in taken)
    match = ColumnMatch(present, _factors(present, scales), unused, frozenset(present) - set(given))
    _refuse_partial_bar(match, given, where)
    return match


def check_fields(given: Mapping[str, str], scales: Mapping[str, float]) -> None:
    """Refuse mappings and scales of unknown fields, and scales that are no factor."""
    for field in given:
        if field not in MAPPABLE_FIELDS:
            raise _unknown_field(field, MAPPABLE_FIELDS, f"--column {field}={given[field]}")
    for field, factor in scales.items():
        if field not in NUMBER_FIELDS:
            raise _unknown_field(field, NUMBER_FIELDS, f"--scale {field}={factor:g}")
        if not (math.isfinite(factor) and factor > 0):
            raise UsageError(
                f"the scale of {field} is not a factor",
                expected="a positive finite number",
                found=str(factor),
                where=f"--scale {field}={factor:g}",
            )


def missing_column(field: str, match: ColumnMatch, where: str) -> DataRefused:
    """The refusal of a file in which no column can be taken for ``field``.

    Examples
    --------
    >>> match = ColumnMatch({}, {}, ("LastPrice", "Day"), frozenset())
    >>> print(missing_column("close", match, "a.csv").fix)
    name it, e.g. --column close=LastPrice
    """
    found = [*match.columns.values(), *match.unused]
    near = nearest_column(field, match.unused) or "COLUMN"
    shown = near if near == plain(near) or near.isalnum() else repr(near)
    return DataRefused(
        f"no column for {field}",
        expected="one of: " + ", ".join(NAMES[field]),
        found=shortened(found),
        where=where,
        fix=f"name it, e.g. --column {field}={shown}",
    )


def nearest_column(field: str, unused: Sequence[str]) -> str:
    """The unused column whose name is most like the names of ``field``, or ``""``."""

    def likeness(column: str) -> float:
        name = plain(column)
        return max(
            difflib.SequenceMatcher(None, name, known).ratio() + (known in name and len(known) > 2)
            for known in (*NAMES[field], *EXTRA_HINTS.get(field, ()))
        )

    return max(unused, key=likeness, default="")


EXTRA_HINTS: dict[str, tuple[str, ...]] = {
    "close": ("adjclose", "last", "lastprice", "price", "settle"),
    "symbol": ("company", "id"),
    "volume": ("quantity", "qty", "shares"),
}
"""Names too vague to be taken for a field, good enough to be proposed for it."""


def shortened(names: Sequence[str], most: int = 20) -> str:
    """Names in one line, cut after ``most`` of them."""
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _given_column(field: str, column: str, found: Sequence[str], where: str) -> str:
    if column == ABSENT or column in found:
        return column
    same = [name for name in found if plain(name) == plain(column)]
    if len(same) == 1:
        return same[0]
    near = difflib.get_close_matches(column, found, n=1, cutoff=0.4)
    raise UsageError(
        f"the column given for {field} is not in the file",
        expected="one of: " + shortened(found),
        found=column,
        where=where,
        fix=f"did you mean --column {field}={near[0]}?" if near else "",
    )


def _spellings(found: Sequence[str]) -> dict[str, list[str]]:
    spellings: dict[str, list[str]] = {}
    for name in found:
        spellings.setdefault(plain(name), []).append(name)
    return spellings


def _recognised(
    field: str, spellings: Mapping[str, Sequence[str]], taken: set[str], where: str
) -> str:
    for known in NAMES[field]:
        free = [name for name in spellings.get(known, ()) if name not in taken]
        if len(free) > 1:
            raise DataRefused(
                f"{len(free)} columns could be {field}",
                expected="one column",
                found=", ".join(free),
                where=where,
                fix=f"choose one, e.g. --column {field}={free[0]}",
            )
        if free:
            return free[0]
    return ABSENT


def _factors(columns: Mapping[str, str], scales: Mapping[str, float]) -> dict[str, float]:
    recognised = {field: UNITS.get(plain(column), 1.0) for field, column in columns.items()}
    stated = {field: factor for field, factor in scales.items() if field in columns}
    merged = recognised | stated
    return {field: factor for field, factor in merged.items() if factor != 1.0}


def _refuse_partial_bar(match: ColumnMatch, given: Mapping[str, str], where: str) -> None:
    """An open, high or low that is missing alone was renamed more likely than left out."""
    bar = ("open", "high", "low")
    missing = [field for field in bar if field not in match.columns and field not in given]
    if missing and len(missing) < len(bar) and match.unused:
        refusal = missing_column(missing[0], match, where)
        refusal.fix += f", or state that there is none: --column {missing[0]}="
        raise refusal


def _unknown_field(field: str, known: Sequence[str], where: str) -> UsageError:
    near = difflib.get_close_matches(field, known, n=1)
    return UsageError(
        "unknown field",
        expected="one of: " + ", ".join(known),
        found=field,
        where=where,
        fix=f"did you mean {near[0]}?" if near else "",
    )
