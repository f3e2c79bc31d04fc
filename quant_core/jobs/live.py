"""The live job: a worker on its broker, in the present or through a stretch of history."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import date
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO, cast

from quant_core.foundation.errors import UsageError
from quant_core.foundation.settings_live import LiveSettings
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.environment import expect_a_long_life
from quant_core.jobs.live_confirm import confirm, mode_of, terminal_here
from quant_core.jobs.live_notify import AlertDesk
from quant_core.jobs.live_parts import ReplayPlan, live_folder, run_replay
from quant_core.jobs.live_present import run_present
from quant_core.jobs.live_summary import summary_document, summary_text, synthetic_line
from quant_core.jobs.prepared_run import Prepared, prepare
from quant_core.live.ipc import prepare_folder
from quant_core.strategies import strategy_sections

STRETCH = "START:END, such as 2017-01-03:2017-12-29"
LOG_FILE = "live.log"
LOG_BYTES = 8 * 1024 * 1024
LOG_FILES = 4
"""Older parts of the log that are kept beside it."""


def run(request: Request) -> Outcome:
    """Trade until STOP, or until the replay has ended."""
    arguments = request.arguments
    stretch: str | None = arguments.replay
    speed = speed_of(arguments.speed)
    dates = () if stretch is None else dates_of(stretch)
    loaded = request.load(strategy_sections(), dates)
    settings = cast("LiveSettings", loaded.settings)
    account, mode = settings.broker.account, mode_of(settings.broker.name)
    confirm(mode, account, arguments.confirm_live, request.say, terminal_here())
    folder = live_folder(settings)
    prepare_folder(folder)
    replayed = stretch is not None
    with live_log(folder / LOG_FILE, sys.stderr if arguments.json else sys.stdout) as log:
        desk = AlertDesk(
            settings.notify,
            folder,
            log,
            replayed=replayed,
            send=not replayed or bool(arguments.send_alerts),
        )
        prepared = _prepared(settings, request, stretch)
        _tell_synthetic(prepared, desk.log)
        plan = ReplayPlan(
            prepared,
            settings,
            folder,
            loaded.effective_yaml,
            desk.post,
            desk.log,
            on_duty=desk,
            alert_status=desk.status,
            mask=desk.mask,
        )
        expect_a_long_life()
        if replayed:
            run_replay(plan, speed)
        else:
            run_present(plan, request)
    document = summary_document(folder, prepared, replayed=replayed)
    text = summary_text(document, prepared.snapshot.facts.currency, request.say)
    return Outcome(document, text, prepared.notes if replayed else ())


def _prepared(settings: LiveSettings, request: Request, stretch: str | None) -> Prepared:
    """What is traded; a stretch without sessions is refused under the flag that named it."""
    try:
        return prepare(settings, request)
    except UsageError as error:
        window = settings.backtest
        if stretch is None or error.found != f"start {window.start}, end {window.end}":
            raise
        raise UsageError(
            f"--replay: {error.problem}",
            expected=error.expected,
            found=stretch,
            where="--replay",
            fix=error.fix,
        ) from error


def _tell_synthetic(prepared: Prepared, log: Callable[[str], object]) -> None:
    if prepared.snapshot.facts.synthetic:
        log(synthetic_line(prepared.say))


def dates_of(stretch: str) -> tuple[str, str]:
    """The settings that ``START:END`` stands for.

    Examples
    --------
    >>> dates_of("2017-01-03:2017-12-29")
    ('backtest.start=2017-01-03', 'backtest.end=2017-12-29')
    """
    first, colon, last = stretch.partition(":")
    if not (colon and first and last):
        raise UsageError("--replay needs two dates", expected=STRETCH, found=stretch)
    start, end = _date(first), _date(last)
    if start > end:
        raise UsageError(
            "--replay starts after its end",
            expected=STRETCH,
            found=stretch,
            fix=f"swap the dates: --replay {end}:{start}",
        )
    return f"backtest.start={start}", f"backtest.end={end}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--replay: {text!a:.40} is no date ({error})", expected=STRETCH, found=text[:40]
        ) from error


def speed_of(text: str) -> float | None:
    """Sessions a second; None for ``max``.

    Examples
    --------
    >>> speed_of("max"), speed_of("5")
    (None, 5.0)
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise UsageError("--speed is not a speed", expected="max, or sessions a second", found=text)
    return speed


class QuietLog(RotatingFileHandler):
    """A log of bounded size; a disk that refuses it stops nothing and is told elsewhere."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the base class names it
        """Nothing: the state and the alerts tell of a full disk."""
        del record


@contextmanager
def live_log(path: Path, stream: TextIO) -> Generator[Callable[[str], object]]:
    """Writes a line to the log of the folder and to a stream."""
    journal = logging.getLogger("quant_core.live")
    journal.setLevel(logging.INFO)
    journal.propagate = False
    handler = QuietLog(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    journal.handlers = [handler]

    def log(line: str) -> None:
        journal.info("%s", line)
        stream.write(f"{line}\n")
        stream.flush()

    try:
        yield log
    finally:
        journal.removeHandler(handler)
        with suppress(OSError):  # what is still to be written finds no room
            handler.close()
