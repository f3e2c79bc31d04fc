"""The console and the toy market of the command line, for the command `prove`."""

from __future__ import annotations

from tests.jobs.conftest import console, warehouse  # noqa: F401  fixtures, used by their names
