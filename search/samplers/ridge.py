"""Linear regression with a penalty on large coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted linear model: `predict(x) = intercept + x @ slope`."""

    intercept: float
    slope: FloatArray

    @classmethod
    def fit(cls, x: FloatArray, y: FloatArray, weights: FloatArray, penalty: float) -> Ridge:
        """The model with the least weighted sum of squares plus `penalty` times that of its slope.

        Args:
            x: rows x columns.
            y: what to predict (rows,).
            weights: how often each row counts (rows,); not all zero.
            penalty: greater than zero; the intercept is not penalised.
        """
        share = weights / weights.sum()
        center, middle = share @ x, float(share @ y)
        root = np.sqrt(weights)
        scaled = (x - center) * root[:, None]
        gram = scaled.T @ scaled + penalty * np.eye(x.shape[1])
        slope = np.linalg.solve(gram, scaled.T @ ((y - middle) * root))
        return cls(middle - float(center @ slope), slope)

    def predict(self, x: FloatArray) -> FloatArray:
        """The predictions (rows,) for `x` (rows x columns)."""
        return self.intercept + x @ self.slope
