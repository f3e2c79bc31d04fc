"""What every script shares: streams, exit codes, languages, interruptions."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from config import load_settings
from quant_core.foundation import errors
from quant_core.jobs.command_line import EXIT_CODES, Command, Outcome, Request, run_command
from quant_core.jobs.environment import THREADS_OF_NUMPY, interruptible
from tests.jobs.console import (
    BACKTEST,
    COMMANDS,
    COMPUTE,
    PROJECT,
    SYNC,
    Console,
    Ran,
    run_script,
)

SCRIPTS = (BACKTEST, COMPUTE, SYNC)


@pytest.fixture
def end(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """A command whose job is a function, run with some words."""

    def ended(job: Callable[[Request], Outcome], *words: str) -> Ran:
        command = Command("a_script.py", "Does one thing.", ("a_script.py",), no_flags, job)
        code = run_command(command, words, partial(load_settings, environment={}))
        return Ran(code, *capsys.readouterr())

    return ended


def no_flags(parser, say) -> None:
    """The command has the shared flags only."""


def done(request: Request) -> Outcome:
    return Outcome({"number": 1, "text": "é 策略"}, "all is done\n", ["it rained"])


def raising(error: BaseException) -> Callable[[Request], Outcome]:
    def job(request: Request) -> NoReturn:
        raise error

    return job


class TestStreams:
    def test_text_on_standard_output_and_warnings_on_standard_error(self, end):
        assert end(done) == Ran(0, "all is done\n", "warning: it rained\n")

    def test_one_json_document_with_the_warnings(self, end):
        ran = end(done, "--json")
        assert ran.document == {"number": 1, "text": "é 策略", "warnings": ["it rained"]}
        assert ran.err == "warning: it rained\n"

    def test_a_list_stays_a_list(self, end):
        ran = end(lambda _: Outcome([{"name": "a"}], "a"), "--json")
        assert json.loads(ran.out) == [{"name": "a"}]

    def test_the_exit_code_of_the_outcome(self, end):
        assert end(lambda _: Outcome({}, "refused", exit_code=4)).code == 4

    def test_an_error_is_a_document_too(self, end):
        error = errors.UsageError("no such thing", expected="a", found="b", where="c", fix="d")
        ran = end(raising(error), "--json")
        assert (ran.code, ran.document["exit_code"]) == (2, 2)
        parts = {"expected": "a", "found": "b", "where": "c", "fix": "d"}
        told = {"kind": "UsageError", "problem": "no such thing", **parts, "problems": []}
        assert ran.document["error"] == told
        assert ran.err.startswith("error: no such thing\n  expected: a\n")


class TestExitCodes:
    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (errors.UsageError, 2),
            (errors.ConfigurationError, 2),
            (errors.ExpressionError, 2),
            (errors.StrategyError, 2),
            (errors.SourceUnreachable, 3),
            (errors.DataRefused, 4),
            (errors.RiskStop, 5),
            (errors.ReconciliationError, 6),
            (errors.InvariantBroken, 1),
        ],
    )
    def test_of_our_errors(self, end, kind: type[errors.QuantError], code: int):
        assert code in EXIT_CODES
        assert end(raising(kind("it broke"))) == Ran(code, "", "error: it broke\n")

    def test_of_files(self, end):
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/equity.parquet")
        ran = end(raising(error))
        assert ran.code == 2
        assert "No space left on device" in ran.err
        assert "results/equity.parquet" in ran.err

    @pytest.mark.parametrize("json_flag", [[], ["--json"]])
    def test_of_an_interruption(self, end, json_flag):
        ran = end(raising(KeyboardInterrupt()), *json_flag)
        assert ran.code == 130
        assert ran.err == "\ninterrupted; what was complete is kept\n"
        assert (ran.out == "") is not bool(json_flag)

    def test_of_an_interruption_while_libraries_load(self, capsys):
        def loading() -> NoReturn:
            raise KeyboardInterrupt

        assert interruptible(loading) == 130
        assert capsys.readouterr().err == "\ninterrupted\n"

    @pytest.mark.parametrize(("given", "found"), [(None, "1"), ("4", "4")])
    def test_numpy_starts_one_thread_unless_told_otherwise(self, monkeypatch, given, found):
        monkeypatch.setenv(THREADS_OF_NUMPY, given or "")
        if given is None:
            monkeypatch.delenv(THREADS_OF_NUMPY)
        seen: list[str | None] = []

        def looks() -> int:
            seen.append(os.environ.get(THREADS_OF_NUMPY))
            return 0

        assert interruptible(looks) == 0
        assert seen == [found]

    def test_a_bug_leaves_its_traceback_in_a_file(self, end, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        ran = end(raising(ZeroDivisionError("by nothing")))
        (saved,) = tmp_path.iterdir()
        assert ran.code == 1
        assert "ZeroDivisionError: by nothing" in ran.err
        assert str(saved) in ran.err
        assert "Traceback" in saved.read_text("utf-8")
        assert "Traceback" not in ran.err

    def test_a_bug_whose_traceback_cannot_be_saved(self, end, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        ran = end(raising(ZeroDivisionError("by nothing")))
        assert (ran.code, ran.out) == (1, "")
        assert "could not be saved: No such file or directory" in ran.err


class TestFlags:
    def test_short_forms_win_over_set(self, console: Console):
        ran = console.backtest("--set", "backtest.capital=1000", "--capital", "2000", "--json")
        assert "capital: 2000.0" in Path(str(ran.document["path"]), "config.yaml").read_text()

    @pytest.mark.parametrize(("language", "label"), [("en", "expected:"), ("zh", "应为:")])
    def test_labels_of_an_error_are_in_the_language(self, console: Console, language, label):
        ran = console.backtest("--capital", "-1", "--lang", language)
        assert ran.code == 2
        assert f"  {label}" in ran.err

    def test_the_language_may_be_joined_to_its_flag(self, console: Console):
        assert console.backtest("--capital", "-1", "--lang=zh").err.startswith("错误: ")


class TestHelp:
    @pytest.mark.parametrize("script", SCRIPTS)
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", ("usage: ", "options:", "examples:", "exit codes:", "  130  interrupted")),
            ("zh", ("用法: ", "选项:", "示例:", "退出码:", "  130  被中断")),
        ],
    )
    def test_in_both_languages(self, capsys, script: str, language: str, words):
        with pytest.raises(SystemExit) as left:
            run_command(COMMANDS[script], ["--help", "--lang", language], load_settings)
        told = capsys.readouterr()
        assert (left.value.code, told.err) == (0, "")
        assert told.out.startswith(f"{words[0]}{script} ")
        assert [word for word in words if word not in told.out] == []
        assert [flag for flag in ("--set", "--config-dir", "--json") if flag not in told.out] == []
        assert told.out.count(f"  python {script}") >= 3

    @pytest.mark.parametrize("script", SCRIPTS)
    def test_loads_nothing_heavy(self, script: str):
        answer = python(
            f"""
            import runpy, sys
            sys.argv = [{script!r}, "--help"]
            try:
                runpy.run_path({str(PROJECT / script)!r}, run_name="__main__")
            except SystemExit as left:
                heavy = {{"numba", "polars", "duckdb", "pandas", "exchange_calendars"}}
                sys.stderr.write(f"{{left.code}} {{sorted(heavy & set(sys.modules))}}")
            """
        )
        assert answer.stderr == "0 []"


class TestProcesses:
    """The scripts as a shell sees them."""

    def test_backtest_prints_one_document_and_no_progress(self, console: Console):
        strategy = ["--strategy", "linear", "--set", "strategy.linear.weights={momentum_5: 1}"]
        answer = run_script(BACKTEST, [*console.arguments(BACKTEST), *strategy, "--json"])
        assert answer.returncode == 0
        assert set(json.loads(answer.stdout)) >= {"run_id", "path", "metrics", "warnings"}
        assert answer.stdout.count("\n") == 1
        assert all(line.startswith("warning: ") for line in answer.stderr.splitlines())
        assert "\r" not in answer.stderr

    def test_chinese_summary(self, console: Console):
        words = ["--strategy", "equal_weight", "--no-report", "--lang", "zh"]
        answer = run_script(BACKTEST, [*console.arguments(BACKTEST), *words])
        assert answer.returncode == 0
        assert "  夏普比率" in answer.stdout
        assert "  最大回撤" in answer.stdout
        assert "Sharpe" not in answer.stdout

    @pytest.mark.parametrize(
        ("script", "words", "code"),
        [
            (BACKTEST, ["--captal", "1"], 2),
            (SYNC, ["--source", "file", "--path", "gone.csv"], 3),
            (SYNC, ["--source", "file", "--path", "empty.csv"], 4),
            (COMPUTE, ["--factor", "momentum_2"], 2),
        ],
    )
    def test_errors_stand_on_standard_error_alone(self, console: Console, script, words, code):
        Path("empty.csv").touch()
        answer = run_script(script, [*console.arguments(script), *words])
        assert (answer.returncode, answer.stdout) == (code, "")
        assert answer.stderr.startswith("error: ")
        assert "Traceback" not in answer.stderr

    def test_progress_is_drawn_on_a_terminal(self, console: Console):
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        words = ["--strategy", "equal_weight", "--no-report", *console.arguments(BACKTEST)]
        with subprocess.Popen(
            [sys.executable, str(PROJECT / BACKTEST), *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            drawn = read_all(ours)
            assert process.wait() == 0
        assert "\r\x1b[KBacktest  1 %  ETA " in drawn
        assert drawn.rpartition("\r\x1b[K")[2].startswith("warning: ")

    def test_a_sync_tells_its_stages(self, console: Console):
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        words = ["--source", "demo", "--dataset", "demo", "--stocks", "3", "--sessions", "30"]
        with subprocess.Popen(
            [sys.executable, str(PROJECT / SYNC), *console.arguments(SYNC), *words],
            stdout=subprocess.PIPE,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            drawn = read_all(ours)
            assert process.wait() == 0
        assert drawn.startswith("\r\x1b[KData  0 %\r\x1b[K")
        assert drawn.rpartition("\r\x1b[K")[2].startswith("warning: ")

    def test_a_reader_that_leaves_early_is_no_error(self):
        with subprocess.Popen(
            [sys.executable, str(PROJECT / COMPUTE), "--list"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            process.stdout.close()
            assert process.stderr
            assert process.stderr.read() == ""
        assert process.returncode == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    def test_output_that_cannot_be_written(self):
        with Path("/dev/full").open("w") as full:
            answer = subprocess.run(
                [sys.executable, str(PROJECT / COMPUTE), "--list"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert answer.returncode == 2
        assert "No space left on device" in answer.stderr
        assert "Traceback" not in answer.stderr

    def test_a_terminal_that_knows_no_chinese(self, console: Console):
        words = ["--strategy", "equal_weight", "--no-report", "--lang", "zh"]
        answer = subprocess.run(
            [sys.executable, str(PROJECT / BACKTEST), *console.arguments(BACKTEST), *words],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert answer.returncode == 0
        assert rb"\u590f\u666e" in answer.stdout
        assert b"Traceback" not in answer.stderr


class TestInterrupted:
    """Ctrl-C in the middle of things: exit code 130, whole results or none."""

    @pytest.mark.parametrize(
        ("script", "place", "name"),
        [
            (BACKTEST, "quant_core.jobs.environment", "ensure_environment"),
            (BACKTEST, "config", "load_settings"),
            (BACKTEST, "quant_core.backtest_engine", "_trade_session"),
            (BACKTEST, "quant_core.jobs.prepared_run", "run_backtest"),
            (BACKTEST, "quant_core.reports.report", "render_page"),
            (BACKTEST, "quant_core.reports.results", "_write_table"),
            (SYNC, "quant_core.data.ingest", "inspect"),
        ],
    )
    def test_leaves_earlier_things_and_nothing_half_made(
        self, console: Console, script: str, place: str, name: str
    ):
        assert console.backtest().code == 0
        before = console.contents()
        sources = ["--source", "file", "--price-basis", "raw", "--path", "new.csv"]
        words = sources if script == SYNC else ["--strategy", "equal_weight", "--capital", "9999"]
        if name == "_trade_session":
            words = [*words, "--no-report"]  # one small run is traded by the readable loop
        Path("new.csv").write_text("symbol,date,close\nNEW,2020-01-01,5\n", encoding="utf-8")
        answer = python(
            f"""
            import importlib, os, runpy, signal, sys
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.path.insert(0, {str(PROJECT)!r})
            sys.argv = {[script, *console.arguments(script), *words]!r}
            place = importlib.import_module({place!r})
            real = place.{name}

            def interrupted(*args, **kwargs):
                result = real(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGINT)
                return result

            place.{name} = interrupted
            runpy.run_path({str(PROJECT / script)!r}, run_name="__main__")
            """
        )
        assert (answer.returncode, answer.stdout) == (130, "")
        assert answer.stderr.startswith("\ninterrupted")
        assert "Traceback" not in answer.stderr
        assert console.contents() == before
        assert len(list(console.results.iterdir())) == 1


def python(program: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own."""
    lines = program.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return subprocess.run(
        [sys.executable, "-c", "\n".join(line[indent:] for line in lines)],
        capture_output=True,
        text=True,
        check=False,
    )


def read_all(descriptor: int) -> str:
    """Everything a terminal was told until its last writer left."""
    told = b""
    try:
        while part := os.read(descriptor, 4096):
            told += part
    except OSError:  # Linux reports the end of a terminal as an error
        pass
    os.close(descriptor)
    return told.decode()
