"""The default sampler."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from ...spaces import Space
from ..trials import Trials
from . import Sampler, unguided
from .protocol import Proposal

MODELLED_TRIALS = 300
"""Up to here Gaussian processes propose, whose fits take the third power of the number of trials."""

MANY_TRIALS = 3000
"""From here on evolution proposes, whose cost hardly grows; TPE's grows with the number of trials."""

MODELLED_COLUMNS = 500
"""Of an encoding. Wider ones make a Gaussian process slow, and it learns little from few trials."""

log = logging.getLogger("paretree")


class AutoSampler:
    """Picks a sampler by the space, the objectives and the number of trials, and says why in the log.

    Bayesian optimisation up to 300 trials; then TPE, and evolution from 3,000 trials on. TPE takes the place of
    Bayesian optimisation where BoTorch is not installed or the space is too wide for it.
    """

    name = "auto"

    def __init__(self) -> None:
        self.thinks = True  # as long as the sampler does that was chosen last
        self._samplers: dict[str, Sampler] = {}
        self._said = ""

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """Proposals of the sampler that suits."""
        name, reason = suited(space, trials)
        self._say(f"auto chose {name}: {reason}")
        if name not in self._samplers:
            self._samplers[name] = unguided(name)
        self.thinks = getattr(self._samplers[name], "thinks", False)
        return self._samplers[name].propose(space, trials, n, seed)

    def _say(self, text: str) -> None:
        if text != self._said:
            log.info(text)
            self._said = text


def suited(space: Space, trials: Trials) -> tuple[str, str]:
    """The name of the sampler for the next trial, and why."""
    if len(trials) >= MANY_TRIALS:
        return "evolution", f"its proposals stay cheap beyond {MANY_TRIALS} trials"
    if len(trials) >= MODELLED_TRIALS:
        return "optuna:tpe", f"beyond {MODELLED_TRIALS} trials it is much faster than a Gaussian process"
    if find_spec("botorch") is None:
        return "optuna:tpe", "bayes needs BoTorch, which is not installed (pip install 'paretree[bayes]')"
    if space.encoding.size > MODELLED_COLUMNS:
        return "optuna:tpe", f"an encoded configuration has {space.encoding.size} columns, too many to be modelled"
    return "bayes", f"it learns most from few trials of {_described(space, trials)}"


def _described(space: Space, trials: Trials) -> str:
    objectives = len(trials.goals.objectives)
    conditional = sum(1 for slot in space.slots if slot.when)
    kind = f"{len(space.slots)} decisions, {conditional} of them conditional"
    return f"{kind}, and {objectives} objective{'s' if objectives > 1 else ''}"
