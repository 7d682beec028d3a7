"""The two ways to show a tree of decisions to Optuna, whose samplers know only names and ranges.

A sampler that models parameters together (GP, CMA-ES, NSGA, quasi-random sequences) covers those that every trial has.
On the walk that is what is decided in every configuration; what a branch decides is drawn outside the model. With
padding it is everything.
"""

from __future__ import annotations

import random
from collections.abc import Mapping as Record
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from optuna import Trial

from ....spaces import Configuration, Decision
from .parameters import Parameter

MappingName = Literal["walk", "padded"]

CENTER = 0.5
"""Where on its scale the decision of a parameter lies that has but one value."""


class Suggestion(NamedTuple):
    """What Optuna suggests.

    Attributes:
        values: the active decisions.
        padding: decisions that it made as well and nobody asked for.
    """

    values: dict[str, Decision]
    padding: dict[str, Decision]


class Mapping(Protocol):
    """Which parameters a configuration has in Optuna."""

    def suggest(self, trial: Trial, parameters: Sequence[Parameter]) -> Suggestion:
        """What is to be tried."""
        ...

    def record(
        self, parameters: Sequence[Parameter], configuration: Configuration, padding: Record[str, Decision]
    ) -> dict[str, Any]:
        """The parameters of a configuration."""
        ...


class Walk:
    """Parents first, and only what is then asked for: conditional parameters are there where they exist."""

    def suggest(self, trial: Trial, parameters: Sequence[Parameter]) -> Suggestion:
        """Each decision when its parents are decided."""
        values: dict[str, Decision] = {}
        for parameter in parameters:
            if parameter.slot.active(values):
                values[parameter.path] = _decided(trial, parameter)
        return Suggestion(values, {})

    def record(
        self, parameters: Sequence[Parameter], configuration: Configuration, padding: Record[str, Decision]
    ) -> dict[str, Any]:
        """The active decisions."""
        values = configuration.values
        return {one.path: one.write(values[one.path]) for one in parameters if one.open and one.path in values}


class Padded:
    """All parameters, always, of which the active ones are read.

    What is not active is recorded as it was suggested, so that a model knows what it has tried; in trials of others it
    is drawn at random, by the configuration's key. At a fixed value instead, GPSampler did worse than without padding:
    it never sees the points it asked for, and asks for them again.
    """

    def suggest(self, trial: Trial, parameters: Sequence[Parameter]) -> Suggestion:
        """Every decision, active or not."""
        padding = {parameter.path: _decided(trial, parameter) for parameter in parameters}
        values: dict[str, Decision] = {}
        for parameter in parameters:
            if parameter.slot.active(values):
                values[parameter.path] = padding.pop(parameter.path)
        return Suggestion(values, padding)

    def record(
        self, parameters: Sequence[Parameter], configuration: Configuration, padding: Record[str, Decision]
    ) -> dict[str, Any]:
        """The active decisions, and the padding."""
        draw = random.Random(configuration.key)
        recorded: dict[str, Any] = {}
        for one in parameters:
            drawn = one.slot.domain.at(draw.random())
            decision = configuration.values.get(one.path, padding.get(one.path, drawn))
            if one.open:
                recorded[one.path] = one.write(decision if one.slot.domain.contains(decision) else drawn)
        return recorded


MAPPINGS: dict[MappingName, Mapping] = {"walk": Walk(), "padded": Padded()}


def _decided(trial: Trial, parameter: Parameter) -> Decision:
    if not parameter.open:
        return parameter.slot.domain.at(CENTER)
    return parameter.read(trial._suggest(parameter.path, parameter.distribution))
