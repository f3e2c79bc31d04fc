"""What a sweep has finished, kept while it runs: a line of JSON for each combination.

Lines are only ever added, each under the hash of all that makes its result; a sweep that was
interrupted reads them and goes on with the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from quant_core.foundation.files import append_text
from quant_core.sweeps.trials import Row


class Finished:
    """The finished combinations of a file.

    Parameters
    ----------
    path : Path
        Made with the first line that is added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, Row] = {}
        self._ends_whole = True
        if path.exists():
            text = path.read_text("utf-8")
            self._ends_whole = text.endswith("\n") or not text
            for line in text.split("\n"):
                self._read(line)

    def get(self, key: str) -> Row | None:
        """The row of a combination, if it is finished."""
        return self._rows.get(key)

    def add(self, rows: Mapping[str, Row]) -> None:
        """Keep rows by their keys; they are on disk when this returns."""
        lines = [json.dumps([key, row], allow_nan=False) + "\n" for key, row in rows.items()]
        begun = "" if self._ends_whole else "\n"
        append_text(self._path, begun + "".join(lines))
        self._ends_whole = True
        self._rows.update(rows)

    def _read(self, line: str) -> None:
        """Take a line in; one that an interruption cut off is left out."""
        try:
            key, row = cast("tuple[object, object]", json.loads(line))
        except (ValueError, TypeError):
            return
        if isinstance(key, str) and isinstance(row, dict):
            self._rows[key] = cast("Row", row)
