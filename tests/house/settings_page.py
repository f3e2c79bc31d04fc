"""docs/reference/settings.md, rendered from the models and the files of config/.

``python -m tests.house.settings_page`` writes the page anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from config.known_keys import KeyPath, KnownKey, known_keys
from config.tree import Entries, Items, Node, Scalar, Source, find, merge
from config.yaml_reader import read_document
from quant_core.foundation.settings import Settings
from quant_core.strategies import strategy_sections

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "settings.md"
DEFAULTS = ("base.yaml", "live.yaml")

INTRODUCTION = """\
# Settings

This page is rendered from the settings models and from `config/`; a test holds it equal to them.
The column *default* is what the files of `config/` say as they are shipped: no setting has a
value hidden in the code.

- Layers, each on top of the one before: `config/base.yaml`; `config/backtest.yaml` (or
  `live.yaml`); `config/factors.yaml`; `config/secrets.yaml`; the environment, such as
  `QUANT__EXECUTION__SLIPPAGE=0.001`; `--set execution.slippage=0.001` and the short forms of
  the command line.
- Mappings merge key by key. `rebalance`, `strategy.linear.weights` and lists are replaced as a
  whole.
- A fraction is a fraction: 0.02 is two per cent. `null` switches a rule off.
- Unknown keys, wrong types, NaN and infinities are refused, all of them at once, each with its
  file, line and key, and the nearest known key.
- YAML is read by the rules of YAML 1.2: `ON`, `NO`, `000001` and `9:30` are texts.
- A strategy of your own brings its own section: `strategy.<registered name>`.
"""

LIVE = """\
## For the live mode

These sections stand in `config/live.yaml`; a backtest does not know them.
"""


def render() -> str:
    """The page as Markdown text."""
    keys = known_keys(strategy_sections())
    defaults = _defaults()
    parts = [INTRODUCTION]
    in_backtest = [name for name in Settings.model_fields if name != "strategy"]
    for top in ("data", "strategy", *(name for name in in_backtest if name != "data")):
        parts += _section(top, keys, defaults, heading="##")
    parts.append(LIVE)
    for top in dict.fromkeys(path[0] for path in keys if path[0] not in Settings.model_fields):
        parts += _section(top, keys, defaults, heading="###")
    return "\n".join(parts)


def _section(
    top: str, keys: Mapping[KeyPath, KnownKey], defaults: Node, *, heading: str
) -> Iterator[str]:
    """A heading and the table of everything that is no section below ``top``."""
    rows = [_row(path, keys[path], defaults) for path in sorted_keys(top, keys)]
    yield f"{heading} {top}\n"
    head = ["| key | meaning | unit | allowed | default |", "|---|---|---|---|---|"]
    yield "\n".join([*head, *rows]) + "\n"


def sorted_keys(top: str, keys: Mapping[KeyPath, KnownKey]) -> list[KeyPath]:
    """The keys below ``top`` that hold values, those of one group together."""
    return [path for path, key in keys.items() if path[0] == top and not key.is_section]


def _row(path: KeyPath, key: KnownKey, defaults: Node) -> str:
    allowed = replace(key, unit="").expected
    cells = (f"`{'.'.join(path)}`", key.description, key.unit, allowed, _default(path, defaults))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(path: KeyPath, defaults: Node) -> str:
    node = find(defaults, path)
    if node is None:
        return ""
    written = _written(node)
    return f"`{written}`"


def _written(node: Node) -> str:
    match node:
        case Scalar(written=written):
            return written or "null"
        case Items(values=values):
            return f"[{', '.join(_written(value) for value in values)}]"
        case Entries(values=values):
            pairs = (f"{name}: {_written(value)}" for name, value in values.items())
            return "{" + ", ".join(pairs) + "}"


def _defaults() -> Node:
    merged: Node | None = None
    for name in DEFAULTS:
        text = (ROOT / "config" / name).read_text("utf-8")
        root = read_document(text, Source(name)).root
        assert root is not None
        merged = root if merged is None else merge(merged, root, lambda _: False)
    assert merged is not None
    return merged


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
