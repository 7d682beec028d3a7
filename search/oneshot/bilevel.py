"""Gradients of the validation loss with respect to alphas, of first and of second order.

Source: DARTS (Liu et al., 2019, arXiv 1806.09055, section 2.3), as its code has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

Loss = Callable[[], Tensor]

RADIUS = 0.01
"""Of the finite difference, over the norm of its direction."""


def first_order(validation: Loss, alphas: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradient at the weights as they are; none is computed with respect to the weights.

    Args:
        validation: the loss on validation images, at the present alphas and weights.
        alphas: with respect to which it is wanted.
        weights: of the supernet.
    """
    with frozen(weights):
        return torch.autograd.grad(validation(), alphas)


def second_order(
    validation: Loss,
    training: Loss,
    alphas: Sequence[Tensor],
    weights: Sequence[Tensor],
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    buffers: Sequence[Tensor | None] | None = None,
) -> tuple[Tensor, ...]:
    """The gradient of the validation loss after one step of the weights, which depends on alphas as well.

    With w' = w - lr (momentum buffer + g + decay w) for the gradient g of the training loss, and v the gradient of the
    validation loss at w' with respect to the weights, it is the gradient at w' less lr times the second derivative of
    the training loss by alphas and weights, times v. That product is the difference of two gradients at w + R v and
    w - R v over 2R, R = 0.01 / |v|. The weights are afterwards as they were.

    Args:
        validation: the loss on validation images at the present alphas and weights.
        training: the same on the batch that the weights learn from next.
        alphas: with respect to which it is wanted.
        weights: of the supernet.
        lr, momentum, weight_decay: of the weights' SGD.
        buffers: its momentum buffers, None where there are none yet.
    """
    before = [one.detach().clone() for one in weights]
    held = buffers or [None] * len(before)
    gradients = torch.autograd.grad(training(), weights)
    with torch.no_grad():
        for one, gradient, buffer in zip(weights, gradients, held, strict=True):
            step = gradient + weight_decay * one
            one.sub_(step if buffer is None else step + momentum * buffer, alpha=lr)
    ahead = torch.autograd.grad(validation(), [*alphas, *weights])
    direct, direction = ahead[: len(alphas)], ahead[len(alphas) :]
    norm = torch.stack([one.norm() for one in direction]).norm()
    radius = RADIUS / float(norm.clamp_min(torch.finfo(norm.dtype).tiny))

    def beside(sign: float) -> tuple[Tensor, ...]:
        _put(weights, [one + sign * radius * towards for one, towards in zip(before, direction, strict=True)])
        return first_order(training, alphas, weights)

    above, below = beside(1.0), beside(-1.0)
    _put(weights, before)
    return tuple(at - lr * (high - low) / (2 * radius) for at, high, low in zip(direct, above, below, strict=True))


@contextmanager
def frozen(weights: Sequence[Tensor]) -> Iterator[None]:
    """No gradient of these is computed inside; those that had one have it again afterwards."""
    trained = [one for one in weights if one.requires_grad]
    for one in trained:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in trained:
            one.requires_grad_()


@torch.no_grad()
def _put(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for one, value in zip(weights, values, strict=True):
        one.copy_(value)
