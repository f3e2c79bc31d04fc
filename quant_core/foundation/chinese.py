"""Chinese for every text a person reads; the English text is the key."""

from __future__ import annotations

CHINESE: dict[str, str] = {
    "Report": "报告",
}
