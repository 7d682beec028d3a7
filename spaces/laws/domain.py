"""For which sizes a law was fitted, and what to say to somebody who asks beyond them or in a wrong unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .amounts import human

Range = tuple[float, float]

FAR = 10.0
"""Times the compute of the largest fitted model, above which nothing supports a law any more."""


FEWEST_PARAMETERS = 1e5
FEWEST_TOKENS = 1e6
"""Of what people train and fit laws to; less is taken for another unit, unless a law was fitted to that little."""


@dataclass(frozen=True)
class Domain:
    """The range of sizes that a law was fitted on. None: it is not known here.

    Args:
        N: parameters, counted as the law counts them.
        D: training tokens.
        tokens_per_parameter: D / N.
    """

    N: Range | None = None
    D: Range | None = None
    tokens_per_parameter: Range | None = None

    def factor(self, N: float, D: float) -> float:
        """By what factor the compute (6 N D) lies outside the domain; 1 within it and where it is not known."""
        if self.N is None or self.D is None:
            return 1.0
        return max(1.0, N * D / (self.N[1] * self.D[1]), self.N[0] * self.D[0] / (N * D))

    def is_far(self, N: float, D: float) -> bool:
        """Whether it is below the fitted sizes, or far above them: more than ten times the compute."""
        if self.N is None or self.D is None:
            return False
        too_small = self.N[0] > N or self.D[0] > D
        return too_small or FAR * self.N[1] * self.D[1] < N * D

    def warning(self, law: str, N: float, D: float) -> str | None:
        """One sentence on all that is outside."""
        outside = list(self._outside(N, D))
        if not outside:
            return None
        return (
            f"{law} was not fitted for {', '.join(outside)}; take its prediction as a guess with a wide interval, "
            "or fit a law to trials nearer to it."
        )

    def _outside(self, N: float, D: float) -> Iterator[str]:
        if self.N is not None and not _holds(self.N, N):
            yield f"N = {human(N)} (only {_between(self.N)} parameters)"
        if self.D is not None and not _holds(self.D, D):
            yield f"D = {human(D)} (only {_between(self.D)} tokens)"
        if self.tokens_per_parameter is not None and not _holds(self.tokens_per_parameter, D / N):
            yield f"{human(D / N)} tokens per parameter (only {_between(self.tokens_per_parameter)})"

    def __str__(self) -> str:
        parts = [("N", self.N), ("D", self.D), ("D/N", self.tokens_per_parameter)]
        known = [f"{name} {_between(bounds)}" for name, bounds in parts if bounds is not None]
        return ", ".join(known) or "not known"

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        sizes = {"N": self.N, "D": self.D, "tokens_per_parameter": self.tokens_per_parameter}
        return {name: None if bounds is None else list(bounds) for name, bounds in sizes.items()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Domain:
        """What `to_data` wrote."""
        return cls(**{name: None if bounds is None else (bounds[0], bounds[1]) for name, bounds in data.items()})


def unit_warning(N: float, D: float, domain: Domain) -> str | None:
    """One sentence where N or D looks like a wrong unit: less than anybody trains with, and than the law was fitted on.

    Args:
        N, D: parameters and training tokens.
        domain: that of the law.
    """
    if min(FEWEST_PARAMETERS, domain.N[0] if domain.N else math.inf) > N:
        return (
            f"N = {human(N)} is very few: N counts parameters without embeddings (all experts), so 215M is "
            "N=215e6; check its unit."
        )
    if min(FEWEST_TOKENS, domain.D[0] if domain.D else math.inf) > D:
        return f"D = {human(D)} is very few: D counts training tokens, so 20B is D=20e9; check its unit."
    if D < N:
        return (
            f"D = {human(D)} tokens are fewer than N = {human(N)} parameters: D counts all tokens of the training "
            "and N no embeddings; check that they are not swapped."
        )
    return None


def _holds(bounds: Range, value: float) -> bool:
    return bounds[0] <= value * 1.001 and value <= bounds[1] * 1.001


def _between(bounds: Range) -> str:
    return f"{human(bounds[0])} to {human(bounds[1])}"
