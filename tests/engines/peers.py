"""The other engines: where each is installed and how it is started."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.engines.exchange import Case, Outcome

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Peer:
    """An engine: the name of its driver, and the environment that holds it."""

    name: str
    environment: str

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ROOT / f".venv-engines-{self.environment}" / "bin" / "python"


PEERS = (
    Peer("bt", "pandas3"),
    Peer("vectorbt", "pandas3"),
    Peer("backtrader", "pandas3"),
    Peer("pybroker", "pandas3"),
    Peer("zipline", "pandas2"),
    Peer("nautilus", "pandas2"),
)


class PeerFailed(Exception):
    """An engine did not come to an end; the text is what it said last."""


def missing() -> list[str]:
    """Engines whose environment is not there."""
    return [peer.name for peer in PEERS if not peer.python.exists()]


def run_peer(peer: Peer, case: Case) -> Outcome:
    """The outcome of a case on an engine, in a process of its own.

    Raises
    ------
    PeerFailed
        If the engine is not installed or ends with an error.
    """
    with tempfile.TemporaryDirectory(prefix="quant-core-engines-") as folder:
        given, told = Path(folder) / "case.npz", Path(folder) / "outcome.npz"
        case.save(given)
        command = [str(peer.python), "-m", "tests.engines.drive", peer.name, str(given), str(told)]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise PeerFailed(f"{peer.name} is not installed: make engines") from error
        if done.returncode != 0:
            raise PeerFailed(f"{peer.name}: {done.stderr.strip()[-2000:]}")
        return Outcome.load(told)
