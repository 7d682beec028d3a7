"""Sizes as people write them: `215M`, `20B`, `1.4T`, `1e9`, `4,000,000`."""

from __future__ import annotations

import math
import re

SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}

AMOUNT = re.compile(r"([0-9.][0-9_,]*\.?[0-9]*(?:e[+-]?[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)


def amount(text: str) -> float | None:
    """The number that `text` says; None where it says no positive one."""
    found = AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    try:
        value = float(found[1].replace("_", "").replace(",", "")) * SUFFIXES[found[2].lower()]
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def human(value: float) -> str:
    """A number as people say it: `215M`, `1.4T`, `0.002`."""
    if not math.isfinite(value) or abs(value) < 1000:
        return f"{value:.3g}"
    for size, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{suffix}" if abs(value) < 999.5 * size else f"{value / size:,.0f}{suffix}"
    return f"{value:.3g}"
