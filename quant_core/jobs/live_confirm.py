"""The question before real money moves, and the answers that count."""

from __future__ import annotations

import sys
from typing import TextIO

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.live.confirmation import check_confirmed
from quant_core.live.journal_kinds import Mode

PAPER_BROKERS = frozenset({"paper"})
"""Brokers that move no real money."""


def mode_of(broker: str) -> Mode:
    """Whether a broker of this name moves real money; one that is not known does.

    Examples
    --------
    >>> mode_of("paper").value, mode_of("another").value
    ('PAPER', 'LIVE')
    """
    return Mode.PAPER if broker in PAPER_BROKERS else Mode.LIVE


def confirm(
    mode: Mode, account: str, given: str | None, say: Say, terminal: tuple[TextIO, TextIO] | None
) -> None:
    """Let somebody confirm a live account, at the terminal unless it was given by flag.

    Parameters
    ----------
    mode, account
        What is about to trade.
    given : str or None
        The flag ``--confirm-live``.
    say : Say
        The language of the question.
    terminal : (reader, writer) or None
        Where to ask; None where nobody sits there.

    Raises
    ------
    UsageError
        If nobody confirmed, or the paper broker was confirmed under another account.
    """
    if mode is Mode.PAPER and given is not None and given != account:
        raise UsageError(
            "--confirm-live was given, and the paper broker needs no confirmation",
            expected=f"no --confirm-live, or that of the configured account, {account}",
            found=repr(given),
            where="--confirm-live",
            fix="leave --confirm-live out, or choose with --broker and --account what trades",
        )
    typed = given
    if mode is Mode.LIVE and given is None and terminal is not None:
        reader, writer = terminal
        question = say("This trades real money. Type the account to go on")
        writer.write(f"{question} ({account}): ")
        writer.flush()
        typed = reader.readline().strip()
    check_confirmed(mode, account, typed)


def terminal_here() -> tuple[TextIO, TextIO] | None:
    """The terminal this process was started in, if there is one."""
    return (sys.stdin, sys.stderr) if sys.stdin.isatty() else None
