"""muP: how a learning rate that was tuned on a narrow model is carried over to a wide one.

Yang et al. 2022, "Tensor Programs V" (arXiv 2203.03466), tables 3 and 8: two ways to write the same thing. With a width
multiplier m (width by width of the model that was tuned), what differs from the tuned model is:

                        input, embedding, bias, norm     hidden                  output
    initial variance    1                                1/m                     1/m^2 (table 3), 1 (table 8)
    Adam's rate         1                                1/m                     1/m   (table 3), 1 (table 8)
    SGD's rate          m                                1                       1/m   (table 3), m (table 8)
    forward             1                                1                       1     (table 3), 1/m (table 8)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast, get_args

from ..node import Node
from ..priors import StudentT
from .errors import LawError
from .formula import Quantity
from .prior import FREEDOM

Optimizer = Literal["adam", "sgd"]
"""Adam stands for all that divide by the size of the gradient."""

Tensor = Literal["input", "hidden", "output"]
"""`input`: only the output side grows with the width (embeddings, biases, norms too); `hidden`: both sides do;
`output`: only the input side does."""

Table = Literal[3, 8]

MUP_SPREAD = 0.35
"""One standard deviation of ln learning rate under muP. A judgement: it transfers over widths, not over regularisation,
and over batch size, depth and time only by experience."""

STANDARD_SPREAD = 0.5
"""The same under the standard parametrisation, where the best rate of hidden layers falls with 1/m. A judgement."""

EXPONENTS: dict[Table, dict[tuple[str, Tensor], float]] = {
    3: {
        ("variance", "input"): 0, ("variance", "hidden"): -1, ("variance", "output"): -2,
        ("adam", "input"): 0, ("adam", "hidden"): -1, ("adam", "output"): -1,
        ("sgd", "input"): 1, ("sgd", "hidden"): 0, ("sgd", "output"): -1,
        ("forward", "input"): 0, ("forward", "hidden"): 0, ("forward", "output"): 0,
    },
    8: {
        ("variance", "input"): 0, ("variance", "hidden"): -1, ("variance", "output"): 0,
        ("adam", "input"): 0, ("adam", "hidden"): -1, ("adam", "output"): 0,
        ("sgd", "input"): 1, ("sgd", "hidden"): 0, ("sgd", "output"): 1,
        ("forward", "input"): 0, ("forward", "hidden"): 0, ("forward", "output"): -1,
    },
}  # fmt: skip
"""Powers of the width multiplier."""


@dataclass(frozen=True)
class Multipliers:
    """What a tensor of the wide model gets, as multiples of what it has in the tuned one.

    Attributes:
        initial_std: standard deviation of its first values.
        learning_rate: of the optimiser for this tensor.
        forward: factor on what it computes.
        weight_decay: of a decay that is multiplied by the learning rate (torch's AdamW), so that their product stays;
            a decay that is applied by itself stays as it is.
    """

    initial_std: Quantity
    learning_rate: Quantity
    forward: Quantity
    weight_decay: Quantity


@dataclass(frozen=True)
class MuTransfer:
    """A learning rate found on a narrow model, as the belief about a wide one.

    Limits that are quoted: widths from about 256, depths from about 4, batches from about 32. Weight decay, dropout and
    other regularisation do not transfer. Attention logits are divided by the width of a head, not by its root.

    Args:
        learning_rate: the best one of the tuned model.
        optimizer: `"adam"` (AdamW, Lion, ...) or `"sgd"`.
        table: of the paper, whose way of writing the output layer is meant; 8 is that of the package `mup`.

    Raises:
        LawError: an argument is none of these, or the rate is not positive.
    """

    learning_rate: Quantity
    optimizer: Optimizer = "adam"
    table: Table = 8

    def __post_init__(self) -> None:
        _check("optimizer", self.optimizer, get_args(Optimizer))
        _check("table", self.table, get_args(Table))
        _check_positive("learning_rate", self.learning_rate)

    def multipliers(self, tensor: Tensor, width_multiplier: Quantity) -> Multipliers:
        """What a tensor of this kind gets in a model so many times as wide; expressions where the width is searched.

        Raises:
            LawError: there is no such kind, or the multiplier is not positive.
        """
        _check("tensor", tensor, get_args(Tensor))
        _check_positive("width_multiplier", width_multiplier)
        exponents = EXPONENTS[self.table]
        rate = exponents[self.optimizer, tensor]
        return Multipliers(
            initial_std=_power(width_multiplier, exponents["variance", tensor] / 2),
            learning_rate=_power(width_multiplier, rate),
            forward=_power(width_multiplier, exponents["forward", tensor]),
            weight_decay=_power(width_multiplier, -rate),
        )

    def prior(self, width_multiplier: Quantity = 1.0, *, mup: bool = True) -> StudentT:
        """The belief about the learning rate to be set in the wide model, for `pt.Float(..., log=True, prior=...)`.

        Under muP that is the base rate, which stays as it was tuned while `multipliers` scale it for each tensor. Under
        the standard parametrisation one rate holds for all, and the best one falls with 1/m for Adam; for SGD hidden
        layers keep theirs.

        Args:
            width_multiplier: width by width of the tuned model; a number or a node.
            mup: whether the wide model is trained with the multipliers of muP.

        Raises:
            LawError: the multiplier is not positive.
        """
        _check_positive("width_multiplier", width_multiplier)
        source = f"muP ({self.optimizer})"
        if mup:
            return StudentT(self.learning_rate, MUP_SPREAD, freedom=FREEDOM, source=source)
        falls = self.multipliers("hidden", width_multiplier).learning_rate
        center = cast(Quantity, self.learning_rate * falls)
        return StudentT(center, STANDARD_SPREAD, freedom=FREEDOM, source=source)


def attention_scale(head_width: Quantity, tuned_head_width: float | None = None) -> Quantity:
    """The factor on attention logits under muP: 1/d instead of 1/√d.

    Args:
        head_width: d, a number or a node.
        tuned_head_width: of the tuned model, which then has its usual 1/√d: the factor is √d0 / d.
    """
    return cast(Quantity, (1.0 if tuned_head_width is None else math.sqrt(tuned_head_width)) / head_width)


def _power(multiplier: Quantity, exponent: float) -> Quantity:
    return 1.0 if exponent == 0 else cast(Quantity, multiplier**exponent)


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise LawError(f"{name} is one of {', '.join(map(repr, allowed))}, not {value!r}.")


def _check_positive(name: str, value: Quantity) -> None:
    if not isinstance(value, Node) and not value > 0:
        raise LawError(f"{name} is positive, not {value!r}.")
