"""What is worth trying."""

from __future__ import annotations

import random
from collections.abc import Iterable

from ...spaces import Configuration, Space
from ...spaces.space import Measure
from ..trials import Trials

REDRAWS = 100
"""Random draws that may not be new before one of them is taken all the same."""


class Unseen:
    """The configurations worth trying: neither known nor proposed in the same ask, and within all known constraints."""

    def __init__(self, trials: Trials, taken: Iterable[Configuration] = ()) -> None:
        self._trials = trials
        self._taken = {configuration.key for configuration in taken}

    def take(self, configuration: Configuration) -> bool:
        """Whether it is worth trying; from now on it is not."""
        if not self.is_new(configuration):
            return False
        self._taken.add(configuration.key)
        return not self._trials.goals.breaks_known(configuration)

    def is_new(self, configuration: Configuration) -> bool:
        """Whether it is neither known nor proposed."""
        return configuration.key not in self._taken and self._trials.same_as(configuration) is None

    def sample(self, space: Space, draw: random.Random, measure: Measure = "branch") -> Configuration:
        """A random configuration; one that is not worth trying only where many draws find no other."""
        for _ in range(REDRAWS):
            configuration = space.sample(draw, measure)
            if self.take(configuration):
                break
        return configuration
