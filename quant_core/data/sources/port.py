"""The port every price source implements."""

from __future__ import annotations

from typing import Protocol

from quant_core.data.schema import RawTable


class PriceSource(Protocol):
    """Something prices can be read from: files, a synthetic market, a vendor."""

    def read(self) -> RawTable:
        """Read everything the source has.

        Raises
        ------
        SourceUnreachable
            When the source is absent or does not answer.
        DataRefused
            When it answers with something that is not a table of prices.
        """
        ...
