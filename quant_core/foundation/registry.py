"""A registry of named things: refuses duplicates, and an unknown name lists the known ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from quant_core.foundation.errors import QuantError, UsageError

Item = TypeVar("Item")


class Registry(Generic[Item]):
    """Names to items of one kind.

    Examples
    --------
    >>> colours = Registry[int]("colour")
    >>> colours.add("red", 1)
    1
    >>> colours.get("red"), list(colours)
    (1, ['red'])
    """

    def __init__(self, kind: str, error: type[QuantError] = UsageError) -> None:
        self.kind = kind
        self._error = error
        self._items: dict[str, Item] = {}

    def add(self, name: str, item: Item) -> Item:
        """Register ``item``; a name that is taken is refused."""
        if name in self._items:
            raise self._error(f"{self.kind} {name!r} is registered twice")
        self._items[name] = item
        return item

    def register(self, name: str) -> Callable[[Item], Item]:
        """Decorator form of :meth:`add`."""
        return lambda item: self.add(name, item)

    def get(self, name: str) -> Item:
        """The item called ``name``; an unknown name lists the known ones."""
        if name not in self._items:
            near = difflib.get_close_matches(name, self._items, n=1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            raise self._error(
                f"unknown {self.kind}",
                expected="one of: " + ", ".join(sorted(self._items)),
                found=name,
                fix=hint,
            )
        return self._items[name]

    def discard(self, name: str) -> None:
        """Forget ``name`` if it is there (a test's own entry, say)."""
        self._items.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))
