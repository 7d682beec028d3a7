"""A law fitted to one's own trials: as any other law, with the evidence that it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from .amounts import human
from .bowl import Bowl
from .evidence import Evidence
from .law import ScalingLaw
from .own_beliefs import SHIFT_SPREAD
from .prediction import Prediction
from .uncertainty import Pair, Transfer, grown, interval

Draws = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class FittedLaw(ScalingLaw):
    """A law of one's own; `fit_law` makes it.

    Args:
        evidence: the trials that it was fitted to, and how it foretells groups that it has not seen.
        draws: (count, coefficients) laws that the trials would have given as well, in the order of `covariance.names`.
        bowl: the fitted shape of the loss around the optimum.
    """

    evidence: Evidence
    draws: Draws
    bowl: Bowl
    transfer: Transfer = "same recipe"

    def predict(
        self, N: float, D: float, *, seq_len: int | None = None, transfer: Transfer | None = None
    ) -> Prediction:
        """As `ScalingLaw.predict`; for the recipe of the trials, intervals are as wide as the trials leave them.

        They are narrower than the beliefs that the law gives to a search, which allow for what else may be different.
        """
        prediction = super().predict(N, D, seq_len=seq_len, transfer=transfer)
        if prediction.transfer != "same recipe":
            return prediction
        rate, batch = self.optimum_spread(N, D)
        return replace(
            prediction,
            learning_rate_interval=interval(prediction.learning_rate, rate),
            batch_size_interval=interval(prediction.batch_size, batch),
            expected_penalty=self.basin.penalty(
                rate if self.learning_rate_formula else 0.0, batch if self.batch_size_formula else 0.0
            ),
        )

    def optimum_spread(self, N: float, D: float) -> Pair:
        """One standard deviation of ln learning rate and ln batch size of the optimum at one N and D.

        The fit's, and in quadrature what the optimum of any group is off its law; growing beyond the trials' domain.
        """
        rate, batch, _ = self.fit_variance(N, D)
        growth = grown(self.domain.factor(N, D))
        return growth * math.sqrt(rate + SHIFT_SPREAD**2), growth * math.sqrt(batch + SHIFT_SPREAD**2)

    READERS: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        **ScalingLaw.READERS,
        "evidence": Evidence.from_data,
        "draws": lambda data: tuple(map(tuple, data)),
        "bowl": Bowl.from_data,
    }

    def _data(self) -> dict[str, Any]:
        more = {"evidence": self.evidence.to_data(), "draws": [list(draw) for draw in self.draws]}
        return {**super()._data(), **more, "bowl": self.bowl.to_data()}

    def _described(self) -> dict[str, str]:
        return {**self._intervals(), **super()._described(), **self.evidence.lines()}

    def _intervals(self) -> dict[str, str]:
        """The exponents with the interval that holds 80 % of the draws."""
        names = {"lr": "learning rate", "batch": "batch size"}
        lines = {}
        for place, name in enumerate(self.covariance.names if self.covariance else ()):
            formula, _, variable = name.partition(" ")
            drawn = sorted(draw[place] for draw in self.draws)
            low, high = drawn[len(drawn) // 10], drawn[-1 - len(drawn) // 10]
            if variable:
                lines[f"{names[formula]}, {variable}"] = f"exponent {human(low)} to {human(high)} (80 %)"
        return lines
