"""Residual blocks, with a rule for a body that changes the shape."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .first_input import MadeOnFirstInput
from .layers import Layers, as_module
from .shapes import feature_dim, told


def Residual(body: Layers, mismatch: str = "project", dim: int | None = None) -> nn.Module:  # noqa: N802
    """The input added to what `body` makes of it; a body without any layer passes its input on.

    Args:
        body: a layer or a list of layers.
        mismatch: what to do where the two have different shapes, see `Shortcut`.
        dim: the dimension of channels or features; by default 1 for images and the last for all else.
    """
    module = as_module(body)
    if module is None or all(isinstance(part, nn.Sequential) for part in module.modules()):
        return nn.Identity()
    return ResidualBlock(module, Shortcut(mismatch, dim))


class ResidualBlock(nn.Module):
    """What `body` makes of its input, and the input, added by `shortcut`."""

    def __init__(self, body: nn.Module, shortcut: Shortcut) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum."""
        added: torch.Tensor = self.shortcut(x, self.body(x))
        return added


class Shortcut(MadeOnFirstInput):
    """Adds the input of a residual block to its output, after bringing it to the same shape.

    The names are those of He et al. (2016, arXiv 1512.03385, section 3.3). Height and width (or the length, with
    `dim=1`) are met by striding where a stride leads exactly there, else by averaging. Then `"project"` (their B) maps
    channels or features by a 1x1 convolution or a linear layer without bias, wherever the shapes differ; `"pad"`
    (their A) appends zeros to the one that has fewer; `"error"` refuses any difference.

    Raises:
        ValueError: the shapes differ in a way that the rule has no answer to; the message tells both.
    """

    projection: nn.Module | None

    def __init__(self, mismatch: str, dim: int | None) -> None:
        super().__init__()
        self.mismatch, self.dim = mismatch, dim
        self.projection = None

    def make(self, x: torch.Tensor, y: torch.Tensor) -> None:  # type: ignore[override]
        """A projection, if there must be one."""
        if x.shape[1:] != y.shape[1:]:
            dim = self._bridged(x, y)
            if self.mismatch == "project":
                self.projection = _pointwise(x, y, dim)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """`x` in the shape of `y`, plus `y`."""
        if x.shape == y.shape and self.projection is None:
            return x + y
        dim = self._bridged(x, y)
        if dim == 1:
            x = resized(x, y.shape[2:])
        if self.projection is not None:
            projected: torch.Tensor = self.projection(x)
            return projected + y
        return padded(x, y.shape[dim], dim) + padded(y, x.shape[dim], dim)

    def _bridged(self, x: torch.Tensor, y: torch.Tensor) -> int:
        """The dimension of channels or features of two shapes that the rule can bring together."""
        both = f"A Residual cannot add its input of shape {told(x)} to its body's output of shape {told(y)}"
        if self.mismatch not in ("project", "pad"):
            raise ValueError(f"{both}; let the body keep the shape, or write mismatch='project' or 'pad'.")
        if x.dim() != y.dim():
            raise ValueError(f"{both}; let the body keep the number of dimensions.")
        dim = feature_dim(x.dim(), self.dim)
        if dim not in (1, x.dim() - 1) or (dim > 1 and x.shape[1:-1] != y.shape[1:-1]):
            raise ValueError(f"{both}; let the body keep all but the last dimension, or write dim=1.")
        return dim


def resized(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """`x` of shape (N, C, ...) with height and width (or length) `size`."""
    if x.shape[2:] == torch.Size(size):
        return x
    strides = [_stride(wide, narrow) for wide, narrow in zip(x.shape[2:], size, strict=True)]
    if all(strides):
        return x[(..., *(slice(None, None, stride) for stride in strides))]
    pool = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[len(size)]
    pooled: torch.Tensor = pool(tuple(size))(x)
    return pooled


def padded(x: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """`x` with zeros appended until dimension `dim` has `size`; as it is where it is no smaller."""
    if x.shape[dim] >= size:
        return x
    zeros = x.new_zeros([*x.shape[:dim], size - x.shape[dim], *x.shape[dim + 1 :]])
    return torch.cat([x, zeros], dim=dim)


def _stride(wide: int, narrow: int) -> int | None:
    """The stride that leads from `wide` to exactly `narrow`, if there is one."""
    stride = -(-wide // narrow)
    return stride if -(-wide // stride) == narrow else None


def _pointwise(x: torch.Tensor, y: torch.Tensor, dim: int) -> nn.Module:
    """A map of dimension `dim` alone, from the size in `x` to that in `y`."""
    if dim == x.dim() - 1:
        return nn.Linear(x.shape[dim], y.shape[dim], bias=False)
    convolution = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}[x.dim()]
    return convolution(x.shape[dim], y.shape[dim], kernel_size=1, bias=False)
