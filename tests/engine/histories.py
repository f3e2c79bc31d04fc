"""Two records of a run, value by value."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np


def differences(one, other):
    """Names of the fields of two histories that differ, with what they hold."""
    found = []
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(a):
            found += [f"{field.name}.{text}" for text in differences(a, b)]
        elif isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
                found.append(f"{field.name}: {a.tolist()} != {b.tolist()}")
        elif a != b:
            pairs = itertools.zip_longest(a, b)
            found.append(f"{field.name}: {next(p for p in pairs if p[0] != p[1])}")
    return found
