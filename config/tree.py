"""Values that know where they were written, and how two layers of them become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

ScalarValue: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Source:
    """A file, an option or an environment variable.

    ``key`` is the dotted key an option or variable names itself; empty for a file. The
    values of a ``secret`` source appear in no message.
    """

    name: str
    key: str = ""
    secret: bool = False

    def where(self, line: int, key: str = "") -> str:
        """Words for a place in this source.

        Examples
        --------
        >>> Source("config/base.yaml").where(3, "data.root")
        'config/base.yaml:3, key data.root'
        >>> Source("--set data.root", "data.root").where(1, "data.root")
        '--set data.root'
        """
        place = self.name if self.key else f"{self.name}:{line}"
        return f"{place}, key {key}" if key and key != self.key else place


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, with the text it was written as."""

    value: ScalarValue
    written: str
    source: Source
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    values: tuple[Node, ...]
    source: Source
    line: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping. ``addressed``: it stands for one part of a dotted key, not for itself."""

    values: Mapping[str, Node]
    source: Source
    line: int
    addressed: bool = False


Node: TypeAlias = Scalar | Items | Entries


def plain(node: Node) -> object:
    """The bare values: dicts with ascending keys, tuples, scalars."""
    match node:
        case Scalar(value=value):
            return value
        case Items(values=values):
            return tuple(plain(value) for value in values)
        case Entries(values=values):
            return {key: plain(values[key]) for key in sorted(values)}


TreePath: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of a tree to a value."""


def child(node: Node | None, part: str | int) -> Node | None:
    """The value at a key of a mapping or a position of a sequence; None if there is none."""
    match node:
        case Entries(values=entries) if isinstance(part, str):
            return entries.get(part)
        case Items(values=items) if isinstance(part, int):
            return items[part] if part < len(items) else None
        case _:
            return None


def find(node: Node | None, path: TreePath) -> Node | None:
    """The value at ``path``; None if there is none."""
    for part in path:
        node = child(node, part)
    return node


def dotted(path: TreePath) -> str:
    """A path as ``--set`` writes it.

    Examples
    --------
    >>> dotted(("strategy", "rotation", "assets", 0))
    'strategy.rotation.assets[0]'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


WholeAt: TypeAlias = Callable[[TreePath], "bool | None"]
"""Whether the value at a path is one value as a whole.

False: a section, merged key by key. True: replaced by whatever comes later. None: a
mapping of free keys, replaced as a whole, but a dotted key sets a single entry.
"""


def merge(under: Node, over: Node, whole_at: WholeAt, path: TreePath = ()) -> Node:
    """``over`` on top of ``under``.

    A section left empty in a file (``execution:`` and nothing else) says nothing.
    """
    whole = whole_at(path)
    match under, over:
        case Entries(), Entries() if whole is False or (whole is None and over.addressed):
            values = dict(under.values)
            for key, value in over.values.items():
                below = values.get(key)
                values[key] = (
                    value if below is None else merge(below, value, whole_at, (*path, key))
                )
            return replace(under, values=values)
        case Entries(), Scalar(written="", value=None) if whole is False:
            return under
        case _:
            return over


def with_written_text(node: Node, paths: frozenset[TreePath], here: TreePath = ()) -> Node:
    """The tree with the scalars at ``paths`` as the text they were written as.

    A text is expected there: the code ``600519`` is a text, although it looks like a number.
    """
    match node:
        case Scalar(value=value) if here in paths and value is not None:
            return replace(node, value=node.written)
        case Items(values=items):
            children = enumerate(items)
            values = tuple(with_written_text(v, paths, (*here, i)) for i, v in children)
            return replace(node, values=values)
        case Entries(values=entries):
            texts = {k: with_written_text(v, paths, (*here, k)) for k, v in entries.items()}
            return replace(node, values=texts)
        case _:
            return node


def leaves(node: Node, here: TreePath = ()) -> dict[TreePath, Scalar]:
    """Every scalar of a tree by its path."""
    match node:
        case Scalar():
            return {here: node}
        case Items(values=items):
            children = list[tuple[str | int, Node]](enumerate(items))
        case Entries(values=entries):
            children = list[tuple[str | int, Node]](entries.items())
    return {p: leaf for key, value in children for p, leaf in leaves(value, (*here, key)).items()}
