"""Decisions as Optuna's parameters, for people to read: under their paths, and in their own units."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from ...spaces import Choice, Decision, Float, Int, Space, SpaceError
from ...spaces.domains import Domain, Integer, Real
from ...spaces.node import Node
from ..store import StoreError

MARK = "json:"
"""Begins the decision that stands for a choice which is more than a plain value."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of Optuna: what a value of its distribution is as a decision, and back."""

    distribution: BaseDistribution

    def decision(self, internal: float) -> Decision:
        """The decision that Optuna's internal number stands for."""
        value = self.distribution.to_external_repr(internal)
        if isinstance(self.distribution, CategoricalDistribution):
            return _label(value)
        return float(value) if isinstance(self.distribution, FloatDistribution) else int(value)

    def value(self, decision: Decision) -> Any:
        """The value that Optuna shows for a decision."""
        if not isinstance(self.distribution, CategoricalDistribution):
            return decision
        return self._choices.get((type(decision), decision), decision)

    @cached_property
    def text(self) -> str:
        """The distribution as JSON."""
        return distribution_to_json(self.distribution)

    @cached_property
    def _choices(self) -> dict[tuple[type, Decision], Any]:
        assert isinstance(self.distribution, CategoricalDistribution)
        labels = [(_label(choice), choice) for choice in self.distribution.choices]
        return {(type(label), label): choice for label, choice in labels}


def parameters_of(space: Space) -> dict[str, Parameter]:
    """A parameter for each decision of a space."""
    return {slot.path: Parameter(_distribution(slot.domain)) for slot in space.slots}


@lru_cache(maxsize=4096)
def read_parameter(text: str) -> Parameter:
    """The parameter that was written as JSON."""
    return Parameter(json_to_distribution(text))


def plain_parameter(name: str, distribution: BaseDistribution) -> Parameter:
    """The parameter as it is read back later: of choices, tuples come back as lists.

    Raises:
        StoreError: a choice cannot be written as JSON.
    """
    choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else ()
    if all(isinstance(choice, Decision) for choice in choices):
        return Parameter(distribution)
    try:
        return read_parameter(distribution_to_json(distribution))
    except TypeError:
        raise StoreError(
            f"parameter {name!r} has choices that cannot be written down, {choices!r}; "
            "let Optuna suggest their names, and look them up"
        ) from None


def widened(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """The distribution that holds both; they are of one kind."""
    if one == other:
        return one
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        return FloatDistribution(low, high, log=one.log and other.log)
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        return IntDistribution(low, high, log=one.log and other.log)
    return one


def space_of(distributions: Mapping[str, BaseDistribution]) -> Space:
    """The space in which every one of these is always decided.

    A name with slashes becomes nested parts, so that its path is the name. What the language of spaces cannot say is
    left out: names with the signs `[ ] =`, those of a configuration's attributes, a part of a value, and choices that
    Python holds for equal (1 and True).
    """
    parts: dict[str, Any] = {}
    for name, distribution in distributions.items():
        try:
            wanted = _placed(parts, name.split("/"), _node(distribution))
            Space(wanted)
        except SpaceError:
            continue
        parts = wanted
    return Space(parts)


def _placed(parts: Mapping[str, Any], segments: list[str], node: Node) -> dict[str, Any]:
    """`parts` with a node at a path; unchanged where something stands there already."""
    first, *rest = segments
    there = parts.get(first, {})
    if not isinstance(there, Mapping) or (first in parts and not rest):
        return dict(parts)
    return {**parts, first: _placed(there, rest, node) if rest else node}


def _node(distribution: BaseDistribution) -> Node:
    if isinstance(distribution, FloatDistribution):
        return Float(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, IntDistribution):
        return Int(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    assert isinstance(distribution, CategoricalDistribution)
    return Choice(*map(_label, distribution.choices))


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Real):
        high = domain.high if domain.size is None else domain.nth(domain.size - 1)
        return FloatDistribution(domain.low, high, log=domain.log and domain.step is None, step=domain.step)
    if isinstance(domain, Integer):
        log = domain.log and domain.step == 1
        return IntDistribution(domain.low, domain.values[-1], log=log, step=domain.step)
    return CategoricalDistribution(domain.values)


def _label(choice: Any) -> Decision:
    """A choice as a decision: itself where it is plain, else its JSON after a mark."""
    if isinstance(choice, Decision) and not (isinstance(choice, float) and not math.isfinite(choice)):
        return choice
    return MARK + json.dumps(choice)
