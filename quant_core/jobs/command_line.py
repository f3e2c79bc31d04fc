"""The command line that every root script shares.

1. :func:`run_command` reads the arguments (:func:`_parse`), in the language asked for.
2. The short forms and ``--set`` become overrides of the settings.
3. The command's job runs and returns an :class:`Outcome`.
4. The outcome goes to standard output, as text or as one JSON document; everything else
   goes to standard error.
5. Errors become a message with the documented exit code, never a traceback.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from quant_core.foundation.errors import ConfigurationError, QuantError, UsageError
from quant_core.foundation.language import LANGUAGES, Language, Say, translator

if TYPE_CHECKING:
    from quant_core.foundation.settings import LoadedSettings, Section

INTERRUPTED = 130
EXIT_CODES = (
    "exit codes: 0 done, 2 usage or configuration, 3 data source unreachable, "
    "4 data refused by the quality gate, 5 stopped by risk, 6 broker and journal disagree, "
    "130 interrupted"
)


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


@dataclass(frozen=True, slots=True)
class Request:
    """The parsed command line, with the settings ready to be loaded."""

    arguments: argparse.Namespace
    load: Callable[[Mapping[str, type[Section]]], LoadedSettings]
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


def run_command(command: Command, argv: Sequence[str], load_settings: SettingsLoader) -> int:
    """Parse, run, print; returns the exit code."""
    wants_json = "--json" in argv
    say = translator(_language(argv))
    try:
        arguments = _parse(command, argv, say)
        request = _request(command, arguments, load_settings, say)
        outcome = command.run(request)
    except KeyboardInterrupt:
        sys.stderr.write("\n" + say("interrupted; what was complete is kept") + "\n")
        return INTERRUPTED
    except QuantError as error:
        return _report_error(error, wants_json=wants_json, say=say)
    except OSError as error:
        return _report_error(_file_error(error), wants_json=wants_json, say=say)
    except Exception as error:  # noqa: BLE001  the process boundary: a bug must not spill
        return _report_error(_internal_error(error), wants_json=wants_json, say=say)
    _print_outcome(outcome, wants_json=wants_json, say=say)
    return outcome.exit_code


def _print_outcome(outcome: Outcome, *, wants_json: bool, say: Say) -> None:
    for warning in outcome.warnings:
        sys.stderr.write(f"{say('warning')}: {warning}\n")
    if wants_json:
        document = outcome.document
        if isinstance(document, Mapping):
            document = {**document, "warnings": list(outcome.warnings)}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        sys.stdout.write(outcome.text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _report_error(error: QuantError, *, wants_json: bool, say: Say) -> int:
    sys.stderr.write(f"{say('error')}: {_in_language(error, say)}\n")
    if wants_json:
        problems = error.problems if isinstance(error, ConfigurationError) else ()
        document = {
            "error": {
                "kind": type(error).__name__,
                "problem": error.problem,
                **error.parts(),
                "problems": [{"problem": p.problem, **p.parts()} for p in problems],
            },
            "exit_code": error.exit_code,
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    return error.exit_code


def _in_language(error: QuantError, say: Say) -> str:
    """The message with its four labels in the reader's language."""
    text = str(error)
    for label in ("expected", "found", "where", "fix"):
        text = text.replace(f"  {label + ':':<9} ", f"  {say(label) + ':':<9} ")
    return text


def _language(argv: Sequence[str]) -> Language:
    """The language is needed before the parser exists, because the help is in it too."""
    for before, value in zip([*argv], [*argv[1:], ""], strict=True):
        asked = before.removeprefix("--lang=") if before.startswith("--lang=") else None
        if before == "--lang":
            asked = value
        for language in LANGUAGES:
            if asked == language:
                return language
    return "en"


class _Parser(argparse.ArgumentParser):
    """argparse that raises our error instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, fix=f"{self.prog} --help shows the flags with examples")


def _parse(command: Command, argv: Sequence[str], say: Say) -> argparse.Namespace:
    examples = "\n".join(f"  {example}" for example in command.examples)
    parser = _Parser(
        prog=command.program,
        description=say(command.summary),
        epilog=f"{say('examples')}:\n{examples}\n\n{say(EXIT_CODES)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
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


def _request(
    command: Command, arguments: argparse.Namespace, load_settings: SettingsLoader, say: Say
) -> Request:
    given = {
        key: getattr(arguments, flag.removeprefix("--").replace("-", "_"))
        for flag, key in command.short_forms.items()
    }
    overrides = [*arguments.set]
    overrides += [f"{key}={_yaml(value)}" for key, value in given.items() if value is not None]
    directory = Path(arguments.config_dir) if arguments.config_dir else None

    def load(sections: Mapping[str, type[Section]]) -> LoadedSettings:
        return load_settings(command.mode, sections, directory=directory, overrides=overrides)

    return Request(arguments, load, say, arguments.lang)


def _yaml(value: str) -> str:
    """A flag's value as YAML: a number as it is, anything else a quoted text."""
    try:
        float(value)
    except ValueError:
        return json.dumps(value, ensure_ascii=False)
    return value


def _file_error(error: OSError) -> QuantError:
    return QuantError(
        "a file could not be read or written",
        found=error.strerror or str(error),
        where=str(error.filename or ""),
        fix="check that the path exists, is yours to write, and that the disk is not full",
    )


def _internal_error(error: Exception) -> QuantError:
    """A bug: the traceback goes to a file, the message says where."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="quant_core_error_", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write("".join(traceback.format_exception(error)))
    return QuantError(
        "an internal error; nothing half-made was published",
        found=f"{type(error).__name__}: {error}",
        where=report.name,
        fix="please report it with that file",
    )
