"""Prices from Parquet and CSV: columns, units, dates, text among numbers, broken files."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.schema import OPTIONAL_FIELDS, REQUIRED_FIELDS
from quant_core.data.sources.columns import match_columns, plain
from quant_core.data.sources.files import FileSource
from tests.data.prices import HEADER, ROW, write
from tests.shared_data import SHARED, needs_shared


def matched(*columns: str, **given: str) -> dict[str, str]:
    return match_columns(columns, given, {}, "file.csv").columns


class TestExamples:
    """What is read, cell by cell."""

    @pytest.mark.parametrize(
        "header",
        [
            "Symbol,Date,Open,High,Low,Close,Volume",
            "ticker,trade_date,o,h,l,c,vol",
            "ts_code,日期,开盘,最高,最低,收盘,成交量",
            "股票代码,交易日期,开盘价,最高价,最低价,收盘价,成交股数",
            "<TICKER>,<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "Name,timestamp,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME",
        ],
    )
    def test_the_usual_names_of_columns_are_recognised(self, tmp_path, header):
        raw = FileSource([write(tmp_path, "x.csv", header, ROW)]).read()
        assert raw.prices.rows() == [("A", date(2018, 1, 2), 1.0, 2.0, 0.5, 1.5, 100.0)]
        assert raw.prices.columns == list(REQUIRED_FIELDS)
        assert raw.origin[1].startswith(f"columns: symbol = {header.split(',')[0]}, date = ")

    def test_a_given_column_wins_over_a_recognised_one(self):
        columns = matched("Symbol", "Date", "Close", "Last", close="Last")
        assert columns == {"symbol": "Symbol", "date": "Date", "close": "Last"}

    def test_a_given_column_is_found_whatever_its_case(self):
        assert matched("symbol", "date", "LastPrice", close="last_price")["close"] == "LastPrice"

    def test_the_adjusted_close_is_never_taken_for_the_close(self, tmp_path):
        path = write(tmp_path, "A.csv", "Date,Close,Adj Close", "2018-01-02,10,9")
        raw = FileSource([path]).read()
        assert raw.prices["close"].to_list() == [10.0]
        assert "columns not used: Adj Close" in raw.origin

    def test_the_symbol_comes_before_the_name(self):
        assert matched("name", "symbol", "date", "close")["symbol"] == "symbol"
        assert matched("name", "date", "close")["symbol"] == "name"

    def test_units_in_a_column_name_are_applied_and_stated(self, tmp_path):
        path = write(
            tmp_path, "x.csv", "symbol,date,close,volume_lots,amount_kcny", "A,20180102,9,1.5,2"
        )
        raw = FileSource([path]).read()
        assert raw.prices.select("volume", "amount").rows() == [(150.0, 2000.0)]
        assert "units: volume = volume_lots x 100" in raw.origin
        assert "units: amount = amount_kcny x 1000" in raw.origin

    def test_a_given_scale_replaces_the_recognised_unit(self, tmp_path):
        path = write(tmp_path, "x.csv", "symbol,date,close,volume_lots", "A,20180102,9,3")
        raw = FileSource([path], scales={"volume": 10.0, "close": 0.01}).read()
        assert raw.prices.select("close", "volume").rows() == [(0.09, 30.0)]

    def test_fields_the_file_lacks_are_unknown(self, tmp_path):
        raw = FileSource([write(tmp_path, "x.csv", "symbol,date,close", "A,2018-01-02,5")]).read()
        assert raw.prices.rows() == [("A", date(2018, 1, 2), None, None, None, 5.0, None)]

    def test_leading_zeros_and_odd_tickers_survive(self, tmp_path):
        symbols = ["000001", "NA", "ON", "TRUE", "1E5", "nan", "BRK.B"]
        rows = [f"{symbol},2018-01-02,1,2,0.5,1.5,100" for symbol in symbols]
        raw = FileSource([write(tmp_path, "x.csv", HEADER, *rows)]).read()
        assert raw.prices["symbol"].to_list() == symbols

    def test_a_file_per_symbol_is_named_after_it(self, tmp_path):
        for name in ("000001.SZ", "MSFT"):
            write(tmp_path, f"{name}.csv", "date,close", "2018-01-02,5", "2018-01-03,6")
        (tmp_path / "notes.md").write_text("no data")
        raw = FileSource([tmp_path]).read()
        assert raw.prices["symbol"].to_list() == ["000001.SZ", "000001.SZ", "MSFT", "MSFT"]
        assert len([line for line in raw.origin if "sha256" in line]) == 2

    def test_a_pattern_names_files(self, tmp_path):
        (tmp_path / "deep").mkdir()
        write(tmp_path / "deep", "B.csv", "date,close", "2018-01-02,5")
        write(tmp_path, "A.csv", "date,close", "2018-01-02,5")
        raw = FileSource([str(tmp_path / "**" / "*.csv")]).read()
        assert sorted(raw.prices["symbol"]) == ["A", "B"]

    def test_many_files_are_named_in_one_line(self, tmp_path):
        for i in range(12):
            write(tmp_path, f"S{i:02d}.csv", "date,close", "2018-01-02,5")
        origin = FileSource([tmp_path]).read().origin
        assert origin[0] == "12 files S00.csv ... S11.csv"
        assert len(origin) == 3

    def test_one_symbol_may_be_given(self, tmp_path):
        path = write(tmp_path, "prices.csv", "date,close", "2018-01-02,5")
        assert FileSource([path], symbol="SPY").read().prices["symbol"].to_list() == ["SPY"]

    def test_text_among_numbers_goes_to_rejected_word_for_word(self, tmp_path):
        path = write(
            tmp_path, "x.csv", HEADER, ROW, "B,2018-01-02,1,2,0.5, 1.5x ,100", "C,soon,1,2,0.5,1,?"
        )
        raw = FileSource([path]).read()
        assert raw.prices["symbol"].to_list() == ["A"]
        assert raw.rejected.select("symbol", "date", "close", "volume", "reason").rows() == [
            ("B", "2018-01-02", " 1.5x ", "100", "not_a_number:close"),
            ("C", "soon", "1", "?", "not_a_date"),
        ]

    def test_words_for_missing_are_missing(self, tmp_path):
        rows = [
            f"{i},2018-01-02,{word},2,1,1,1" for i, word in enumerate(["", "NA", "NaN", "null"])
        ]
        raw = FileSource([write(tmp_path, "x.csv", HEADER, *rows)]).read()
        assert raw.prices["open"].to_list() == [None] * 4
        assert raw.rejected.is_empty()

    def test_parquet_of_any_types(self, tmp_path):
        path = tmp_path / "x.parquet"
        pl.DataFrame(
            {
                "Ticker": pl.Series(["A", "B"], dtype=pl.Categorical),
                "Date": pl.Series(["2018-01-02 16:00", "2018-01-03 00:00"]).str.to_datetime(),
                "Close": ["5.5", "n.m."],
                "Volume": pl.Series([1, 2], dtype=pl.UInt32),
            }
        ).write_parquet(path)
        raw = FileSource([path]).read()
        assert raw.prices.select("symbol", "date", "close", "volume").rows() == [
            ("A", date(2018, 1, 2), 5.5, 1.0)
        ]
        assert raw.rejected["reason"].to_list() == ["not_a_number:close"]

    def test_parquet_and_csv_together(self, tmp_path):
        first = tmp_path / "A.parquet"
        pl.DataFrame({"date": [date(2018, 1, 2)], "close": [1.0], "vwap": [1.1]}).write_parquet(
            first
        )
        second = write(tmp_path, "B.csv", "date,close,volume", "2018-01-03,2,9", "2018-01-04,x,9")
        raw = FileSource([first, second]).read()
        assert raw.prices.columns == [*REQUIRED_FIELDS, OPTIONAL_FIELDS[0]]
        assert raw.prices.select("symbol", "close", "volume", "vwap").rows() == [
            ("A", 1.0, None, 1.1),
            ("B", 2.0, 9.0, None),
        ]
        assert raw.rejected.columns == [*raw.prices.columns, "reason"]

    def test_names_sectors_and_delistings_are_gathered(self, tmp_path):
        path = write(
            tmp_path,
            "x.csv",
            "symbol,date,close,company name,sector,delisted",
            "A,2018-01-02,5,Old Co,Energy,",
            "A,2018-01-03,5,New Co,,2018-01-03",
            "B,2018-01-03,5,,,",
        )
        assert FileSource([path]).read().symbols.rows() == [
            ("A", "New Co", "Energy", date(2018, 1, 3)),
            ("B", None, None, None),
        ]

    def test_a_field_can_be_declared_absent(self, tmp_path):
        path = write(tmp_path, "x.csv", "symbol,date,open,close,vol,extra", "A,2018-01-02,4,5,6,7")
        given = {"high": "", "low": "", "volume": ""}
        raw = FileSource([path], columns=given).read()
        assert raw.prices.rows() == [("A", date(2018, 1, 2), 4.0, None, None, 5.0, None)]


class TestReference:
    """The same rows whichever way they are stored."""

    @needs_shared
    def test_csv_and_parquet_give_the_same_prices(self, tmp_path):
        source = SHARED / "us_etf_daily_1999_2017/ohlcv.parquet"
        rows = pl.read_parquet(source).filter(pl.col("symbol") < "EWA")
        rows.write_csv(tmp_path / "all.csv")
        rows.write_parquet(tmp_path / "all.parquet")
        folder = tmp_path / "each"
        folder.mkdir()
        for (symbol,), part in rows.group_by("symbol"):
            part.drop("symbol").write_csv(folder / f"{symbol}.csv", date_format="%Y%m%d")
        one, two, three = (
            FileSource([path]).read().prices.sort("symbol", "date")
            for path in (tmp_path / "all.csv", tmp_path / "all.parquet", folder)
        )
        assert one.equals(two)
        assert one.equals(three)
        assert one.height > 50_000

    @needs_shared
    def test_the_units_of_the_chinese_set(self):
        path = SHARED / "cn_ashare_daily_2014_2023/ohlcv_qfq.parquet"
        raw, plain_rows = FileSource([path]).read(), pl.read_parquet(path)
        assert raw.prices["volume"].equals((plain_rows["volume_lots"] * 100).alias("volume"))
        assert raw.prices["amount"].equals((plain_rows["amount_kcny"] * 1000).alias("amount"))
        assert "columns not used: pre_close" in raw.origin

    @needs_shared
    def test_a_set_with_closes_alone(self):
        raw = FileSource([SHARED / "in_nse_close_2018_2020/close.parquet"]).read()
        assert raw.prices.select("open", "high", "low", "volume").null_count().row(0) == (
            (562_653,) * 4
        )


CELLS = st.one_of(
    st.floats(-9, 9).map(str), st.sampled_from(["", "NA", "abc", "1,5", "--", "1e3", " 7 "])
)


class TestProperties:
    """Nothing is lost on the way."""

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12))
    def test_every_row_is_read_or_rejected_as_it_was(self, tmp_path_factory, cells):
        folder = tmp_path_factory.mktemp("rows")
        rows = [f'S{i:02d},2018-01-02,"{a}","{b}"' for i, (a, b) in enumerate(cells)]
        path = write(folder, "x.csv", "symbol,date,close,volume", *rows)
        raw = FileSource([path]).read()
        assert raw.prices.height + raw.rejected.height == len(cells)
        for symbol, close, volume in raw.rejected.select("symbol", "close", "volume").iter_rows():
            assert (close or "", volume or "") == cells[int(symbol[1:])]
        for symbol, close in raw.prices.select("symbol", "close").iter_rows():
            text = cells[int(symbol[1:])][0].strip()
            assert close == (None if text in ("", "NA") else float(text))

    @settings(max_examples=50, deadline=None)
    @given(st.text(max_size=30))
    def test_the_plain_form_is_plain(self, name):
        assert plain(plain(name)) == plain(name)
        assert plain(f"<{name}>") == plain(name)
