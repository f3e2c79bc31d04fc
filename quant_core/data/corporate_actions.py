"""Corporate actions: what passes the gate, and how a delivery meets what is stored.

1. lay exact repetitions together, set contradictions aside   :func:`_laid_together`
2. a delivered action replaces the stored one of its key       :func:`merge_actions`
3. judge every action against prices and calendar              :func:`_reasons`

   ======================== ==================================================
   missing_symbol           the row names no symbol
   missing_date             the row names no ex-date
   unknown_kind             the kind is not split, dividend, rights or rename
   not_a_session            the ex-date lies between the first and the last session
                            of the dataset and is none
   ratio_missing            a split or rights without a finite ratio
   ratio_not_positive       its ratio is zero or negative
   ratio_is_one             a split that changes nothing
   ratio_out_of_range       its ratio is above a million, or below a millionth
   amount_missing           a dividend without a finite amount
   amount_not_positive      its amount is negative, or zero in micro-units
   amount_too_large         it is above what the ledger can hold
   dividend_exceeds_price   it is not below the last close before the ex-date
   price_missing            rights without a finite subscription price
   price_not_positive       which is negative, or zero in micro-units
   price_too_large          which is above what the ledger can hold
   pay_date_before_ex_date  a dividend paid before the shares trade without it
   successor_missing        a rename without a new symbol, or to itself
   successor_unknown        the new symbol has no prices in the dataset
   conflicting_duplicate    another row of the same symbol, ex-date and kind says
                            otherwise; all of them go
   price_does_not_confirm   the file itself says that no price confirms the factor
   ======================== ==================================================

4. actions of symbols that the dataset does not have are left out and counted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from quant_core.data.quality import LARGEST_PRICE, sessions_over
from quant_core.data.quality_report import EXAMPLES, QUARANTINE_LIMIT, JsonValue
from quant_core.data.schema import (
    ACTION_KEYS,
    ACTION_KINDS,
    ACTION_SCHEMA,
    DatasetFacts,
    DatasetTables,
    action_text_schema,
)
from quant_core.data.sources.action_files import RawActions
from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.types import SessionArray

RAW_BASIS = "raw"
LARGEST_RATIO = 1e6
HALF_A_MICRO = 0.5e-6
CONFLICTING = "conflicting_duplicate"

_JUDGED = {
    "session": pl.Boolean,
    "within": pl.Boolean,
    "previous": pl.Float64,
    "heir": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class ActionReport:
    """What became of a delivery of corporate actions.

    Attributes
    ----------
    rows_in : int
        Rows of the files.
    stored : dict of str to int
        Actions of the dataset now, by kind.
    added, revised, unchanged : int
        Delivered actions that passed: of a new key, other than stored, as stored.
    collapsed, without_action : int
        Exact repetitions, and rows that state no action.
    unknown : int
        Actions of symbols that the dataset does not have; they are left out.
    beyond : int
        Stored actions outside the span of the dataset: they wait for their session.
    snapped, odd : int
        Factors taken for a split of a simple fraction, and of the ratio as it stands.
    quarantined : dict of str to int
        Refused rows by reason.
    examples : dict of str to tuple of str
        The first few of each.
    """

    rows_in: int
    stored: Mapping[str, int]
    added: int
    revised: int
    unchanged: int
    collapsed: int
    without_action: int
    unknown: int
    beyond: int
    snapped: int
    odd: int
    quarantined: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, JsonValue]:
        """The report with plain values only."""
        return {
            "rows_in": self.rows_in,
            "stored": dict(self.stored),
            "added": self.added,
            "revised": self.revised,
            "unchanged": self.unchanged,
            "collapsed": self.collapsed,
            "without_action": self.without_action,
            "unknown_symbol": self.unknown,
            "beyond_span": self.beyond,
            "snapped_ratios": self.snapped,
            "odd_ratios": self.odd,
            "quarantined": {
                reason: {"rows": number, "examples": self.examples[reason]}
                for reason, number in self.quarantined.items()
            },
        }


@dataclass(frozen=True, slots=True)
class MergedActions:
    """The actions of the next version, those refused, and the account of the delivery."""

    actions: pl.DataFrame
    quarantine: pl.DataFrame
    report: ActionReport


def refuse_adjusted(facts: DatasetFacts) -> None:
    """Refuse actions for prices that contain them already.

    Raises
    ------
    UsageError
        If the price basis is not raw.
    """
    if facts.price_basis != RAW_BASIS:
        raise UsageError(
            "corporate actions belong to raw prices only: adjusted prices contain them already",
            expected=f"price basis {RAW_BASIS}",
            found=f"price basis {facts.price_basis}",
            where=f"dataset {facts.dataset}",
            fix="leave --actions out, or bring prices as they were traded: --price-basis raw",
        )


def merge_actions(
    tables: DatasetTables, delivered: RawActions, facts: DatasetFacts
) -> MergedActions:
    """Actions of a dataset after a delivery, judged against its prices as they are now.

    Stored actions are judged again: prices or sessions that arrived since may speak
    against them.

    Raises
    ------
    UsageError
        If the prices of the dataset are adjusted.
    DataRefused
        If more than 2 % of the rows cannot be read.
    """
    refuse_adjusted(facts)
    _refuse_unreadable(delivered, facts)
    single, conflicting, collapsed = _laid_together(delivered.actions)
    symbols = tables.prices["symbol"].unique()
    foreign = _foreign(single, symbols)
    mine, earlier = single.filter(~foreign), tables.actions
    keys = list(ACTION_KEYS)
    stays = earlier.join(mine, on=keys, how="anti", nulls_equal=True)
    together = pl.concat([stays, mine])
    reasons = _reasons(together, tables.prices, facts)
    kept = together.filter(reasons.is_null()).sort(list(ACTION_SCHEMA))
    refused = pl.concat(
        [
            delivered.unreadable,
            delivered.refused,
            _as_text(conflicting.with_columns(reason=pl.lit(CONFLICTING))),
            _as_text(together.with_columns(reasons)).drop_nulls("reason"),
        ]
    )
    passed = kept.join(mine, on=keys, how="semi")
    known = passed.join(earlier, on=keys, how="semi").height
    same = passed.join(earlier, on=list(ACTION_SCHEMA), how="semi", nulls_equal=True).height
    quarantine = pl.concat([tables.actions_quarantine, refused]).unique(maintain_order=True)
    report = ActionReport(
        rows_in=delivered.rows,
        stored=_by_kind(kept),
        added=passed.height - known,
        revised=known - same,
        unchanged=same,
        collapsed=collapsed,
        without_action=delivered.without_action,
        unknown=int(foreign.sum()),
        beyond=_beyond(kept, tables.prices),
        snapped=delivered.snapped,
        odd=delivered.odd,
        quarantined=_counts(refused),
        examples=_examples(refused),
    )
    return MergedActions(kept, quarantine, report)


def _refuse_unreadable(delivered: RawActions, facts: DatasetFacts) -> None:
    keyless = pl.any_horizontal(pl.col(ACTION_KEYS).is_null())
    without = delivered.actions.filter(keyless).with_columns(reason=pl.lit("missing_key"))
    bad = pl.concat([delivered.unreadable, _as_text(without)])
    if bad.height <= QUARANTINE_LIMIT * delivered.rows:
        return
    counts, examples = _counts(bad), _examples(bad)
    found = ", ".join(f"{name} {n:,} (first: {examples[name][0]})" for name, n in counts.items())
    raise DataRefused(
        f"{bad.height:,} of {delivered.rows:,} rows of corporate actions cannot be read",
        expected=f"at most {QUARANTINE_LIMIT:.0%} of them",
        found=found,
        where=f"dataset {facts.dataset}",
        fix="correct the file; the last good version stays",
    )


def _laid_together(actions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Actions of keys that occur once, those that contradict one another, repetitions."""
    distinct = actions.unique(maintain_order=True)
    complete = pl.all_horizontal(pl.col(ACTION_KEYS).is_not_null())
    rivals = complete & pl.struct(ACTION_KEYS).is_duplicated()
    marked = distinct.with_columns(rivals.alias("rivals"))
    single = marked.filter(~pl.col("rivals")).drop("rivals")
    return single, marked.filter("rivals").drop("rivals"), actions.height - distinct.height


def _foreign(actions: pl.DataFrame, symbols: pl.Series) -> pl.Series:
    return actions.select(
        (~pl.col("symbol").is_in(symbols.implode())).fill_null(value=False).alias("foreign")
    ).to_series()


def _reasons(actions: pl.DataFrame, prices: pl.DataFrame, facts: DatasetFacts) -> pl.Series:
    """Why an action is refused, null where it passes; in the order of the rows."""
    sessions = sessions_over(prices["date"], facts.calendar)
    judged = _with_market(actions, prices, sessions)
    kind = pl.col("kind")
    ratio, amount, price = (_finite(pl.col(name)) for name in ("ratio", "amount", "price"))
    has_ratio = kind.is_in(["split", "rights"])
    same = pl.col("successor") == pl.col("symbol")
    tests: dict[str, pl.Expr] = {
        "missing_symbol": pl.col("symbol").is_null(),
        "missing_date": pl.col("ex_date").is_null(),
        "unknown_kind": ~kind.is_in(list(ACTION_KINDS)) | kind.is_null(),
        "not_a_session": pl.col("within") & ~pl.col("session"),
        "ratio_missing": has_ratio & ratio.is_null(),
        "ratio_not_positive": has_ratio & (ratio <= 0.0),
        "ratio_is_one": (kind == "split") & (ratio == 1.0),
        "ratio_out_of_range": has_ratio & ~ratio.is_between(1.0 / LARGEST_RATIO, LARGEST_RATIO),
        "amount_missing": (kind == "dividend") & amount.is_null(),
        "amount_not_positive": (kind == "dividend") & (amount <= HALF_A_MICRO),
        "amount_too_large": (kind == "dividend") & (amount > LARGEST_PRICE),
        "dividend_exceeds_price": (kind == "dividend") & (amount >= pl.col("previous")),
        "price_missing": (kind == "rights") & price.is_null(),
        "price_not_positive": (kind == "rights") & (price <= HALF_A_MICRO),
        "price_too_large": (kind == "rights") & (price > LARGEST_PRICE),
        "pay_date_before_ex_date": pl.col("pay_date") < pl.col("ex_date"),
        "successor_missing": (kind == "rename") & (pl.col("successor").is_null() | same),
        "successor_unknown": (kind == "rename") & pl.col("within") & ~pl.col("heir"),
    }
    failed = judged.select(
        test.fill_null(value=False).alias(reason) for reason, test in tests.items()
    )
    named = [pl.when(pl.col(reason)).then(pl.lit(reason)) for reason in tests]
    return failed.select(pl.coalesce(named).alias("reason")).to_series()


def _with_market(
    actions: pl.DataFrame, prices: pl.DataFrame, sessions: SessionArray
) -> pl.DataFrame:
    """Actions with what prices and calendar say: see the columns of ``_JUDGED``.

    ``within`` = inside the span of the prices; ``session`` = the ex-date is one;
    ``previous`` = last close before it; ``heir`` = the successor has prices.
    """
    if actions.is_empty():
        return actions.with_columns(pl.lit(None, kind).alias(n) for n, kind in _JUDGED.items())
    days = pl.Series("sessions", sessions.astype("datetime64[ms]")).cast(pl.Date)
    closes = prices.select("symbol", pl.col("date"), previous="close").drop_nulls()
    rows = actions.with_row_index("row").sort("ex_date", nulls_last=True)
    known = rows.drop_nulls(["symbol", "ex_date"]).join_asof(
        closes.sort("date"),
        left_on="ex_date",
        right_on="date",
        by="symbol",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    looked_up = rows.join(known.select("row", "previous"), on="row", how="left").sort("row")
    symbols = prices["symbol"].unique()
    return looked_up.drop("row").with_columns(
        session=pl.col("ex_date").is_in(days.implode()),
        within=pl.col("ex_date").is_between(prices["date"].min(), prices["date"].max()),
        heir=pl.col("successor").is_in(symbols.implode()),
    )


def _finite(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_finite()).then(number)


def _beyond(actions: pl.DataFrame, prices: pl.DataFrame) -> int:
    inside = pl.col("ex_date").is_between(prices["date"].min(), prices["date"].max())
    return actions.filter(~inside).height


def _as_text(refused: pl.DataFrame) -> pl.DataFrame:
    return refused.select(pl.col(list(action_text_schema())).cast(pl.String))


def _by_kind(actions: pl.DataFrame) -> dict[str, int]:
    counted = dict(actions["kind"].value_counts().iter_rows())
    return {kind: int(counted[kind]) for kind in ACTION_KINDS if kind in counted}


def _counts(refused: pl.DataFrame) -> dict[str, int]:
    return {str(name): int(n) for name, n in sorted(refused["reason"].value_counts().iter_rows())}


def _examples(refused: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for (reason,), rows in refused.group_by("reason", maintain_order=True):
        first = rows.head(EXAMPLES).select("symbol", "ex_date").iter_rows()
        found[str(reason)] = tuple(
            f"{name or 'no symbol'} {day or 'no date'}" for name, day in first
        )
    return found
