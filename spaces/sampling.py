"""Decisions at random, by different ideas of what "at random" means in a tree."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from .beliefs import Beliefs, likely
from .counting import Census
from .domains import Decision
from .slots import Slot

Measure = Literal["branch", "leaf", "prior"]


def drawn(
    slots: Sequence[Slot],
    generator: random.Random,
    measure: Measure,
    beliefs: Beliefs,
    fidelity: Mapping[str, float],
    census: Callable[[], Census],
) -> dict[str, Decision]:
    """All active decisions, whether or not they fulfil what is required.

    Args:
        slots: the table of the space.
        generator: drawn from once for each decision.
        measure: `"branch"`, `"leaf"` or `"prior"`, as in `Space.sample`.
        beliefs, fidelity: for `"prior"`: what is likely, and the budgets that it may follow.
        census: for `"leaf"`: the count of the space.

    Raises:
        ValueError: there is no such measure, or the leaves cannot be counted.
    """
    draw = generator.random
    if measure == "branch" or (measure == "prior" and not beliefs.any):
        values: dict[str, Decision] = {}
        for slot in slots:
            if slot.active(values):
                values[slot.path] = slot.domain.at(draw())
        return values
    if measure == "prior":
        return beliefs.drawn(draw, fidelity, likely)
    if measure == "leaf":
        counted = census()
        return counted.unrank(generator.randrange(counted.total), lambda slot: slot.domain.at(draw()))
    raise ValueError(f"There is no measure {measure!r}; use 'branch', 'leaf' or 'prior'.")
