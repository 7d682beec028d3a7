"""The torch side of `spaces.nn`: what its nodes build. Imported when the first model is built."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import torch
from torch import nn

Layers = nn.Module | Sequence["Layers"] | None


def Seq(*layers: Layers, names: Sequence[str] | None = None) -> nn.Sequential:  # noqa: N802
    """The layers one after another, under their names, else their positions.

    None is left out, a list becomes a sequence of its own.
    """
    chain = nn.Sequential()
    for name, layer in zip(names or map(str, count()), layers, strict=False):
        module = _as_module(layer)
        if module is not None:
            chain.add_module(name, module)
    return chain


def _as_module(layer: Layers) -> nn.Module | None:
    if layer is None or isinstance(layer, nn.Module):
        return layer
    if isinstance(layer, Sequence):
        return Seq(*layer)
    raise TypeError(f"A layer must be a torch.nn.Module, a list of them or None, not {layer!r}.")


def Conv2d(  # noqa: N802
    channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, groups: int = 1, bias: bool = True
) -> nn.LazyConv2d:
    """A convolution padded so that at stride 1 an odd kernel keeps height and width."""
    padding = dilation * (kernel_size - 1) // 2
    return nn.LazyConv2d(channels, kernel_size, stride, padding, dilation, groups, bias)


def MaxPool2d(kernel_size: int, stride: int | None = None) -> nn.MaxPool2d:  # noqa: N802
    """The largest value of each window; at the border windows may be cut, so no input is too small."""
    return nn.MaxPool2d(kernel_size, stride, ceil_mode=True)


def AvgPool2d(kernel_size: int, stride: int | None = None) -> nn.AvgPool2d:  # noqa: N802
    """The mean of each window; at the border windows may be cut, so no input is too small."""
    return nn.AvgPool2d(kernel_size, stride, ceil_mode=True)


class GlobalAvgPool2d(nn.Module):
    """The mean over height and width: (N, C, H, W) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of each channel."""
        return x.mean(dim=(-2, -1))
