"""Real money needs the account, typed."""

from __future__ import annotations

import io

import pytest

from config import load_settings
from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import translator
from quant_core.jobs import live_command
from quant_core.jobs.command_line import run_command
from quant_core.jobs.live_confirm import confirm, mode_of
from quant_core.live.journal_kinds import Mode

SAY = translator("en")


def asked(answer: str, account: str = "U123") -> str:
    """What was shown to somebody who answers so."""
    shown = io.StringIO()
    confirm(Mode.LIVE, account, None, SAY, (io.StringIO(answer), shown))
    return shown.getvalue()


class TestExamples:
    def test_paper_asks_nobody(self):
        shown = io.StringIO()
        confirm(mode_of("paper"), "PAPER", None, SAY, (io.StringIO(""), shown))
        assert shown.getvalue() == ""

    def test_the_account_typed_or_given(self):
        assert "real money" in asked("U123\n")
        confirm(Mode.LIVE, "U123", "U123", SAY, None)

    def test_a_broker_nobody_knows_is_a_live_one(self):
        assert mode_of("ibkr") is Mode.LIVE


class TestRefusals:
    @pytest.mark.parametrize("answer", ["", "\n", "yes\n", "u123\n", "U1234\n", "U12 3\n"])
    def test_another_answer(self, answer):
        with pytest.raises(UsageError, match="real money was not confirmed"):
            asked(answer)

    @pytest.mark.parametrize("given", [None, "", "U124", "y"])
    def test_without_a_terminal_only_the_flag_counts(self, given):
        with pytest.raises(UsageError, match="--confirm-live U123"):
            confirm(Mode.LIVE, "U123", given, SAY, None)

    def test_a_wrong_flag_is_wrong_on_paper_too(self, tmp_path, capfd):
        words = ["--confirm-live", "U123", "--set", f"data.root={tmp_path}"]
        assert run_command(live_command.COMMAND, words, load_settings) == 2
        assert "the paper broker needs no confirmation" in capfd.readouterr().err
