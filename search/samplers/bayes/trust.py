"""Whether what the user believed is still asked, by what the trials say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....spaces import Configuration, Space
from ...trials import KnownTrial, Trials
from .beliefs import STRENGTH, Beliefs
from .outcomes import front


class Trust:
    """What is believed about a space, without the priors that trials speak against.

    A prior is rejected while the best trial is where the prior said that it would hardly be: the best of all has its
    number further from the centre than all but 1 % of the belief is (`beliefs.UNLIKELY`), although something that ended
    had it nearer. So a hedge that does better than the most likely configuration can end a belief at the third trial;
    alone it cannot. Where there are several objectives, the whole front must be so far. What is rejected is asked again
    once the best trial is back near the centre.

    Attributes:
        beliefs: those that are asked.
        rejected: paths of decisions whose priors are not asked.
    """

    def __init__(self, space: Space, trials: Trials) -> None:
        self.rejected = _rejected(Beliefs(space), trials) if space.has_priors else []
        self.beliefs = Beliefs(space, self.rejected)
        self._trials = len(trials)

    def weight(self, taken: int = 0) -> float:
        """Of the beliefs, for what is worth most: it halves when the number of trials doubles, so that these decide.

        Args:
            taken: proposals that will be trials; those under way count as well.
        """
        return STRENGTH / (self._trials + taken) if self.beliefs else 0.0

    @property
    def note(self) -> str:
        """What a proposal's reason says of it."""
        paths = " and ".join(map(repr, self.rejected))
        return f"; prior rejected: the best trial is far from that of {paths}" if paths else ""

    @property
    def detail(self) -> dict[str, str]:
        """What the trial keeps of it."""
        return {"prior": "rejected"} if self.rejected else {}


def _rejected(beliefs: Beliefs, trials: Trials) -> list[str]:
    """The paths of numbers that all of the best trials have far from their priors, but not all trials."""
    best = _best([trial for trial in trials if trial.measured])
    ended = [trial.configuration for trial in trials if trial.ended]
    return [
        path
        for path in beliefs.doubtful
        if best
        and all(beliefs.is_far(path, one) for one in best)
        and any(not beliefs.is_far(path, one) for one in ended)
    ]


def _best(measured: Sequence[KnownTrial]) -> list[Configuration]:
    """The front of what keeps all constraints, or else what breaks them least."""
    if not measured:
        return []
    losses = np.array([trial.losses for trial in measured])
    violations = np.array([trial.violations for trial in measured]).reshape(len(measured), -1)
    return [measured[row].configuration for row in front(losses, violations)]
