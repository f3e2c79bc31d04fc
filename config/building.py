"""From the merged layers to settings, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar, cast

from config.known_keys import OPTIONS, TYPE, KeyPath
from config.tree import Entries, Node, TreePath, child, find, plain, with_written_text
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.settings import Settings, StrategySettings
from quant_core.foundation.settings_live import LIVE_SECTIONS, LiveSettings
from quant_core.foundation.settings_section import Refusal, Section, read_section

Mode: TypeAlias = Literal["backtest", "live"]
Tree: TypeAlias = dict[str, object]
Sections: TypeAlias = Mapping[str, type[Section]]
SectionKind = TypeVar("SectionKind", bound=Section)

_NOT_YET_DUE = ("missing", "conflict")
"""What a backtest overlooks in the sections of the live mode: live.yaml completes them."""


@dataclass(frozen=True, slots=True)
class Built:
    """The settings; or None, and what was refused."""

    settings: Settings | None
    refusals: tuple[Refusal, ...]


def build_settings(merged: Entries, mode: Mode, sections: Sections) -> Built:
    """Validate once; a second time if numbers stand where texts are expected.

    A text such as the code ``600519`` reads as a number until the models say otherwise;
    then it is the text that was written.
    """
    _refuse_reserved_names(sections)
    built = _build(merged, mode, sections)
    texts = frozenset(r.path for r in built.refusals if r.kind == "text")
    if not texts:
        return built
    as_written = with_written_text(merged, texts)
    return _build(cast("Entries", as_written), mode, sections)


def _build(merged: Entries, mode: Mode, sections: Sections) -> Built:
    tree = cast("Tree", plain(merged))
    checker = _Checker(merged)
    if mode == "backtest":
        checker.check_live_sections(tree)
    model = LiveSettings if mode == "live" else Settings
    settings = checker.check(model, (), checker.with_options(tree, sections))
    # The members of a union each refuse a value in their own way: the first is enough.
    first = {refusal.path: refusal for refusal in reversed(checker.refusals)}
    kept = tuple(refusal for refusal in checker.refusals if first[refusal.path] is refusal)
    return Built(None if kept else settings, kept)


class _Checker:
    """Validates parts of the tree and gathers what they refuse."""

    def __init__(self, merged: Entries) -> None:
        self._merged = merged
        self.refusals: list[Refusal] = []

    def check(
        self, section: type[SectionKind], path: KeyPath, values: object
    ) -> SectionKind | None:
        """The section at ``path``; None if it refuses its values."""
        validated = read_section(section, values)
        if not isinstance(validated, tuple):
            return validated
        within = find(self._merged, path)
        self.refusals += [replace(r, path=(*path, *_path_in(within, r))) for r in validated]
        return None

    def check_live_sections(self, tree: Tree) -> None:
        """Take the sections of the live mode out of ``tree``, and refuse what is wrong there."""
        for name in sorted(LIVE_SECTIONS.keys() & tree.keys()):
            self.check(LIVE_SECTIONS[name], (name,), tree.pop(name))
        self.refusals = [r for r in self.refusals if r.kind not in _NOT_YET_DUE]

    def with_options(self, tree: Tree, sections: Sections) -> Tree:
        """The tree with the section of the chosen strategy type in its place in the models.

        The sections of all other known types are validated too, and left out.
        """
        strategy = tree.get("strategy")
        if not isinstance(strategy, dict):
            return tree
        written = cast("Tree", strategy)
        chosen = written.get(TYPE[-1])
        if OPTIONS[-1] in written:
            self.refusals.append(Refusal("unknown", OPTIONS))
        if isinstance(chosen, str) and chosen not in sections:
            self.refusals.append(Refusal("type", TYPE))
        options = Section()
        for name in sorted(sections):
            if name not in written and name != chosen:
                continue
            values = written.get(name)
            values = dict[str, object]() if values is None else values
            section = self.check(sections[name], ("strategy", name), values)
            options = section if section is not None and name == chosen else options
        own = {key: value for key, value in written.items() if key not in sections}
        return {**tree, "strategy": {**own, OPTIONS[-1]: options}}


def _path_in(tree: Node | None, refusal: Refusal) -> TreePath:
    """The path of a refusal without what is not in ``tree``: names of union members.

    The last part of a missing key stays.
    """
    missing = refusal.path[-1:] if refusal.kind == "missing" else ()
    node, path = tree, list[str | int]()
    for part in refusal.path[: len(refusal.path) - len(missing)]:
        below = child(node, part)
        if below is not None:
            node = below
            path.append(part)
    return (*path, *missing)


def _refuse_reserved_names(sections: Sections) -> None:
    taken = sorted(set(sections) & set(StrategySettings.model_fields))
    if taken:
        raise InvariantBroken(
            "a strategy type has the name of a key of the strategy section",
            found=", ".join(taken),
            fix="register the strategy under another name",
        )
