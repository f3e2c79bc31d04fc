"""Reading one Parquet or CSV file into a frame, and dates out of text.

CSV cells stay text, so that nothing is lost or guessed before it is judged. What the
reading library raises is translated here, in one table.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from quant_core.foundation.errors import DataRefused, QuantError, SourceUnreachable, UsageError

PARQUET_MAGIC = b"PAR1"
FOREIGN_MAGIC: dict[bytes, str] = {
    b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"SQLite": "an SQLite database",
}
"""First bytes of formats people mistake for tables, and what they are."""

DATA_SUFFIXES = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
SEPARATORS = (",", ";", "\t", "|")

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d-%b-%Y", "%d.%m.%Y")
"""Formats that can be read in one way only, tried in this order."""

MISSING = ("", "na", "n/a", "#n/a", "nan", "nat", "null", "none")
"""Texts (in lower case) that stand for a missing number or date."""

SLASHED = r"^(\d{1,2})/(\d{1,2})/(\d{4})$"
FIRST_YEAR = 1000
CLOCK_TIME = r"^(\d{4}[-/]?\d{1,2}[-/]?\d{1,2})[T ]\d{1,2}:\d{2}.*$"


def data_files(paths: Sequence[str | Path]) -> list[Path]:
    """The files meant by ``paths``: files, folders (their data files), glob patterns.

    Raises
    ------
    UsageError
        No path given, or a file named twice.
    SourceUnreachable
        A path or pattern leads to nothing.
    DataRefused
        A folder holds no data file.
    """
    if not paths:
        raise UsageError("no path to read", fix="give --path FILE, FOLDER or 'PATTERN*.csv'")
    files = [file for path in paths for file in _files_of(Path(path))]
    seen: set[Path] = set()
    for file in files:
        if file in seen:
            raise UsageError("a file is named twice", found=str(file), fix="name it once")
        seen.add(file)
    return files


def stem_of(path: Path) -> str:
    """A file's name without its data suffix: the symbol of a file that names none.

    Examples
    --------
    >>> stem_of(Path("x/000001.SZ.csv")), stem_of(Path("AAPL.csv.gz"))
    ('000001.SZ', 'AAPL')
    """
    lower = path.name.lower()
    suffix = max((s for s in DATA_SUFFIXES if lower.endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)]


def read_table(
    path: Path, choose: Callable[[Sequence[str]], Sequence[str]] | None = None
) -> pl.DataFrame:
    """The rows of a Parquet file (typed) or of a CSV file (every cell as text).

    Parameters
    ----------
    path : Path
        CSV may be separated by comma, semicolon, tab or bar, be gzipped, and be written
        in UTF-8 or GB 18030. Lines that are blank altogether are passed over.
    choose : callable, optional
        Is shown the column names and answers which to read; all by default.

    Raises
    ------
    SourceUnreachable
        The file is absent or may not be read.
    DataRefused
        The file is empty, damaged, of another kind, or has no rows.
    """
    with _reading(path):
        with path.open("rb") as stream:
            first = stream.read(8)
        kind = next((text for magic, text in FOREIGN_MAGIC.items() if first.startswith(magic)), "")
        if not first:
            raise DataRefused("the file is empty", expected="a table", where=str(path))
        if kind:
            raise _not_a_table(path, kind)
        frame = (_read_parquet if first.startswith(PARQUET_MAGIC) else _read_csv)(path, choose)
    if frame.is_empty():
        raise DataRefused(
            "the file has no rows",
            expected="at least one row below the header",
            found="columns " + ", ".join(frame.columns),
            where=str(path),
        )
    return frame


def dates_of(texts: pl.Series) -> pl.Series:
    """Dates of texts, null where the text is missing or cannot be read in one way only.

    A text like 03/04/2018 is read when the column itself shows which number is the
    month: some first number above 12 and no second one, or the reverse.

    Examples
    --------
    >>> dates_of(pl.Series(["20180102", "2018-01-03 00:00:00", "yesterday"])).to_list()
    [datetime.date(2018, 1, 2), datetime.date(2018, 1, 3), None]
    >>> dates_of(pl.Series(["01/02/2018", "01/31/2018"])).to_list()[0]
    datetime.date(2018, 1, 2)
    >>> dates_of(pl.Series(["01/02/2018"])).to_list()
    [None]
    """
    distinct = texts.unique().drop_nulls().alias("text")
    written = distinct.str.strip_chars()
    bare = written.str.replace(CLOCK_TIME, "${1}")
    formats = [*DATE_FORMATS, *_slashed_format(bare)]
    parsed = [bare.str.to_date(form, strict=False) for form in formats]
    dates = pl.select(pl.coalesce(parsed).alias("date")).to_series()
    dates = dates.set(dates.dt.year() < FIRST_YEAR, None)  # "1/2/18" is no date of the year 1
    lookup = pl.DataFrame({"text": distinct, "date": dates})
    asked = pl.DataFrame({"text": texts})
    return asked.join(lookup, on="text", how="left", maintain_order="left")["date"]


def as_dates(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Dates of cells of any type, and where a cell says something that is no date.

    Of a time stamp the date in its own time zone is taken.

    Examples
    --------
    >>> dates, bad = as_dates(pl.Series(["2018-01-02", "", "soon"]))
    >>> dates.null_count(), bad.to_list()
    (2, [False, False, True])
    """
    if cells.dtype == pl.Date:
        return cells, cells.is_null() & False
    if isinstance(cells.dtype, pl.Datetime):
        return cells.dt.date(), cells.is_null() & False
    texts = cells.cast(pl.String)
    dates = dates_of(texts)
    return dates, dates.is_null() & says_something(texts)


def as_numbers(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Numbers of cells of any type, and where a cell says something that is no number.

    Examples
    --------
    >>> numbers, bad = as_numbers(pl.Series(["1.5", "", "much"]))
    >>> numbers.to_list(), bad.to_list()
    ([1.5, None, None], [False, False, True])
    """
    if cells.dtype.is_numeric() or cells.dtype == pl.Null:
        numbers = cells.cast(pl.Float64).fill_nan(None)
        return numbers, pl.repeat(value=False, n=len(cells), eager=True)
    texts = cells.cast(pl.String)
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() > texts.null_count():  # rare, and trimming all cells is dear
        numbers = texts.str.strip_chars().cast(pl.Float64, strict=False)
    bad = numbers.is_null()
    return numbers.fill_nan(None), bad & says_something(texts) if bad.any() else bad


def says_something(texts: pl.Series) -> pl.Series:
    """Where a text is neither absent nor one of those that stand for a missing value."""
    written = texts.str.strip_chars().str.to_lowercase()
    return written.is_not_null() & ~written.is_in(MISSING)


def _slashed_format(texts: pl.Series) -> list[str]:
    numbers = texts.str.extract_groups(SLASHED).struct.unnest()
    first, second = (numbers[:, i].cast(pl.Int32).max() for i in (0, 1))
    if not (isinstance(first, int) and isinstance(second, int)):
        return []
    if (first > 12) == (second > 12):
        return []
    return ["%d/%m/%Y" if first > 12 else "%m/%d/%Y"]


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        files = [f for f in sorted(path.iterdir()) if f.name.lower().endswith(DATA_SUFFIXES)]
        files = [file for file in files if file.is_file() and not file.name.startswith(".")]
        if not files:
            raise DataRefused(
                "the folder holds no data file",
                expected="files ending in " + ", ".join(DATA_SUFFIXES),
                where=str(path),
                fix="name the files, or a pattern such as 'folder/**/*.csv'",
            )
        return files
    if path.exists():
        return [path]
    magic = next((i for i, part in enumerate(path.parts) if set(part) & set("*?[")), None)
    files: list[Path] = []
    if magic is not None:
        base, pattern = Path(*path.parts[:magic]), "/".join(path.parts[magic:])
        files = sorted(match for match in base.glob(pattern) if match.is_file())
    if not files:
        raise SourceUnreachable(
            "no such file or folder" if magic is None else "no file matches the pattern",
            found=str(path),
            where="" if path.is_absolute() else f"looked from {Path.cwd()}",
            fix="check --path",
        )
    return files


def _read_parquet(
    path: Path, choose: Callable[[Sequence[str]], Sequence[str]] | None
) -> pl.DataFrame:
    scan = pl.scan_parquet(path, glob=False)
    if choose is not None:
        scan = scan.select(list(choose(scan.collect_schema().names())))
    return scan.collect()


def _read_csv(path: Path, choose: Callable[[Sequence[str]], Sequence[str]] | None) -> pl.DataFrame:
    if path.name.lower().endswith((".parquet", ".pq")):
        raise _not_a_table(path, "not a Parquet file (it does not begin with PAR1)")
    data = _text_bytes(path)
    header = data.split(b"\n", 1)[0].decode()
    separator = max(SEPARATORS, key=header.count)
    try:
        frame = pl.read_csv(data, infer_schema=False, separator=separator)
    except pl.exceptions.ComputeError as error:
        raise _broken_line(data, separator, path, str(error)) from error
    return frame if choose is None else frame.select(list(choose(frame.columns)))


def _broken_line(data: bytes, separator: str, path: Path, reason: str) -> DataRefused:
    """The refusal of text that is no table, with the first line that has too many cells."""
    cells = data.split(b"\n", 1)[0].count(separator.encode()) + 1
    lines = enumerate(data.split(b"\n"), start=1)
    found, where = reason.split("\n", 1)[0], str(path)
    for number, line in lines:
        if line.count(separator.encode()) + 1 > cells:
            found, where = line.decode()[:200], f"{path}, line {number} (blank lines not counted)"
            break
    return DataRefused(
        "the text is no table",
        expected=f"{cells} cells in every line, as in the header, and quotes that close",
        found=found,
        where=where,
        fix="correct the line, or export the file again",
    )


def _text_bytes(path: Path) -> bytes:
    """UTF-8 bytes of a text file without blank lines."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if b"\0" in data:
        raise _not_a_table(path, "bytes that are no text")
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip(b"\n")
    if b"\n\n" in data:
        data = re.sub(rb"\n{2,}", b"\n", data)
    if not data.strip():
        raise DataRefused("the file is empty", expected="a table", where=str(path))
    return data if _is_utf8(data) else data.decode("gb18030").encode()


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_a_table(path: Path, found: str) -> DataRefused:
    return DataRefused(
        "the file is no table that can be read",
        expected="Parquet or CSV",
        found=found,
        where=str(path),
        fix="export it as CSV or Parquet",
    )


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Translate what opening and parsing a file can raise."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceUnreachable(
            "no such file", found=str(path), fix="check --path, or data.universe for a universe"
        ) from error
    except tuple(REFUSED_BY_CAUSE) as error:
        raise _refusal(error, path) from error
    except OSError as error:
        raise SourceUnreachable(
            "the file cannot be read", found=error.strerror or str(error), where=str(path)
        ) from error


REFUSED_BY_CAUSE: dict[type[BaseException], str] = {
    pl.exceptions.NoDataError: "the file is empty",
    pl.exceptions.ComputeError: "the file is damaged or not a table",
    pl.exceptions.DuplicateError: "two columns have the same name",
    pl.exceptions.PolarsError: "the file cannot be taken as a table",
    pl.exceptions.PanicException: "the file is damaged",
    gzip.BadGzipFile: "the compressed file is damaged",
    EOFError: "the compressed file ends too early",
    UnicodeDecodeError: "the text is neither UTF-8 nor GB 18030",
}
"""What the reading libraries raise, the most special first, and what it means."""


def _refusal(error: BaseException, path: Path) -> QuantError:
    problem = next(text for cause, text in REFUSED_BY_CAUSE.items() if isinstance(error, cause))
    detail = str(error).strip().split("\n", 1)[0]
    return DataRefused(
        problem,
        expected="a whole file as it was exported",
        found=detail,
        where=str(path),
        fix="fetch or export the file again",
    )
