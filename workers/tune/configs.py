"""A configuration as Tune's config: its active decisions by path, and a mark that says which trial they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...spaces import Configuration, Space
from ...spaces.domains import Decision, Integer, Real
from .driving import Driven

MARK = "_trial"
"""What we add to a config and to results stands under this key. No part of a space can be called so."""


def config_of(trial: Driven) -> dict[str, Any]:
    """The config that Tune is given for a trial."""
    return {**trial.config.values, MARK: {"number": trial.number, "attempt": trial.attempt, "seed": trial.seed}}


def configuration_of(space: Space, config: Mapping[str, Any]) -> Configuration:
    """The configuration that a config stands for; numbers are taken as the nearest ones of their ranges.

    So what a scheduler multiplied (0.8 or 1.2 times the value, as population based training does) is a decision again.

    Raises:
        ConfigurationError: a decision is missing, unknown, not active, or no value of its domain; or a constraint is
            broken.
    """
    return space.configuration(nearest(space, config))


def lineage(trial_id: str, configuration: Configuration) -> str:
    """Names what a Tune trial does with one configuration: it has another one after its scheduler changed it."""
    return f"{trial_id}/{configuration.key}"


def nearest(space: Space, config: Mapping[str, Any]) -> dict[str, Decision]:
    """The decisions of a config, with numbers as the nearest ones of their ranges."""
    values = {path: value for path, value in config.items() if path != MARK}
    for slot in space.slots:
        value = values.get(slot.path)
        if isinstance(slot.domain, Real | Integer) and isinstance(value, int | float) and not isinstance(value, bool):
            values[slot.path] = slot.domain.nearest(value)
    return values
