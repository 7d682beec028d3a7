"""How the loss falls with the size of the model and with the data: `L(N, D) = E + A / N^alpha + B / D^beta`.

The law of Hoffmann et al. 2022 (arXiv:2203.15556, equation 2): E is what no model of this kind gets below on this data,
and the two other terms are what a model of N parameters, and D tokens of training, fall short of that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .allocation import FLOPS_PER_TOKEN, Allocation, allocated, isoflop
from .amounts import human
from .errors import LawError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

FORMAT = "paretree.loss_law"
VERSION = 1

LIKELY = (0.1, 0.9)
"""The quantiles between which 80 % lie."""

HALF_LIKELY = 1.2816
"""From the middle of a normal distribution to its 90 % quantile, in standard deviations."""


@dataclass(frozen=True)
class LossPrediction:
    """The loss of a well-tuned training of N parameters on D tokens, with its 80 % interval."""

    N: float
    D: float
    loss: float
    low: float
    high: float

    def __str__(self) -> str:
        interval = f"{self.low:.4g} to {self.high:.4g}"
        return f"loss {self.loss:.4g} (80 %: {interval}) at N = {human(self.N)}, D = {human(self.D)}"


@dataclass(frozen=True)
class LossGroup:
    """The trials of one N and D. `loss` is what the law was fitted to, `doubt` why they may not be tuned."""

    N: float
    D: float
    trials: int
    loss: float
    fitted: float
    doubt: str | None = None

    @property
    def off(self) -> float:
        """By how many per cent the loss lies above the law."""
        return 100 * (self.loss / self.fitted - 1)


@dataclass(frozen=True)
class LossEvidence:
    """What a law of the loss rests on.

    Attributes:
        groups: the trials of each N and D.
        scatter: standard deviation of ln loss around the law.
        left_out: per cent by which the law misses groups that it was not fitted to (root mean square over folds of the
            groups); None where too few are left to fit.
        largest_out: per cent by which the law of the other groups lies below the one of the greatest N x D (positive:
            that loss is worse than predicted); None as above.
        unidentified: sentences on what the trials do not tell.
        dropped: trials without a finite, positive loss.
    """

    groups: tuple[LossGroup, ...]
    scatter: float
    left_out: float | None
    largest_out: float | None
    unidentified: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each group: N, D, trials, loss, fitted, off (per cent above the law), doubt."""
        import pandas as pd

        return pd.DataFrame([{**asdict(group), "off": group.off} for group in self.groups])


@dataclass(frozen=True, eq=False)
class LossLaw:
    """`L(N, D) = E + A / N^alpha + B / D^beta`, and how sure that is; made by `fit_loss_law`.

    Attributes:
        E, A, B: in the unit of the loss (nats per token). alpha, beta: without one.
        draws: (n, 5) the same five numbers, fitted to trials drawn anew; intervals come from them.
        evidence: the trials that it was fitted to, and how well it fits.
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    draws: Floats
    evidence: LossEvidence

    @property
    def coefficients(self) -> dict[str, float]:
        """E, A, B, alpha and beta by name."""
        return {"E": self.E, "A": self.A, "B": self.B, "alpha": self.alpha, "beta": self.beta}

    @property
    def exponent(self) -> float:
        """How the compute-optimal size grows with compute: N ~ C^exponent, beta / (alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 80 % intervals of the coefficients and of `exponent`, by name."""
        alpha, beta = self.draws[:, 3], self.draws[:, 4]
        columns = dict(zip(self.coefficients, self.draws.T, strict=True)) | {"exponent": beta / (alpha + beta)}
        return {name: likely(column) for name, column in columns.items()}

    def loss(self, N: ArrayLike, D: ArrayLike) -> Floats:
        """The loss at N parameters and D tokens, of the shape that the two have together."""
        sizes, tokens = np.asarray(N, dtype=float), np.asarray(D, dtype=float)
        return np.asarray(self.E + self.A * sizes**-self.alpha + self.B * tokens**-self.beta)

    def band(self, N: ArrayLike, D: ArrayLike) -> tuple[Floats, Floats]:
        """The 80 % interval of the loss of one more training, low and high, of the shape of `loss`.

        What the draws disagree in and the scatter of single trainings are added in quadrature, in ln loss.
        """
        center, drawn = np.log(self.loss(N, D)), np.log(self._drawn(N, D))
        low, high = np.quantile(drawn, LIKELY, axis=0)
        floor = HALF_LIKELY * self.evidence.scatter
        return (
            np.exp(center - np.hypot(np.maximum(center - low, 0), floor)),
            np.exp(center + np.hypot(np.maximum(high - center, 0), floor)),
        )

    def predict(self, N: float, D: float) -> LossPrediction:
        """The loss at N parameters and D tokens, with its 80 % interval."""
        low, high = self.band(N, D)
        return LossPrediction(N, D, float(self.loss(N, D)), float(low), float(high))

    def allocate(self, compute: float, flops_per_token: float = FLOPS_PER_TOKEN) -> Allocation:
        """The size and the data that `compute` FLOPs are best spent on.

        Args:
            compute: FLOPs of the whole training.
            flops_per_token: for each parameter and token; 6 counts forward and backward pass (Kaplan et al. 2020).
        """
        return allocated(self, compute, flops_per_token)

    def isoflop(self, compute: float, flops_per_token: float = FLOPS_PER_TOKEN, points: int = 101) -> pd.DataFrame:
        """The loss of all ways to spend `compute` FLOPs, for a plot: columns N, D, loss, low, high."""
        return isoflop(self, compute, flops_per_token, points)

    def to_json(self) -> dict[str, Any]:
        """The law as plain JSON data; `from_json` reads it back."""
        return {
            "format": FORMAT,
            "version": VERSION,
            **self.coefficients,
            "draws": self.draws.tolist(),
            "evidence": asdict(self.evidence),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> LossLaw:
        """The law that `to_json` wrote.

        Raises:
            LawError: the data are no such law, or of a newer version.
        """
        read = json.loads(data) if isinstance(data, str) else data
        if not isinstance(read, Mapping) or read.get("format") != FORMAT:
            raise LawError(f"This is no stored law of the loss: it lacks 'format': {FORMAT!r}.")
        if read["version"] > VERSION:
            raise LawError(
                f"This law has version {read['version']}, and this package reads up to {VERSION}; update it."
            )
        evidence = dict(read["evidence"])
        evidence["groups"] = tuple(LossGroup(**group) for group in evidence["groups"])
        evidence["unidentified"] = tuple(evidence["unidentified"])
        coefficients = {name: float(read[name]) for name in ("E", "A", "B", "alpha", "beta")}
        return cls(**coefficients, draws=np.array(read["draws"], dtype=float), evidence=LossEvidence(**evidence))

    def _drawn(self, N: ArrayLike, D: ArrayLike) -> Floats:
        """The losses of all draws, (n, *shape)."""
        sizes, tokens = np.broadcast_arrays(np.asarray(N, dtype=float), np.asarray(D, dtype=float))
        E, A, B, alpha, beta = (column.reshape(-1, *(1,) * sizes.ndim) for column in self.draws.T)
        return np.asarray(E + A * sizes**-alpha + B * tokens**-beta)

    def __str__(self) -> str:
        intervals, evidence = self.intervals(), self.evidence
        lines = [
            f"L = {self.E:.4g} + {self.A:.4g} / N^{self.alpha:.3f} + {self.B:.4g} / D^{self.beta:.3f}",
            *(
                f"  {name:<5}  {value:.4g}  (80 %: {_range(intervals[name])})"
                for name, value in self.coefficients.items()
            ),
            f"  compute-optimal N grows as C^{self.exponent:.3f}  (80 %: {_range(intervals['exponent'])})",
            f"  from {len(evidence.groups)} groups, which lie {100 * evidence.scatter:.2g} % around it",
        ]
        if evidence.left_out is not None:
            lines.append(f"  groups left out of the fit are missed by {evidence.left_out:.2g} %")
        if evidence.largest_out is not None:
            lines.append(f"  the largest one, left out, came {evidence.largest_out:+.2g} % from what was predicted")
        return "\n".join([*lines, *(f"  {sentence}" for sentence in evidence.unidentified)])


def likely(values: Floats) -> tuple[float, float]:
    """The 80 % interval of draws."""
    low, high = np.quantile(values, LIKELY)
    return float(low), float(high)


def _range(interval: tuple[float, float]) -> str:
    return " to ".join(f"{bound:.4g}" if math.isfinite(bound) else str(bound) for bound in interval)
