"""Values that follow from a configuration, so that no trial has to measure them: the parameters of a model, say."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ..spaces import Configuration
from ..spaces.cost import measurement
from ..spaces.node import Node
from ..workers.results import ResultError, as_number, describe
from .errors import SweepError

REMEMBERED = 10_000
"""Configurations whose values are kept, as samplers ask for the same ones again."""

Known = Callable[[Configuration], float]


def known_function(name: str, given: Callable[[Configuration], float] | Node) -> Known:
    """The function that computes a known value, and remembers it by the key of the configuration.

    What it raises, and what it returns that is no number, becomes a `ResultError`.

    Raises:
        SweepError: `given` is no function.
        SpaceError: it is a node that measures nothing.
    """
    function = measurement(given) if isinstance(given, Node) else given
    if not callable(function):
        raise SweepError(
            f"{name!r} cannot be known from {describe(given)}; give a function of a configuration, "
            "or nn.measured(input_shape).params."
        )

    @lru_cache(REMEMBERED)
    def value(configuration: Configuration) -> float:
        try:
            found = function(configuration)
        except Exception as error:
            told = str(error).partition("\n")[0]
            raise ResultError(f"computing the known {name!r} raised {type(error).__name__}: {told}") from error
        number = as_number(found)
        if number is None:
            raise ResultError(f"the known {name!r} is {describe(found)}; let its function return a number")
        return number

    return value
