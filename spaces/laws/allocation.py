"""How a budget of compute is best spent: on a larger model, or on more data.

From `L = E + A / N^alpha + B / D^beta` under `C = k N D` follows (Hoffmann et al. 2022, equation 4)
`N = G (C / k)^(beta / (alpha + beta))`, `D = (C / k) / N`, with `G = (alpha A / (beta B))^(1 / (alpha + beta))`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .amounts import human
from .errors import LawError

if TYPE_CHECKING:
    import pandas as pd

    from .loss import LossLaw, LossPrediction

FLOPS_PER_TOKEN = 6.0
"""For each parameter: 2 in the forward and 4 in the backward pass (Kaplan et al. 2020, section 2.1)."""

AROUND = 30.0
"""By which factor an isoFLOP curve goes below and above the best size."""


@dataclass(frozen=True)
class Allocation:
    """The best use of `compute` FLOPs, with 80 % intervals.

    Attributes:
        N, D: parameters and tokens. The intervals go opposite ways: a larger model sees less data.
        prediction: the loss there, with its own interval.
        exponent: N grows with compute as C^exponent.
    """

    compute: float
    N: float
    N_interval: tuple[float, float]
    D: float
    D_interval: tuple[float, float]
    prediction: LossPrediction
    exponent: float

    @property
    def loss(self) -> float:
        """The loss of the best use."""
        return self.prediction.loss

    def __str__(self) -> str:
        sizes, tokens = map(human, self.N_interval), map(human, self.D_interval)
        return (
            f"{self.compute:.3g} FLOPs: N = {human(self.N)} ({' to '.join(sizes)}), D = {human(self.D)} "
            f"({' to '.join(tokens)}), {self.D / self.N:.3g} tokens per parameter, loss {self.loss:.4g} "
            f"({self.prediction.low:.4g} to {self.prediction.high:.4g}); in brackets 80 %"
        )


def allocated(law: LossLaw, compute: float, flops_per_token: float) -> Allocation:
    """The best N and D for `compute` FLOPs, where each parameter and token costs `flops_per_token`.

    Raises:
        LawError: compute is no positive number.
    """
    from .loss import likely

    product = _product(compute, flops_per_token)
    best = float(_best_size(np.array([list(law.coefficients.values())]), product)[0])
    low, high = likely(_best_size(law.draws, product))
    return Allocation(
        compute=compute,
        N=math.exp(best),
        N_interval=(math.exp(low), math.exp(high)),
        D=math.exp(product - best),
        D_interval=(math.exp(product - high), math.exp(product - low)),
        prediction=law.predict(math.exp(best), math.exp(product - best)),
        exponent=law.exponent,
    )


def isoflop(law: LossLaw, compute: float, flops_per_token: float, points: int) -> pd.DataFrame:
    """Ways to spend `compute` FLOPs, from small to large models: columns N, D, loss, low, high.

    Raises:
        LawError: compute is no positive number.
    """
    import pandas as pd

    best = allocated(law, compute, flops_per_token)
    N = np.geomspace(best.N / AROUND, best.N * AROUND, points)
    D = math.exp(_product(compute, flops_per_token)) / N
    low, high = law.band(N, D)
    return pd.DataFrame({"N": N, "D": D, "loss": law.loss(N, D), "low": low, "high": high})


def _product(compute: float, flops_per_token: float) -> float:
    """ln(N D), as far as the compute goes."""
    if not (compute > 0 and flops_per_token > 0 and math.isfinite(compute / flops_per_token)):
        raise LawError(
            f"Compute of {compute!r} FLOPs at {flops_per_token!r} for each parameter and token cannot be spent; "
            "give two positive numbers, such as 1e21 and 6."
        )
    return math.log(compute / flops_per_token)


def _best_size(coefficients: NDArray[np.float64], product: float) -> NDArray[np.float64]:
    """ln N of the smallest loss, for rows of E, A, B, alpha, beta (n, 5); `product` is ln(N D)."""
    _, A, B, alpha, beta = coefficients.T
    return np.asarray((np.log(alpha * A) - np.log(beta * B) + beta * product) / (alpha + beta))
