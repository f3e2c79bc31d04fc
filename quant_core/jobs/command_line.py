"""The command line that every root script shares.

1. :func:`run_command` reads the arguments (:func:`_parse`), in the language asked for.
2. The short forms and ``--set`` become overrides of the settings.
3. The command's job runs and returns an :class:`Outcome`.
4. The outcome goes to standard output, as text or as one JSON document; everything else
   goes to standard error.
5. Errors become a message with the documented exit code, never a traceback; with
   ``--json`` they are the document.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from quant_core.foundation.error_language import ToldError, told_in
from quant_core.foundation.errors import QuantError, UsageError
from quant_core.foundation.language import LANGUAGES, Language, Say, translator

if TYPE_CHECKING:
    from quant_core.foundation.settings import LoadedSettings
    from quant_core.foundation.settings_section import Section

EXIT_CODES = {
    0: "done",
    1: "an error of the program itself",
    2: "usage or configuration",
    3: "data source unreachable",
    4: "data refused by the quality gate",
    5: "stopped by risk",
    6: "broker and journal disagree",
    130: "interrupted",
}
"""What a script's exit code means."""

RUN_SHORT_FORMS = {
    "--dataset": "data.dataset",
    "--start": "backtest.start",
    "--end": "backtest.end",
    "--capital": "backtest.capital",
    "--strategy": "strategy.type",
    "--output": "report.output",
}
"""Short forms of the commands that trade a window and write results."""


class SettingsLoader(Protocol):
    """The loader of ``config``: the root scripts hand it in, because nobody imports it."""

    def __call__(
        self,
        mode: Literal["backtest", "live"],
        sections: Mapping[str, type[Section]],
        *,
        directory: Path | None = None,
        overrides: Sequence[str] = (),
    ) -> LoadedSettings:
        """Settings of ``mode``, merged and validated."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job tells: a document for programs, a text for people, warnings for both.

    A document that is a list is printed as it is, without the warnings.
    """

    document: Mapping[str, object] | Sequence[Mapping[str, object]]
    text: str
    warnings: Sequence[str] = ()
    exit_code: int = 0


class Load(Protocol):
    """Loads the settings of a command line."""

    def __call__(
        self, sections: Mapping[str, type[Section]], more: Sequence[str] = ()
    ) -> LoadedSettings:
        """Settings with the overrides of the command line, and ``more`` on top of them."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """The parsed command line, with the settings ready to be loaded."""

    arguments: argparse.Namespace
    load: Load
    say: Say
    language: Language


@dataclass(frozen=True, slots=True)
class Command:
    """One root script: its words, its flags and its job.

    ``short_forms`` maps a flag to the settings key it stands for.
    """

    program: str
    summary: str
    examples: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser, Say], None]
    run: Callable[[Request], Outcome]
    mode: Literal["backtest", "live"] = "backtest"
    short_forms: Mapping[str, str] = field(default_factory=dict[str, str])


class Interrupted(QuantError):
    """The user ended the run (Ctrl-C)."""

    exit_code = 130


def run_command(command: Command, argv: Sequence[str], load_settings: SettingsLoader) -> int:
    """Parse, run, print; returns the exit code.

    ``--help`` leaves by ``SystemExit``, as argparse does.
    """
    wants_json = "--json" in argv
    language = _language(argv)
    say = translator(language)
    _write_every_character()
    try:
        told = _carry_out(command, argv, load_settings, say)
        if isinstance(told, Outcome):
            return _print_outcome(told, wants_json=wants_json, say=say)
        return _print_error(told, language, wants_json=wants_json)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    except OSError as error:
        return _without_a_reader(error, language)


def _carry_out(
    command: Command, argv: Sequence[str], load_settings: SettingsLoader, say: Say
) -> Outcome | QuantError:
    """What the job returns; whatever it raises comes back as an error of ours."""
    try:
        arguments = _parse(command, argv, say)
        return command.run(_request(command, arguments, load_settings, say))
    except KeyboardInterrupt:
        return Interrupted(say("interrupted; what was complete is kept"))
    except QuantError as error:
        return error
    except OSError as error:
        return _file_error(error)
    except Exception as error:  # noqa: BLE001  the process boundary: a bug must not spill
        return _internal_error(error)


def _print_outcome(outcome: Outcome, *, wants_json: bool, say: Say) -> int:
    for warning in outcome.warnings:
        sys.stderr.write(f"{say('warning')}: {warning}\n")
    if wants_json:
        document = outcome.document
        if isinstance(document, Mapping):
            document = {**document, "warnings": list(outcome.warnings)}
        _print_json(document)
    else:
        sys.stdout.write(outcome.text.rstrip("\n") + "\n")
        sys.stdout.flush()
    return outcome.exit_code


def _print_error(error: QuantError, language: Language, *, wants_json: bool) -> int:
    told = told_in(language, error)
    before = "\n" if isinstance(error, Interrupted) else f"{translator(language)('error')}: "
    sys.stderr.write(f"{before}{_written(told, translator(language))}\n")
    if wants_json:
        document = {
            "error": {
                "kind": type(error).__name__,
                "problem": told.problem,
                **told.parts,
                "problems": [{"problem": one.problem, **one.parts} for one in told.problems],
            },
            "exit_code": error.exit_code,
        }
        _print_json(document)
    return error.exit_code


def _print_json(document: object) -> None:
    """One document, in ASCII where the stream knows no more."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not unicode, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _write_every_character() -> None:
    """A character that a terminal cannot show is written as its code, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _without_a_reader(error: OSError, language: Language) -> int:
    """The output went nowhere: the reader left, as ``head`` does, or the disk is full."""
    # What is still in the buffer would raise once more when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0
    sys.stderr.write(f"{error_text(_file_error(error), language)}\n")
    return UsageError.exit_code


def error_text(error: QuantError, language: Language) -> str:
    """The message of an error in the reader's language, with its parts below it."""
    return _written(told_in(language, error), translator(language))


def _written(told: ToldError, say: Say) -> str:
    """The message: its parts below it with their labels, or its problems, numbered."""
    from quant_core.reports.words import padded  # read only for an error

    lines = [told.problem]
    lines += [f"  {padded(say(label) + ':', 10)}{text}" for label, text in told.parts.items()]
    lines += [f"{i}. {_written(one, say)}" for i, one in enumerate(told.problems, start=1)]
    return "\n".join(lines)


def _language(argv: Sequence[str]) -> Language:
    """The language is needed before the parser exists, because the help is in it too."""
    for before, value in zip(argv, [*argv[1:], ""], strict=False):
        asked = before.removeprefix("--lang=") if before.startswith("--lang=") else None
        if before == "--lang":
            asked = value
        for language in LANGUAGES:
            if asked == language:
                return language
    return "en"


class _Parser(argparse.ArgumentParser):
    """argparse that raises our error, and writes its headings in the reader's language."""

    say: Say = staticmethod(translator("en"))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, fix=f"{self.prog} --help shows the flags with examples")

    def format_help(self) -> str:
        text = super().format_help()
        for heading in ("usage", "options"):
            text = text.replace(f"{heading}:", f"{self.say(heading)}:", 1)
        return text


def _parse(command: Command, argv: Sequence[str], say: Say) -> argparse.Namespace:
    parser = _Parser(
        prog=command.program,
        description=say(command.summary),
        epilog=_epilog(command, say),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.say = say
    parser.add_argument("-h", "--help", action="help", help=say("show this help and leave"))
    command.add_arguments(parser, say)
    for flag, key in command.short_forms.items():
        name = flag.removeprefix("--").upper()
        parser.add_argument(flag, metavar=name, help=f"{say('short for')} --set {key}=...")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=say("override any setting by its dotted key; the value is YAML; repeatable"),
    )
    parser.add_argument("--config-dir", metavar="DIR", help=say("folder of the YAML files"))
    parser.add_argument("--json", action="store_true", help=say("print one JSON document"))
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help=say("language"))
    return parser.parse_args(list(argv))


def _epilog(command: Command, say: Say) -> str:
    examples = [f"  {example}" for example in command.examples]
    codes = [f"  {code:<5}{say(meaning)}" for code, meaning in EXIT_CODES.items()]
    parts = [f"{say('examples')}:", *examples, "", f"{say('exit codes')}:", *codes]
    return "\n".join(parts)


def _request(
    command: Command, arguments: argparse.Namespace, load_settings: SettingsLoader, say: Say
) -> Request:
    given = {
        key: getattr(arguments, flag.removeprefix("--").replace("-", "_"))
        for flag, key in command.short_forms.items()
    }
    short = [f"{key}={_yaml(value)}" for key, value in given.items() if value is not None]
    directory = Path(arguments.config_dir) if arguments.config_dir else None

    def load(sections: Mapping[str, type[Section]], more: Sequence[str] = ()) -> LoadedSettings:
        lines = [*arguments.set, *short, *more]
        return load_settings(command.mode, sections, directory=directory, overrides=lines)

    return Request(arguments, load, say, arguments.lang)


def _yaml(value: str) -> str:
    """A flag's value as YAML: a number as it is, anything else a quoted text."""
    try:
        float(value)
    except ValueError:
        return json.dumps(value, ensure_ascii=False)
    return value


def _file_error(error: OSError) -> QuantError:
    return UsageError(
        "a file could not be read or written",
        found=error.strerror or str(error),
        where=str(error.filename or ""),
        fix="check that the path exists, is yours to write, and that the disk is not full",
    )


def _internal_error(error: Exception) -> QuantError:
    """A bug: the traceback goes to a file, the message says where."""
    try:
        where = _saved("".join(traceback.format_exception(error)))
    except OSError as trouble:
        where = f"the traceback could not be saved: {trouble.strerror}"
    return QuantError(
        "an internal error; nothing half-made was published",
        found=f"{type(error).__name__}: {error}",
        where=where,
        fix="please report it with that file",
    )


def _saved(text: str) -> str:
    """Path of a temporary file with ``text``."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="quant_core_error_", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write(text)
    return report.name
