"""Layers of no kind of their own."""

from __future__ import annotations

from ..build import Build
from .recipe import MODULES, TORCH, given


def Linear(features: object, *, bias: object = True, name: str | None = None) -> Build:  # noqa: N802
    """A fully connected layer to `features` features, on the last dimension."""
    return Build(f"{TORCH}:LazyLinear", out_features=features, name=name, **given(bias=(bias, True)))


def Flatten(*, name: str | None = None) -> Build:  # noqa: N802
    """All dimensions but the batch in one."""
    return Build(f"{TORCH}:Flatten", name=name)


def Transpose(*, name: str | None = None) -> Build:  # noqa: N802
    """The last two dimensions swapped: sequences (N, T, F) to the layout (N, C, L) of `Conv1d`, and back."""
    return Build(f"{MODULES}:Transpose", name=name)


def Dropout(p: object = 0.5, *, name: str | None = None) -> Build:  # noqa: N802
    """Zeroes each value with probability `p` while training."""
    return Build(f"{TORCH}:Dropout", p=p, name=name)


def Dropout1d(p: object = 0.5, *, name: str | None = None) -> Build:  # noqa: N802
    """Zeroes each channel of (N, C, L) with probability `p` while training."""
    return Build(f"{TORCH}:Dropout1d", p=p, name=name)


def Dropout2d(p: object = 0.5, *, name: str | None = None) -> Build:  # noqa: N802
    """Zeroes each channel of (N, C, H, W) with probability `p` while training."""
    return Build(f"{TORCH}:Dropout2d", p=p, name=name)
