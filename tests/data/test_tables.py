"""Single files: encodings, dates out of text, and every way in which a file can be broken."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant_core.data.sources.files import FileSource
from quant_core.data.sources.tables import dates_of, read_table
from quant_core.foundation.errors import DataRefused, QuantError, SourceUnreachable, UsageError
from tests.data.prices import HEADER, ROW, write
from tests.shared_data import SHARED, needs_shared


class TestExamples:
    """What is read, cell by cell."""

    @pytest.mark.parametrize(
        "text",
        [
            *("2018-01-02", "20180102", "2018/01/02", "2018-1-2", "02-JAN-2018", "02.01.2018"),
            *("2018-01-02 00:00:00", "2018-01-02T00:00:00Z", "20180102 00:00:00", " 2018-01-02 "),
        ],
    )
    def test_dates_in_several_forms(self, text):
        assert dates_of(pl.Series([text])).to_list() == [date(2018, 1, 2)]

    @pytest.mark.parametrize(
        ("texts", "first"),
        [
            (["01/02/2018", "01/31/2018"], date(2018, 1, 2)),  # the second number is a day
            (["01/02/2018", "31/01/2018"], date(2018, 2, 1)),  # the first number is a day
            (["01/02/2018", "02/03/2018"], None),  # nothing tells
            (["01/31/2018", "31/01/2018"], None),  # both: the column contradicts itself
        ],
    )
    def test_dates_with_slashes_only_when_the_column_tells(self, texts, first):
        assert dates_of(pl.Series(texts)).to_list()[0] == first

    @pytest.mark.parametrize("text", ["", "2018-13-01", "20180230", "1/2/18", "1514851200", "x"])
    def test_what_is_no_date(self, text):
        assert dates_of(pl.Series([text])).to_list() == [None]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("gb.csv", "代码,日期,收盘\n000001,2018-01-02,5\n".encode("gb18030")),
            ("bom.csv", b"\xef\xbb\xbfsymbol,date,close\r\n000001,2018-01-02,5\r\n"),
            ("zip.csv.gz", gzip.compress(b"symbol,date,close\n000001,2018-01-02,5\n", mtime=0)),
            ("semicolon.csv", b"symbol;date;close\n000001;2018-01-02;5\n"),
            ("tab.txt", b"symbol\tdate\tclose\n000001\t2018-01-02\t5\n"),
            ("blank.csv", b"\n\nsymbol,date,close\n\n000001,2018-01-02,5\n\n\n"),
            ("open.csv", b"symbol,date,close\n000001,2018-01-02,5"),
        ],
    )
    def test_encodings_separators_and_blank_lines(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        raw = FileSource([tmp_path / name]).read()
        assert raw.prices.select("symbol", "date", "close").rows() == [
            ("000001", date(2018, 1, 2), 5.0)
        ]


def refusal(source: FileSource, kind: type[QuantError]) -> str:
    with pytest.raises(kind) as caught:
        source.read()
    return str(caught.value)


class TestRefusals:
    """One clear message and the right exit code each."""

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("a.csv", b"", "the file is empty"),
            ("a.csv", b" \n\n \n", "the file is empty"),
            ("a.csv", f"{HEADER}\n".encode(), "the file has no rows"),
            ("a.parquet", b"", "the file is empty"),
            ("a.parquet", b"PAR1" + bytes(400), "the file is damaged"),
            ("a.parquet", f"{HEADER}\n{ROW}\n".encode(), "does not begin with PAR1"),
            ("a.csv", b"PK\x03\x04rest", "an Excel or zip file"),
            ("a.csv", b"symbol,date\n\x00\x01\x02,3\n", "bytes that are no text"),
            ("a.csv.gz", gzip.compress(b"symbol,date,close\n" * 9, mtime=0)[:20], "ends too early"),
            ("a.csv", f"{HEADER}\n{ROW}\n{ROW},7\n".encode(), "line 3"),
            ("a.csv", f'{HEADER}\n{ROW}\nA,2018-01-02,"1,2,3,4,5\n'.encode(), "no table"),
        ],
    )
    def test_broken_files(self, tmp_path, name, content, says):
        (tmp_path / name).write_bytes(content)
        message = refusal(FileSource([tmp_path / name]), DataRefused)
        assert says in message
        assert str(tmp_path / name) in message

    @needs_shared
    def test_a_parquet_file_cut_short(self, tmp_path):
        whole = (SHARED / "us_etf_daily_1999_2017/ohlcv.parquet").read_bytes()
        (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
        assert "damaged" in refusal(FileSource([tmp_path / "cut.parquet"]), DataRefused)

    def test_a_renamed_close_names_the_nearest_column_and_the_flag(self, tmp_path):
        path = write(tmp_path, "x.csv", HEADER.replace("close", "LastPrice"), ROW)
        message = refusal(FileSource([path]), DataRefused)
        assert "no column for close" in message
        assert "symbol, date, open, high, low, volume, LastPrice" in message
        assert "--column close=LastPrice" in message

    def test_a_renamed_open_is_not_taken_for_a_missing_one(self, tmp_path):
        path = write(tmp_path, "x.csv", HEADER.replace("open", "first"), ROW)
        assert "--column open=first" in refusal(FileSource([path]), DataRefused)

    def test_a_renamed_symbol_does_not_make_one_symbol_of_many(self, tmp_path):
        rows = [f"{name},2018-01-0{day},5" for name in "AB" for day in (2, 3)]
        path = write(tmp_path, "x.csv", "Firm,date,close", *rows)
        message = refusal(FileSource([path]), DataRefused)
        assert "no column for symbol, and 2 dates repeat" in message
        assert "--column symbol=Firm" in message

    def test_two_columns_for_one_field(self, tmp_path):
        path = write(tmp_path, "x.csv", "symbol,date,close,Close", "A,2018-01-02,1,2")
        message = refusal(FileSource([path]), DataRefused)
        assert "2 columns could be close" in message
        assert "close, Close" in message

    @pytest.mark.parametrize(
        ("source", "says"),
        [
            ({"columns": {"close": "Lst"}}, "did you mean --column close=Last?"),
            ({"columns": {"clse": "Last"}}, "did you mean close?"),
            ({"scales": {"volum": 2.0}}, "did you mean volume?"),
            ({"scales": {"volume": float("nan")}}, "not a factor"),
            ({"scales": {"volume": 0.0}}, "not a factor"),
        ],
    )
    def test_unusable_mappings(self, tmp_path, source, says):
        path = write(tmp_path, "x.csv", "symbol,date,Last", "A,2018-01-02,1")
        assert says in refusal(FileSource([path], **source), UsageError)

    def test_paths_that_lead_nowhere(self, tmp_path):
        gone = refusal(FileSource([tmp_path / "gone.csv"]), SourceUnreachable)
        assert "no such file or folder" in gone
        nothing = refusal(FileSource([str(tmp_path / "*.csv")]), SourceUnreachable)
        assert "no file matches the pattern" in nothing
        assert "holds no data file" in refusal(FileSource([tmp_path]), DataRefused)
        assert "no path" in refusal(FileSource([]), UsageError)

    def test_a_file_that_may_not_be_read(self, tmp_path, monkeypatch):
        def forbidden(*_arguments: object, **_options: object) -> None:
            raise PermissionError(13, "Permission denied")

        path = write(tmp_path, "x.csv", HEADER, ROW)
        monkeypatch.setattr(Path, "open", forbidden)
        message = refusal(FileSource([path]), SourceUnreachable)
        assert "the file cannot be read" in message
        assert "Permission denied" in message

    def test_one_symbol_for_several_files_and_a_file_twice(self, tmp_path):
        paths = [write(tmp_path, f"{n}.csv", "date,close", "2018-01-02,5") for n in "AB"]
        assert "several files" in refusal(FileSource(paths, symbol="X"), UsageError)
        assert "named twice" in refusal(FileSource([paths[0], tmp_path]), UsageError)

    def test_a_delisting_date_that_is_none(self, tmp_path):
        path = write(tmp_path, "x.csv", "symbol,date,close,delisted", "A,2018-01-02,5,soon")
        assert "a delisting date cannot be read" in refusal(FileSource([path]), DataRefused)

    def test_the_exit_codes(self):
        assert (SourceUnreachable.exit_code, DataRefused.exit_code, UsageError.exit_code) == (
            3,
            4,
            2,
        )

    def test_a_vanished_file(self, tmp_path):
        with pytest.raises(SourceUnreachable):
            read_table(tmp_path / "gone.csv")
