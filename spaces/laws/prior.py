"""What a law says as a belief about decisions of a space: learning rate, batch size, and both together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..node import Node
from ..priors import StudentT
from .amounts import human
from .conditional import given_batch
from .errors import LawError, warn
from .formula import Quantity

if TYPE_CHECKING:
    from .law import ScalingLaw
    from .uncertainty import Transfer

FREEDOM = 3.0
"""Degrees of freedom of the beliefs: tails so heavy that trials far from the centre are still proposed if it is wrong.
Chosen on eight groups of the Step Law's trainings."""

FAR_BATCH = 30.0
"""Times the best batch size (or its fraction), where a batch size is most likely in the wrong unit."""


@dataclass(frozen=True)
class ScalingPrior:
    """The belief of a law about the trainings of one size; its parts stand as `prior=` in a space.

        prior = pt.laws.StepLaw().prior(N=215e6, D=4e9, seq_len=2048)
        batch = pt.Choice(64, 128, 256, ordered=True, prior=prior.batch_size)
        space = pt.Space(batch=batch, lr=pt.Float(1e-5, 1e-1, log=True, prior=prior.learning_rate_given(batch)))

    Args:
        law: whose belief it is.
        N, D: parameters and training tokens; numbers, or nodes of the space that decide them.
        seq_len: tokens of one sequence. Where it is given batch sizes are in sequences, else in tokens.
        transfer: how far the law is carried; None for what `ScalingLaw.transfer_to` says of N and D.
    """

    law: ScalingLaw
    N: Quantity
    D: Quantity
    seq_len: int | None = None
    transfer: Transfer | None = None

    @property
    def learning_rate(self) -> StudentT:
        """Of the peak learning rate.

        Raises:
            LawError: the law has no formula for it.
        """
        center = self.law.best_learning_rate(self.N, self.D)
        return self._belief(center, self.law.log_spread(self.N, self.D, self.transfer)[0])

    @property
    def batch_size(self) -> StudentT:
        """Of the batch size: sequences where `seq_len` is given, else tokens.

        Raises:
            LawError: the law has no formula for it.
        """
        return self._belief(self._best_batch(), self.law.log_spread(self.N, self.D, self.transfer)[1])

    def learning_rate_given(self, batch_size: Quantity) -> StudentT:
        """Of the learning rate where the batch size is given: lower for a smaller batch, little higher for a larger.

        Args:
            batch_size: in the unit of `batch_size` above: a number that hardware fixes, or the node that decides it.

        Raises:
            LawError: the law lacks one of the formulas, or the batch size is not positive.
        """
        departure = cast(Quantity, batch_size / cast(Any, self._best_batch()))
        self._check_departure(batch_size, departure)
        center = given_batch(self.law.best_learning_rate(self.N, self.D), departure)
        return self._belief(center, self.law.log_spread(self.N, self.D, self.transfer)[0])

    @property
    def correlation(self) -> float:
        """Of the errors of ln learning rate and ln batch size."""
        return self.law.error_correlation

    def joint(self) -> Any:
        """The distribution of (ln learning rate, ln batch size): a frozen `scipy.stats.multivariate_t`.

        Raises:
            LawError: N or D is a node, or the law lacks one of the formulas.
        """
        from scipy.stats import multivariate_t

        rate, batch = self.law.log_optimum(self.N, self.D)
        spread_rate, spread_batch = self.law.log_spread(self.N, self.D, self.transfer)
        shared = self.correlation * spread_rate * spread_batch
        shape = [[spread_rate**2, shared], [shared, spread_batch**2]]
        return multivariate_t([rate, batch - math.log(self.seq_len or 1)], shape, df=FREEDOM)

    def _best_batch(self) -> Quantity:
        tokens = self.law.best_batch_size(self.N, self.D)
        return tokens if self.seq_len is None else tokens / self.seq_len

    def _belief(self, center: Quantity, spread: float) -> StudentT:
        return StudentT(center, spread, freedom=FREEDOM, source=self.law.name)

    def _check_departure(self, batch_size: Quantity, departure: Quantity) -> None:
        if isinstance(departure, Node) or isinstance(batch_size, Node):
            return
        if not batch_size > 0:
            raise LawError(f"A batch size is positive, not {batch_size!r}.")
        if not 1 / FAR_BATCH < departure < FAR_BATCH:
            unit = "tokens (with seq_len=… it counts sequences)" if self.seq_len is None else "sequences"
            warn(
                f"A batch size of {human(batch_size)} is {human(departure)} times what {self.law.name} finds best; "
                f"it counts {unit}, so check its unit."
            )
