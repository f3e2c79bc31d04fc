"""Starts the processes of :mod:`tests.live.killed_processes` and reads what they counted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 200
"""Seconds; everything here is over in a few, unless processes wait for each other."""


def run_check(name: str, folder: Path) -> dict[str, object]:
    """Run one check in a process group of its own, which ends with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.live.killed_processes", name, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0
    return json.loads(told)
