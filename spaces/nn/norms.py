"""Normalisations; their sizes are inferred."""

from __future__ import annotations

from ..build import Build
from .recipe import MODULES, TORCH, given


def BatchNorm1d(*, name: str | None = None) -> Build:  # noqa: N802
    """Batch normalisation of each feature of (N, F), or each channel of (N, C, L)."""
    return Build(f"{TORCH}:LazyBatchNorm1d", name=name)


def BatchNorm2d(*, name: str | None = None) -> Build:  # noqa: N802
    """Batch normalisation of each channel."""
    return Build(f"{TORCH}:LazyBatchNorm2d", name=name)


def LayerNorm(eps: object = 1e-5, *, name: str | None = None) -> Build:  # noqa: N802
    """Layer normalisation over the last dimension."""
    return Build(f"{MODULES}:LazyLayerNorm", name=name, **given(eps=(eps, 1e-5)))


def RMSNorm(eps: object = None, *, name: str | None = None) -> Build:  # noqa: N802
    """Root-mean-square normalisation over the last dimension; without `eps`, that of the number type."""
    return Build(f"{MODULES}:LazyRMSNorm", name=name, **given(eps=(eps, None)))


def GroupNorm(groups: object, eps: object = 1e-5, *, name: str | None = None) -> Build:  # noqa: N802
    """Normalisation over each of `groups` groups of the channels in dimension 1, which they must divide."""
    return Build(f"{MODULES}:LazyGroupNorm", groups=groups, name=name, **given(eps=(eps, 1e-5)))
