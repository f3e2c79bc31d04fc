"""Reproducibility: two runs of the same settings on the same data give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quant_core.certificates.certificate import Certificate, Table
from quant_core.foundation.files import file_hash
from quant_core.foundation.language import Say

NAME = "reproducibility"

COMPARED = (
    "equity.parquet",
    "orders.parquet",
    "fills.parquet",
    "positions.parquet",
    "incidents.parquet",
    "metrics.json",
)
"""Files of a run that must be equal; the manifest holds the time of day."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A file of both runs: its size and hash in each, empty where it is missing."""

    name: str
    size: int
    first: str
    second: str

    @property
    def equal(self) -> bool:
        """Whether both runs wrote it, byte for byte the same."""
        return bool(self.first) and self.first == self.second


def compare_runs(first: Path, second: Path) -> list[Twin]:
    """The compared files of two run folders."""
    return [
        Twin(name, _size(first / name), _hash(first / name), _hash(second / name))
        for name in COMPARED
    ]


def prove_reproducibility(first: Path, second: Path, say: Say) -> Certificate:
    """Compare the folders of two runs, the second made by another process."""
    twins = compare_runs(first, second)
    different = [twin.name for twin in twins if not twin.equal]
    return Certificate(
        name=NAME,
        passed=not different,
        summary=_summary(different, len(twins), say),
        figures={
            "files": len(twins),
            "different": ", ".join(different),
            "bytes": sum(twin.size for twin in twins),
        },
        tables=[_table(twins, say)],
        limits=[
            say("the same result on another processor or with other versions of the libraries"),
        ],
    )


def _summary(different: Sequence[str], count: int, say: Say) -> str:
    if different:
        return say("two runs differ in {names}").format(names=", ".join(different))
    return say("two runs, in two processes, wrote {count} identical files").format(count=count)


def _table(twins: Sequence[Twin], say: Say) -> Table:
    words = ("File", "Bytes", "Hash", "Equal")
    rows = [
        [
            twin.name,
            f"{twin.size:,}",
            twin.first[:16] + ("" if twin.equal else f" / {twin.second[:16]}"),
            say("yes") if twin.equal else say("no"),
        ]
        for twin in twins
    ]
    return Table(say("Files of the two runs"), [say(w) for w in words], rows, range(1, 2))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _hash(path: Path) -> str:
    return file_hash(path) if path.is_file() else ""
