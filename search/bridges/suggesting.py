"""A configuration of a space of ours, suggested by Optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from ...spaces import Configuration, Decision, Space
from .parameters import Parameter, parameters_of

if TYPE_CHECKING:
    from optuna import Trial


def suggest(space: Space, trial: Trial) -> Configuration:
    """Let an Optuna trial decide, parents first, and only what is then asked for.

    In a study that is a sweep over `space` (see `optuna_storage`), that is how an objective gets its configuration.

    Raises:
        ConfigurationError: what was suggested breaks what the space requires.
    """
    parameters = parameters_of(space)
    values: dict[str, Decision] = {}
    for slot in space.slots:
        if slot.active(values):
            values[slot.path] = _suggested(trial, slot.path, parameters[slot.path])
    return space.configuration(values)


def _suggested(trial: Trial, path: str, parameter: Parameter) -> Decision:
    one = parameter.distribution
    if isinstance(one, FloatDistribution):
        return trial.suggest_float(path, one.low, one.high, step=one.step, log=one.log)
    if isinstance(one, IntDistribution):
        return trial.suggest_int(path, one.low, one.high, step=one.step, log=one.log)
    assert isinstance(one, CategoricalDistribution)
    return trial.suggest_categorical(path, one.choices)
