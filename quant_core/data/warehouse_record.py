"""Typed reading of the JSON records of the warehouse; a malformed one is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from quant_core.data.warehouse_files import damaged


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object read from ``path``; every getter refuses a missing or wrong value.

    Examples
    --------
    >>> record = parse_record(b'{"rows": 3, "names": ["a"]}', Path("x.json"))
    >>> record.whole("rows"), record.texts("names")
    (3, ('a',))
    """

    values: dict[str, object]
    path: Path

    def text(self, key: str) -> str:
        """A string."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def whole(self, key: str) -> int:
        """An integer of zero or more."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(key, "a whole number")
        return value

    def flag(self, key: str) -> bool:
        """A boolean."""
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._list(key)
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(key, "a list of texts")
        return tuple(cast("list[str]", items))

    def record(self, key: str) -> Record:
        """A nested object."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return Record(cast("dict[str, object]", value), self.path)

    def records(self, key: str) -> tuple[Record, ...]:
        """A list of nested objects."""
        items = self._list(key)
        if not all(isinstance(item, dict) for item in items):
            raise self._wrong(key, "a list of objects")
        return tuple(Record(cast("dict[str, object]", item), self.path) for item in items)

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return cast("list[object]", value)

    def _wrong(self, key: str, expected: str) -> Exception:
        found = repr(self.values.get(key))[:80]
        return damaged(self.path, f"{key} = {found}", f"{key}: {expected}")


def read_record(path: Path) -> Record:
    """The JSON object in a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file: the caller knows whether that is an error.
    DataRefused
        If the file is not a JSON object.
    """
    return parse_record(path.read_bytes(), path)


def parse_record(content: bytes, path: Path) -> Record:
    """The JSON object in ``content``, which was read from ``path``."""
    try:
        parsed: object = json.loads(content)
    except ValueError as error:
        raise damaged(path, f"not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise damaged(path, f"JSON of type {type(parsed).__name__}", "a JSON object")
    return Record(cast("dict[str, object]", parsed), path)


def record_bytes(values: object) -> bytes:
    """JSON text of plain values; NaN is refused, keys keep their order."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + b"\n"
