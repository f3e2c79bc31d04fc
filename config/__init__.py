"""Settings from YAML files, the environment and the command line: merged, validated once.

1. :func:`~config.layers.read_layers` reads ``base.yaml``, the file of the mode,
   ``factors.yaml`` and ``secrets.yaml`` where they are, ``QUANT__SECTION__KEY`` of the
   environment and the overrides, each on top of the one before.
2. :func:`~config.building.build_settings` validates the whole into frozen models.
3. :class:`~config.problems.Findings` puts all that is wrong into words, at once.

This package is the only reader of YAML and of the environment; ``quant_core`` never
imports it: the scripts hand :func:`load_settings` in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml

from config.building import Mode, build_settings
from config.known_keys import known_keys
from config.layers import Folder, read_layers
from config.problems import Findings
from config.tree import Entries, TreePath, leaves
from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.settings import LoadedSettings, Settings, settings_tree
from quant_core.foundation.settings_section import MASK, Section

__all__ = ["load_settings"]

_OWN_FOLDER = Folder(Path(__file__).resolve().parent, "config")


def load_settings(
    mode: Mode,
    sections: Mapping[str, type[Section]],
    *,
    directory: Path | None = None,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """The settings of a mode.

    Parameters
    ----------
    mode : {"backtest", "live"}
        Names the second file; the live mode returns a
        :class:`~quant_core.foundation.settings_live.LiveSettings`.
    sections : mapping of strategy type to its section class
        What may stand under ``strategy.<type>``.
    directory : Path, optional
        Folder of the YAML files; the project's ``config/`` by default.
    overrides : sequence of ``dotted.key=value``
        The value is YAML; later ones win.
    environment : mapping, optional
        The environment of the process by default; ``QUANT__EXECUTION__SLIPPAGE=0.001``
        sets ``execution.slippage``, the value is YAML.

    Raises
    ------
    ConfigurationError
        With every problem of every layer.

    Examples
    --------
    >>> from quant_core.foundation.settings_section import knob
    >>> class Linear(Section):
    ...     weights: Mapping[str, float] = knob("weight of each factor", whole=True)
    ...     weighting: str = knob("how the names share the equity")
    ...     short_names: int = knob("names to sell short", ge=0)
    ...     short_exposure: float = knob("what they are sold short for", ge=0)
    >>> class Rotation(Section):
    ...     assets: Sequence[str] = knob("symbols to choose from", whole=True)
    ...     safe_asset: str = knob("symbol in place of an asset below its trend")
    ...     momentum_sessions: int = knob("look-back of the ranking", unit="sessions", ge=1)
    ...     trend_sessions: int = knob("length of the trend", unit="sessions", ge=1)
    >>> known = {"linear": Linear, "etf_rotation": Rotation}
    >>> loaded = load_settings("backtest", known, overrides=["rebalance.every=5"], environment={})
    >>> loaded.settings.rebalance, loaded.settings.strategy.options.weights["momentum_12_1"]
    (Every(every=5), 0.6)
    >>> load_settings("backtest", known, overrides=["report.outputs=here"], environment={})
    Traceback (most recent call last):
        ...
    quant_core.foundation.errors.ConfigurationError: unknown key 'outputs'
      expected: one of: html, output
      found:    outputs
      where:    --set report.outputs
      fix:      did you mean report.output?
    """
    folder = _OWN_FOLDER if directory is None else Folder(directory, directory.as_posix())
    variables = os.environ if environment is None else environment
    known = known_keys(sections)
    layers = read_layers(folder, mode, overrides, variables, known)
    problems = list(layers.problems)
    built = build_settings(layers.merged, mode, sections)
    findings = Findings(layers.merged, known)
    for refusal in built.refusals:
        # Behind a file that could not be read, everything is missing: that helps nobody.
        if layers.complete or refusal.kind != "missing":
            problems += findings.problems(refusal)
    if built.settings is None or problems:
        raise ConfigurationError.all_of(problems)
    return LoadedSettings(built.settings, _effective_yaml(built.settings, layers.merged))


def _effective_yaml(settings: Settings, merged: Entries) -> str:
    """The settings as YAML: order of the models, ASCII-safe quoting, secrets masked."""
    tree = settings_tree(settings)
    for path, leaf in leaves(merged).items():
        if leaf.source.secret:
            _mask(tree, path)
    dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        tree, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


def _mask(tree: object, path: TreePath) -> None:
    """Replace the value at ``path``, if the effective configuration has it."""
    *sections, key = path
    for section in sections:
        tree = _below(tree, section)
    if _below(tree, key) is not None:
        cast("dict[str | int, object]", tree)[key] = MASK


def _below(tree: object, key: str | int) -> object:
    """What stands at a key of a mapping or a place of a list; None where nothing does."""
    if isinstance(tree, dict):
        return cast("dict[str | int, object]", tree).get(key)
    if isinstance(tree, list) and isinstance(key, int):
        entries = cast("list[object]", tree)
        return entries[key] if key < len(entries) else None
    return None
