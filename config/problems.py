"""Refusals in words: where, what was expected, what was found, how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from config.known_keys import KeyPath, KnownKey, choices_of, element_of, section_of
from config.tree import Entries, Items, Node, Scalar, TreePath, dotted, find
from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.settings_section import MASK, Conflict, Refusal

LONGEST_SHOWN = 80

_NAME = re.compile(r"[\w.-]{1,64}")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_YES_OR_NO = frozenset({"yes", "no", "on", "off", "true", "false"})


@dataclass(frozen=True, slots=True)
class Findings:
    """The merged configuration, to look up what a refusal is about."""

    merged: Entries
    known: Mapping[KeyPath, KnownKey]

    def problems(self, refusal: Refusal) -> list[ConfigurationError]:
        """The messages of one refusal."""
        match refusal.kind:
            case "unknown":
                return [self._unknown(refusal.path)]
            case "missing":
                return [self._missing(refusal.path)]
            case "conflict":
                return [self._conflict(refusal.path, c) for c in refusal.conflicts]
            case _:
                return [self._refused(refusal)]

    def _unknown(self, path: TreePath) -> ConfigurationError:
        *section, key = path
        siblings = [known[-1] for known in self.known if [*known[:-1]] == section]
        shown = self._shown_key(path)
        return ConfigurationError(
            f"unknown key {shown!r}",
            expected="one of: " + ", ".join(siblings),
            found=shown,
            where=self._where(path, (*section, shown)),
            fix=self._nearest(str(key), dotted((*section,)), siblings),
        )

    def _shown_key(self, path: TreePath) -> str:
        """An unknown key; masked if it looks like a secret that lost its list or its key."""
        *section, key = path
        is_name = _NAME.fullmatch(str(key)) is not None
        masked = not is_name and self._is_secret((*section,), find(self.merged, path))
        return MASK if masked else str(key)

    def _nearest(self, key: str, section: str, siblings: list[str]) -> str:
        """The key itself in another section, or one written alike, nearest section first."""
        by_name = {path[-1]: dotted(path) for path in [*self.known][::-1]}
        near = _closest(key, siblings)
        if key not in by_name and near:
            return f"did you mean {section}.{near}?" if section else f"did you mean {near}?"
        elsewhere = key if key in by_name else _closest(key, list(by_name))
        return f"did you mean {by_name[elsewhere]}?" if elsewhere else "remove it"

    def _missing(self, path: TreePath) -> ConfigurationError:
        key = self._key_at(path)
        section = dotted(path[:-1])
        place = f"below `{section}:`" if section else "on the top level"
        return ConfigurationError(
            f"the key {dotted(path)} is missing",
            expected=f"{key.expected}: {key.description}",
            found="nothing",
            where=self._where(path),
            fix=f"add `{path[-1]}:` {place}, or give --set {dotted(path)}=...",
        )

    def _conflict(self, path: TreePath, conflict: Conflict) -> ConfigurationError:
        places = dict.fromkeys(self._where((*path, key)) for key in conflict.keys)
        return ConfigurationError(
            conflict.problem,
            expected=conflict.expected,
            found=conflict.found,
            where="; ".join(places),
            fix=conflict.fix,
        )

    def _refused(self, refusal: Refusal) -> ConfigurationError:
        node = find(self.merged, refusal.path)
        key = self._key_at(refusal.path)
        return ConfigurationError(
            f"{dotted(refusal.path)} {_sentence(refusal, node, key)}",
            expected=key.expected,
            found=MASK if self._is_secret(refusal.path, node) else _shown(node),
            where=self._where(refusal.path),
            fix=_mend(node, key, dotted(refusal.path)),
        )

    def _key_at(self, path: TreePath) -> KnownKey:
        """What is known of a key; of an entry of a free mapping or list, its type."""
        names = tuple(str(part) for part in path)
        for length in range(len(names), 0, -1):
            key = self.known.get(names[:length])
            if key is not None and length == len(names):
                return key
            if key is not None:
                entry = element_of(key.annotation)
                return replace(key, annotation=entry, bounds=(), choices=())
        return KnownKey(object)

    def _where(self, path: TreePath, shown: TreePath = ()) -> str:
        """Where the value stands; for a value that is nowhere, the nearest section above.

        ``shown`` is the path as it may be written, where it is another one.
        """
        for length in range(len(path), -1, -1):
            node = find(self.merged, path[:length])
            part_of_a_key = isinstance(node, Entries) and node.addressed
            if node is not None and not (part_of_a_key and length < len(path)):
                return node.source.where(node.line, dotted(shown or path))
        return dotted(shown or path)

    def _is_secret(self, path: TreePath, node: Node | None) -> bool:
        """A secret itself, or something that stands where a section with secrets belongs."""
        if node is not None and node.source.secret:
            return True
        secrets = [known for known, key in self.known.items() if key.is_secret]
        return any(
            secret[: len(path)] == path or path[: len(secret)] == secret for secret in secrets
        )


def _sentence(refusal: Refusal, node: Node | None, key: KnownKey) -> str:
    match refusal.kind, node:
        case "not_finite", _:
            return _NO_NUMBER
        case _, Scalar(written=written) if _takes_numbers(key) and _NOT_FINITE.fullmatch(written):
            return _NO_NUMBER
        case "bounds", Scalar(value="") | Items(values=()):
            return "must not be empty"
        case "bounds", Scalar(value=str()):
            return "is written in a way that is not allowed"
        case "bounds", _:
            return "is out of bounds"
        case _:
            return "has a value of the wrong kind"


_NO_NUMBER = "is not a finite number: NaN and infinities are refused everywhere"


def _closest(word: str, words: list[str]) -> str:
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(word, words, n=1)
    return near[0] if near else ""


def _takes_numbers(key: KnownKey) -> bool:
    return any(choice is int or choice is float for choice in choices_of(key.annotation))


def _shown(node: Node | None) -> str:
    """A value in words; of a list or mapping only its extent."""
    match node:
        case None:
            return "nothing"
        case Scalar(value=None, written=""):
            return "nothing (the key has no value)"
        case Scalar(value=str(text)):
            return f"the text '{text[:LONGEST_SHOWN]}'"
        case Scalar(written=written):
            return written[:LONGEST_SHOWN]
        case Items(values=values):
            return f"a list of {len(values)}"
        case Entries(values=values):
            keys = ", ".join(values)[:LONGEST_SHOWN]
            return f"a mapping with the keys {keys}" if values else "an empty mapping"


def _mend(node: Node | None, key: KnownKey, name: str) -> str:
    """What to write instead, where the mistake is a common one."""
    if isinstance(node, Entries):
        return _advice_on_alternatives(node, key)
    if not isinstance(node, Scalar):
        return ""
    advice = (a for a in (find_advice(node, key, name) for find_advice in _ADVICE) if a)
    return next(advice, "")


def _advice_on_alternatives(node: Entries, key: KnownKey) -> str:
    sections = [section_of(choice) for choice in choices_of(key.annotation)]
    begun = [s for s in sections if s is not None and s.model_fields.keys() & node.values.keys()]
    return "give one of the two, not both" if len(begun) > 1 else ""


def _advice_on_words(node: Scalar, key: KnownKey, _: str) -> str:
    near = _closest(node.written, list(key.choices))
    return f"did you mean {near}?" if near else ""


def _advice_on_switches(node: Scalar, key: KnownKey, _: str) -> str:
    wrong = bool in choices_of(key.annotation) and node.written.lower() in _YES_OR_NO
    return "write true or false, in small letters and without quotes" if wrong else ""


def _advice_on_numbers(node: Scalar, key: KnownKey, _: str) -> str:
    if not (_takes_numbers(key) and isinstance(node.value, str)):
        return ""
    digits = re.sub(r"[_, ]", "", node.written)
    if _NUMBER.fullmatch(node.written):
        return "write the number without quotes and without leading zeros"
    if _NUMBER.fullmatch(digits):
        return f"write the digits alone: {digits}"
    if _NUMBER.fullmatch(digits.removesuffix("%")):
        return "write a fraction: 0.05 for 5 %"
    return ""


def _advice_on_colons(node: Scalar, _: KnownKey, name: str) -> str:
    missing_space = node.value is None and not node.written and ":" in name
    return "put a space behind the colon" if missing_space else ""


_ADVICE: tuple[Callable[[Scalar, KnownKey, str], str], ...] = (
    _advice_on_words,
    _advice_on_switches,
    _advice_on_numbers,
    _advice_on_colons,
)
