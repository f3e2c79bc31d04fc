"""What can be wrong with a journal, by what the worker does about it."""

from __future__ import annotations

from quant_core.foundation.errors import QuantError, ReconciliationError, UsageError


class JournalUnwritable(QuantError):
    """An entry could not be made durable: nothing may be sent to the broker any more.

    After a failed write or fsync it is not known what reached the disk, and a second
    fsync may succeed although the data is lost. So the journal refuses every further
    entry until it is opened anew, which reads back what is really there.
    """

    exit_code = 5


class JournalDamaged(ReconciliationError):
    """The journal is not what was written: edited, cut, reordered, or of another version."""


class JournalLocked(UsageError):
    """Another worker holds the journal of this account."""
