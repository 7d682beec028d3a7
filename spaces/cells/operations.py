"""The operations on the edges of a cell, and what stands around them, as torch modules.

All take (N, C_in, H, W) and put out (N, C_out, H / stride, W / stride).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .primitives import Primitive


def operation(primitive: Primitive, channels: int, stride: int, affine: bool = True) -> nn.Module:
    """The module of a primitive, from `channels` to as many.

    Args:
        primitive: which one.
        channels: in and out.
        stride: 1, or 2 to halve height and width.
        affine: batch normalisation learns a scale and a shift. In a supernet it does not, since these would undo the
            architecture weights.
    """
    size = primitive.kernel_size
    match primitive.kind:
        case "none":
            return Zero(stride)
        case "skip":
            return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels, affine)
        case "max_pool":
            return nn.MaxPool2d(size, stride, padding=size // 2)
        case "avg_pool":
            return nn.AvgPool2d(size, stride, padding=size // 2, count_include_pad=primitive.counts_padding)
        case "separable":
            return SharpSepConv.of(primitive, channels, stride, affine)
        case "convolution":
            return relu_conv_norm(channels, channels, size, stride, affine)
        case "factorized":
            row = nn.Conv2d(channels, channels, (1, size), (1, stride), padding=(0, size // 2), bias=False)
            column = nn.Conv2d(channels, channels, (size, 1), (stride, 1), padding=(size // 2, 0), bias=False)
            return nn.Sequential(nn.ReLU(), row, column, nn.BatchNorm2d(channels, affine=affine))


class Zero(nn.Module):
    """Lets nothing through."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the shape that the other operations put out."""
        return torch.zeros_like(x[..., :: self.stride, :: self.stride])


class SharpSepConv(nn.Sequential):
    """Separable convolutions: ReLU, depthwise, pointwise and batch normalisation, `depth` times.

    The first one has the stride and the dilation, and leads to `between` channels. With a depth of 2, no dilation and
    as many channels everywhere it is DARTS' SepConv, with a depth of 1 its DilConv. Source: arXiv 1903.09900.

    Args:
        inputs, channels: that go in and out.
        kernel_size: of all depthwise convolutions.
        stride, dilation: of the first one.
        depth: 1 or 2.
        between: channels after the first pointwise convolution; `channels`, where nothing is said.
        affine: as in `operation`.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        *,
        depth: int = 2,
        between: int | None = None,
        affine: bool = True,
    ) -> None:
        widths = [inputs, *[channels if between is None else between] * (depth - 1), channels]
        layers: list[nn.Module] = []
        for into, out in pairwise(widths):
            layers += _separable_layer(into, out, kernel_size, stride, dilation, affine)
            stride = dilation = 1
        super().__init__(*layers)

    @classmethod
    def of(cls, primitive: Primitive, channels: int, stride: int, affine: bool = True) -> SharpSepConv:
        """The module of a separable primitive."""
        return cls(
            channels,
            channels,
            primitive.kernel_size,
            stride,
            primitive.dilation,
            depth=primitive.depth,
            between=primitive.between(channels),
            affine=affine,
        )


def _separable_layer(
    inputs: int, channels: int, kernel_size: int, stride: int, dilation: int, affine: bool
) -> list[nn.Module]:
    reach = dilation * (kernel_size - 1) // 2
    depthwise = nn.Conv2d(inputs, inputs, kernel_size, stride, reach, dilation, groups=inputs, bias=False)
    pointwise = nn.Conv2d(inputs, channels, 1, bias=False)
    return [nn.ReLU(), depthwise, pointwise, nn.BatchNorm2d(channels, affine=affine)]


class FactorizedReduction(nn.Module):
    """Half the height and width: two 1x1 convolutions of stride 2, one of them on what lies a pixel further on.

    Sizes may be odd: what lies beyond the image is 0.
    """

    def __init__(self, inputs: int, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.here = nn.Conv2d(inputs, channels // 2, 1, 2, bias=False)
        self.further = nn.Conv2d(inputs, channels - channels // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, channels, ceil(H / 2), ceil(W / 2))."""
        x = nn.functional.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[..., 1:, 1:]
        reduced: Tensor = self.norm(torch.cat([self.here(x), self.further(shifted)], dim=1))
        return reduced


class ResizablePool(nn.Sequential):
    """A pool, and where the number of channels changes, a 1x1 convolution with batch normalisation behind it."""

    def __init__(self, inputs: int, channels: int, stride: int = 1, affine: bool = True) -> None:
        layers: list[nn.Module] = [nn.MaxPool2d(3, stride, padding=1)]
        if inputs != channels:
            layers += [nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels, eps=1e-3, affine=affine)]
        super().__init__(*layers)


def relu_conv_norm(inputs: int, channels: int, kernel_size: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU, a convolution and batch normalisation."""
    convolution = nn.Conv2d(inputs, channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels, affine=affine))


def drop_path(x: Tensor, probability: float) -> Tensor:
    """Zero whole images of a batch with that probability, and scale up the others so that the mean stays.

    Source: Larsson et al., 2017, arXiv 1605.07648.
    """
    kept = torch.empty(x.shape[0], 1, 1, 1, device=x.device, dtype=x.dtype).bernoulli_(1 - probability)
    return x * kept / (1 - probability)
