"""Errors, branched by what the caller does about them.

::

    QuantError
     ├ UsageError            fix the command line (exit 2)
     ├ ConfigurationError    fix the settings; the process does not start (exit 2)
     ├ ExpressionError       fix the factor text (exit 2)
     ├ StrategyError         a strategy returned something unusable (exit 2)
     ├ SourceUnreachable     the data source did not answer; try later (exit 3)
     ├ DataRefused           the quality gate said no; the last good version stays (exit 4)
     ├ RiskStop              a risk rule ended the run (exit 5)
     ├ ReconciliationError   broker and journal disagree (exit 6)
     └ InvariantBroken       a bug of ours; stop at once (exit 1)

Every message says what was expected, what was found, where, and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class QuantError(Exception):
    """Base of every error the system raises on purpose.

    Parameters
    ----------
    problem : str
        One sentence naming what is wrong.
    expected, found, where, fix : str
        The four parts a reader needs; an empty part is left out of the message.

    Examples
    --------
    >>> print(UsageError("unknown dataset", found="sp50", fix="use one of: demo, sp500"))
    unknown dataset
      found:    sp50
      fix:      use one of: demo, sp500
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        problem: str,
        *,
        expected: str = "",
        found: str = "",
        where: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.found = found
        self.where = where
        self.fix = fix

    def parts(self) -> dict[str, str]:
        """The filled parts of the message by name, in reading order."""
        named = {
            "expected": self.expected,
            "found": self.found,
            "where": self.where,
            "fix": self.fix,
        }
        return {name: text for name, text in named.items() if text}

    def __str__(self) -> str:
        lines = [self.problem]
        lines += [f"  {name + ':':<9} {text}" for name, text in self.parts().items()]
        return "\n".join(lines)


class UsageError(QuantError):
    """The command line cannot be carried out as given."""

    exit_code = 2


class ConfigurationError(QuantError):
    """The settings are unusable; ``problems`` lists every one of them.

    Examples
    --------
    >>> first = ConfigurationError("unknown key", where="base.yaml:3", found="top_kk", fix="top_k?")
    >>> print(ConfigurationError.all_of([first, ConfigurationError("missing key")]))
    2 problems in the configuration
    1. unknown key
      found:    top_kk
      where:    base.yaml:3
      fix:      top_k?
    2. missing key
    """

    exit_code = 2
    problems: tuple[ConfigurationError, ...] = ()

    @classmethod
    def all_of(cls, problems: list[ConfigurationError]) -> ConfigurationError:
        """One error that reports all ``problems`` at once."""
        if len(problems) == 1:
            return problems[0]
        together = cls(f"{len(problems)} problems in the configuration")
        together.problems = tuple(problems)
        return together

    def __str__(self) -> str:
        if not self.problems:
            return super().__str__()
        numbered = [f"{i}. {problem}" for i, problem in enumerate(self.problems, start=1)]
        return "\n".join([self.problem, *numbered])


class ExpressionError(QuantError):
    """A factor text cannot be parsed or computed."""

    exit_code = 2


class StrategyError(QuantError):
    """A strategy cannot be built, or returned an unusable target."""

    exit_code = 2


class SourceUnreachable(QuantError):
    """A data source is absent or does not answer."""

    exit_code = 3


class DataRefused(QuantError):
    """Data did not pass the gate; nothing was published."""

    exit_code = 4


class RiskStop(QuantError):
    """A risk rule ended the run."""

    exit_code = 5


class ReconciliationError(QuantError):
    """The broker's books and the journal disagree."""

    exit_code = 6


class InvariantBroken(QuantError):
    """An identity that must hold did not: a bug, never a user's mistake."""

    exit_code = 1
