"""Activation functions, of each number on its own."""

from __future__ import annotations

from ..build import Build
from .recipe import TORCH, given


def ReLU(*, name: str | None = None) -> Build:  # noqa: N802
    """max(x, 0)."""
    return Build(f"{TORCH}:ReLU", name=name)


def LeakyReLU(negative_slope: object = 0.01, *, name: str | None = None) -> Build:  # noqa: N802
    """x, below 0 times `negative_slope`."""
    return Build(f"{TORCH}:LeakyReLU", name=name, **given(negative_slope=(negative_slope, 0.01)))


def ELU(alpha: object = 1.0, *, name: str | None = None) -> Build:  # noqa: N802
    """x, below 0 `alpha` (exp(x) - 1)."""
    return Build(f"{TORCH}:ELU", name=name, **given(alpha=(alpha, 1.0)))


def GELU(*, name: str | None = None) -> Build:  # noqa: N802
    """x Φ(x)."""
    return Build(f"{TORCH}:GELU", name=name)


def SiLU(*, name: str | None = None) -> Build:  # noqa: N802
    """x σ(x)."""
    return Build(f"{TORCH}:SiLU", name=name)


def Hardswish(*, name: str | None = None) -> Build:  # noqa: N802
    """x min(max(x + 3, 0), 6) / 6."""
    return Build(f"{TORCH}:Hardswish", name=name)


def Sigmoid(*, name: str | None = None) -> Build:  # noqa: N802
    """1 / (1 + exp(-x))."""
    return Build(f"{TORCH}:Sigmoid", name=name)


def Tanh(*, name: str | None = None) -> Build:  # noqa: N802
    """The hyperbolic tangent."""
    return Build(f"{TORCH}:Tanh", name=name)


def Identity(*, name: str | None = None) -> Build:  # noqa: N802
    """x as it is: the option of doing nothing."""
    return Build(f"{TORCH}:Identity", name=name)
