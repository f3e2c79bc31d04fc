"""Sections of example strategies, and folders of settings to load them from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest

from config import load_settings
from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.settings import LoadedSettings
from quant_core.foundation.settings_section import Section, knob

PROJECT_CONFIG = Path(__file__).resolve().parents[2] / "config"


class Linear(Section):
    """Weights of factors."""

    weights: Mapping[str, float] = knob("weight of each factor", whole=True)
    weighting: Literal["equal", "score", "inverse_volatility"] = knob("sharing of the equity")
    short_names: int = knob("names to sell short", ge=0)
    short_exposure: float = knob("what they are sold short for", ge=0)


class Rotation(Section):
    """The strongest of a list."""

    assets: Sequence[str] = knob("symbols to choose from", whole=True)
    safe_asset: str = knob("symbol in place of an asset below its trend")
    momentum_sessions: int = knob("look-back of the ranking", unit="sessions", ge=1)
    trend_sessions: int = knob("length of the average", unit="sessions", ge=1)


class Plain(Section):
    """A strategy without settings of its own."""


SECTIONS: Mapping[str, type[Section]] = {
    "linear": Linear,
    "etf_rotation": Rotation,
    "plain": Plain,
}


def settings_folder(folder: Path, **texts: str) -> Path:
    """The project's files, with the named ones (``backtest``, ``secrets``, ...) replaced."""
    for name in ("base.yaml", "backtest.yaml", "live.yaml"):
        shutil.copy(PROJECT_CONFIG / name, folder / name)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    if "secrets" in texts:
        (folder / "secrets.yaml").chmod(0o600)
    return folder


def load(
    *overrides: str,
    mode: Literal["backtest", "live"] = "backtest",
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Load with the example sections and an environment of our own."""
    return load_settings(
        mode, SECTIONS, directory=directory, overrides=overrides, environment=environment or {}
    )


def refused(
    *overrides: str,
    mode: Literal["backtest", "live"] = "backtest",
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[ConfigurationError]:
    """Every problem of a configuration that must be refused."""
    with pytest.raises(ConfigurationError) as refusal:
        load(*overrides, mode=mode, directory=directory, environment=environment)
    error = refusal.value
    return list(error.problems) or [error]


def the_problem(*overrides: str, **where: object) -> ConfigurationError:
    """The only problem of a configuration that must be refused."""
    problems = refused(*overrides, **where)
    assert len(problems) == 1, "\n".join(str(p) for p in problems)
    return problems[0]
