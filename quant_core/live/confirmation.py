"""Real money moves only for somebody who names the account it moves in."""

from __future__ import annotations

from quant_core.foundation.errors import UsageError
from quant_core.live.journal_kinds import Mode


def check_confirmed(mode: Mode, account: str, typed: str | None) -> None:
    """Refuse to trade real money unless the account was typed, letter by letter.

    Parameters
    ----------
    mode : Mode
        PAPER needs nothing; what was typed must be right all the same.
    account : str
        The configured account.
    typed : str or None
        What somebody typed, or gave with ``--confirm-live``; None = nothing.

    Raises
    ------
    UsageError
        If it is not the account.

    Examples
    --------
    >>> check_confirmed(Mode.PAPER, "PAPER", None)
    >>> check_confirmed(Mode.LIVE, "U123", "U123")
    >>> check_confirmed(Mode.LIVE, "U123", "u123")
    Traceback (most recent call last):
        ...
    quant_core.foundation.errors.UsageError: real money was not confirmed...
    """
    if typed == account or (mode is Mode.PAPER and typed is None):
        return
    raise UsageError(
        "real money was not confirmed: the worker does not start",
        expected=f"the account, {account}",
        found="nothing" if typed is None else repr(typed),
        where="--confirm-live",
        fix=f"give --confirm-live {account}, or start in a terminal and type it when asked",
    )
