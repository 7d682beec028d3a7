"""The best learning rate where hardware, not the law, decides the batch size."""

from __future__ import annotations

from typing import Any, cast

from ..expressions import where
from ..node import Node
from .formula import Quantity

DOWNWARD = 0.5
"""Exponent of (batch size / its best) for a batch that is too small."""

UPWARD = 0.2
"""The same for a batch that is too large, up to `LARGEST` times the best one; beyond it the rate stays."""

LARGEST = 2.0

LOCAL = 0.30
"""Slope of ln learning rate by ln batch size at the optimum itself: 0.30 +- 0.11 dense, 0.34 +- 0.12 with experts. The
mean of the two exponents above; they are told apart because one slope for both sides costs more."""


def rate_factor(departure: Any) -> Any:
    """By what the best learning rate is multiplied where the batch size is `departure` times its best.

    On the 17 dense groups that came with the Step Law, the loss above the best of that batch size is 0.07 % for a
    quarter of the best batch (0.16 % with one slope of 0.37 for all, 0.51 % where the rate is kept), and 0.04 % for
    four times it (0.22 % and 0.05 %). A rate scaled up in proportion to a fourfold batch diverges (16 %).

    Args:
        departure: a positive number or, for a batch size that is searched, a node; then an expression is returned.
    """
    if isinstance(departure, Node):
        above = where(departure < LARGEST, departure**UPWARD, LARGEST**UPWARD)
        return where(departure < 1.0, departure**DOWNWARD, above)
    return departure**DOWNWARD if departure < 1 else min(departure, LARGEST) ** UPWARD


def given_batch(rate: Quantity, departure: Quantity) -> Quantity:
    """The best learning rate for a batch size that departs from the best one by this factor."""
    return cast(Quantity, rate * rate_factor(departure))
