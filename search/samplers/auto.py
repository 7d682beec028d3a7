"""The default sampler."""

from __future__ import annotations

import logging

from ...spaces import Space
from ..trials import Trials
from .optuna import OptunaSampler
from .protocol import Proposal

MODELLED_TRIALS = 1000
"""Up to here TPE proposes; then NSGA-II, whose proposals do not slow down as trials pile up."""

log = logging.getLogger("paretree")


class AutoSampler:
    """TPE while trials are few, then NSGA-II (several objectives) or TPE still (one objective)."""

    name = "auto"

    def __init__(self) -> None:
        self._tpe, self._nsga = OptunaSampler("tpe"), OptunaSampler("nsgaii")
        self._said = ""

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """Proposals of the sampler that suits the number of objectives and trials."""
        if len(trials) < MODELLED_TRIALS or len(trials.goals.objectives) == 1:
            self._say("auto chose optuna:tpe, which learns from few trials and takes conditional spaces as they are")
            return self._tpe.propose(space, trials, n, seed)
        self._say(f"auto chose optuna:nsgaii, which stays fast beyond {MODELLED_TRIALS} trials")
        return self._nsga.propose(space, trials, n, seed)

    def _say(self, text: str) -> None:
        if text != self._said:
            log.info(text)
            self._said = text
