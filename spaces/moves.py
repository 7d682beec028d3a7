"""From one configuration to others: neighbours, mutation, crossover.

All of them work on the slot table: a decision is changed, and walking down the table keeps every other decision that is
still asked for, and decides at random what is newly asked for. So conditional decisions can never be misaligned.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from .domains import Decision, Domain, Labels
from .selections import Selections
from .slots import Slot

NEAR = 0.1
"""Share of the searched scale that is a small step of a number; in mutation, one standard deviation of it."""

LOCAL = 0.5
"""Probability that a number or an ordered label takes a small step instead of being drawn anew."""

Values = dict[str, Decision]
Decide = Callable[[Slot], Decision]


def complete(slots: Sequence[Slot], wanted: Mapping[str, Decision], decide: Decide) -> Values:
    """The configuration that takes from `wanted` what is active, and asks `decide` for what is active and missing."""
    values: Values = {}
    for slot in slots:
        if slot.active(values):
            given = slot.path in wanted and slot.domain.contains(wanted[slot.path])
            values[slot.path] = wanted[slot.path] if given else decide(slot)
    return values


def mutated(slots: Sequence[Slot], values: Mapping[str, Decision], draw: random.Random) -> Values | None:
    """One decision changed to another value, each other value with a positive chance; None where nothing can change."""
    changeable = [slot for slot in slots if slot.path in values and slot.domain.size != 1]
    if not changeable:
        return None
    slot = draw.choice(changeable)
    changed = {**values, slot.path: _other(slot.domain, values[slot.path], draw)}
    return complete(slots, changed, lambda slot: slot.domain.at(draw.random()))


def crossed(
    slots: Sequence[Slot], mother: Mapping[str, Decision], father: Mapping[str, Decision], draw: random.Random
) -> Values:
    """Each decision from one of two parents at random, from the one that makes it where only one does."""
    values: Values = {}
    for slot in slots:
        if slot.active(values):
            makers = [parent for parent in (mother, father) if slot.path in parent]
            values[slot.path] = draw.choice(makers)[slot.path] if makers else slot.domain.at(draw.random())
    return values


def neighbours(slots: Sequence[Slot], values: Mapping[str, Decision], draw: random.Random) -> Iterator[Values]:
    """All configurations that differ in one decision by one step.

    A step leads to any other label, to the next or last label of an ordered choice, to the next integers, and a little
    up and down in a real number. What is newly asked for is decided at random.
    """
    for slot in slots:
        if slot.path in values:
            for near in _near(slot.domain, values[slot.path]):
                yield complete(slots, {**values, slot.path: near}, lambda slot: slot.domain.at(draw.random()))


def _other(domain: Domain, value: Decision, draw: random.Random) -> Decision:
    """Another value than `value`: near it or anywhere, for labels without an order any other one."""
    if isinstance(domain, Labels) and not domain.ordered:
        return draw.choice([label for label in domain.values if label != value])
    if isinstance(domain, Selections) and draw.random() < LOCAL:
        return draw.choice(domain.near(str(value)) or [one for one in domain.values if one != value])
    if not isinstance(domain, Selections) and draw.random() < LOCAL:
        stepped = domain.at(_reflected(domain.share(value) + draw.gauss(0, NEAR)))
        return stepped if stepped != value else draw.choice(_near(domain, value))
    if domain.size is None:
        return domain.at(draw.random())
    index = draw.randrange(domain.size - 1)
    return domain.nth(index + (index >= domain.position(value)))


def _near(domain: Domain, value: Decision) -> list[Decision]:
    """The values one step away."""
    if isinstance(domain, Labels) and not domain.ordered:
        return [label for label in domain.values if label != value]
    if isinstance(domain, Selections):
        return list(domain.near(str(value)))
    if domain.size is None:
        return [domain.at(_reflected(domain.share(value) + side * NEAR)) for side in (-1, 1)]
    position = domain.position(value)
    return [domain.nth(index) for index in (position - 1, position + 1) if 0 <= index < domain.size]


def _reflected(share: float) -> float:
    """A position that went beyond 0 or 1, thrown back inside."""
    share = math.fmod(abs(share), 2.0)
    return min(2.0 - share if share > 1.0 else share, math.nextafter(1.0, 0.0))
