"""How the outbox writes things down: one JSON file an alert, one file for all windows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from quant_core.foundation.errors import DataRefused, InvariantBroken
from quant_core.notify.port import LONGEST_BODY, Alert, Severity
from quant_core.notify.repeats import Window

SCHEMA = 1

LARGEST_FILE = 20 * LONGEST_BODY
"""Bytes. A character takes at most 12 of them; what is larger was not written here."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted alert and the names of the notifiers that have delivered it.

    ``stored`` tells whether it is on disk; what is not would be lost with the process.
    """

    alert: Alert
    delivered_to: frozenset[str]
    stored: bool

    @property
    def file_name(self) -> str:
        """Time and identity: files ascend by time, and one alert is one file."""
        return f"{self.alert.at:%Y%m%dT%H%M%S%f}-{self.alert.identity}.json"


def entry_text(entry: Entry) -> str:
    """An entry as the text of its file."""
    alert = entry.alert
    fields = {
        "schema": SCHEMA,
        "key": alert.key,
        "severity": alert.severity.name,
        "at": alert.at.isoformat(),
        "title": alert.title,
        "body": alert.body,
        "delivered_to": sorted(entry.delivered_to),
    }
    return json.dumps(fields, indent=1)


def read_entry(path: Path) -> Entry:
    """The entry of a file.

    Raises
    ------
    DataRefused
        When the file is damaged or none of ours.
    OSError
        When it cannot be read.
    """
    return _read(path, _entry)


def windows_text(windows: Iterable[Window]) -> str:
    """The open windows as the text of their file."""
    lines = [
        {
            "key": window.key,
            "severity": window.severity.name,
            "title": window.title,
            "opened_at": window.opened_at.isoformat(),
            "repeats": window.repeats,
            "last_at": window.last_at.isoformat(),
        }
        for window in windows
    ]
    return json.dumps({"schema": SCHEMA, "windows": lines}, indent=1)


def read_windows(path: Path) -> tuple[Window, ...]:
    """The windows of a file; raises as :func:`read_entry` does."""
    return _read(path, lambda fields: tuple(_window(line) for line in _list(fields, "windows")))


def _entry(fields: Mapping[str, object]) -> Entry:
    alert = Alert(
        key=_text(fields, "key"),
        severity=Severity[_text(fields, "severity")],
        title=_text(fields, "title"),
        body=_text(fields, "body"),
        at=datetime.fromisoformat(_text(fields, "at")),
    )
    names = _list(fields, "delivered_to")
    return Entry(alert, frozenset(name for name in names if isinstance(name, str)), stored=True)


def _window(line: object) -> Window:
    fields = _mapping(line)
    repeats = fields["repeats"]
    if not isinstance(repeats, int) or repeats < 0:
        raise ValueError("a number of repeats is not negative")
    opened_at = datetime.fromisoformat(_text(fields, "opened_at"))
    last_at = datetime.fromisoformat(_text(fields, "last_at"))
    if opened_at.tzinfo is None or last_at.tzinfo is None:
        raise ValueError("times have a zone")
    severity = Severity[_text(fields, "severity")]
    return Window(
        _text(fields, "key"), severity, _text(fields, "title"), opened_at, repeats, last_at
    )


def _read(path: Path, understand: Callable[[Mapping[str, object]], Value]) -> Value:
    with path.open("rb") as stream:
        content = stream.read(LARGEST_FILE + 1)
    try:
        return understand(_content(content))
    except (ValueError, KeyError, TypeError, RecursionError, InvariantBroken) as error:
        raise DataRefused(
            "a file of the outbox cannot be understood",
            expected=f"what this program writes, schema {SCHEMA}",
            found=type(error).__name__,
            where=path.name,
        ) from None


def _content(content: bytes) -> Mapping[str, object]:
    if len(content) > LARGEST_FILE:
        raise ValueError("too large")
    fields = _mapping(json.loads(content))
    if fields["schema"] != SCHEMA:
        raise ValueError("another schema")
    return fields


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return cast("Mapping[str, object]", value)


def _list(fields: Mapping[str, object], name: str) -> list[object]:
    value = fields[name]
    if not isinstance(value, list):
        raise TypeError("not a list")
    return cast("list[object]", value)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
