"""Names of the array types, once for the whole house."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
"""float64 of any shape; NaN = unknown."""

FloatMatrix: TypeAlias = NDArray[np.float64]
"""float64 [sessions, symbols]; NaN = unknown."""

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]

SessionArray: TypeAlias = NDArray[np.datetime64]
"""datetime64[D], ascending, exchange-local session dates."""

Session: TypeAlias = date
"""One trading day of an exchange: a date without a time, never mixed with an instant."""
