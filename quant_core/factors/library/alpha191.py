"""Three of the 191 short-horizon factors of Guotai Junan Securities, with their numbers."""

from __future__ import annotations

from quant_core.factors.factor import Factor

_SOURCE = (
    "Guotai Junan Securities (2017), Multi-factor stock selection by short-horizon"
    " price-volume features, quantitative topics 93, Alpha {number}"
)

FACTORS: tuple[Factor, ...] = tuple(
    Factor(f"alpha191_{number:03d}", "alpha191", text, _SOURCE.format(number=number), deviations)
    for number, text, deviations in (
        (
            14,
            "close - delay(close, 5)",
            "In units of price, as in the source; not comparable between names.",
        ),
        (18, "close / delay(close, 5)", ""),
        (20, "(close - delay(close, 6)) / delay(close, 6) * 100", ""),
    )
)
"""``alpha191_014``, ``alpha191_018``, ``alpha191_020``."""
