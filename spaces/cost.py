"""How large a model is, before a single weight is allocated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Size of a model for one input (batch size 1, evaluation mode).

    Attributes:
        params: number of parameters, trainable or not.
        flops: floating-point operations of one forward pass, a multiply-add counted as two
            (`torch.utils.flop_counter`: matrix products, convolutions and attention; the rest counts as free).
        activation_bytes: bytes of the outputs of all leaf modules together.
    """

    params: int
    flops: int
    activation_bytes: int
