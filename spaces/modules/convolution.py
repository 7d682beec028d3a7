"""Convolutions that keep height and width unless told otherwise."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn


def same_padding(kernel_size: int, dilation: int) -> int:
    """Zeros on each side with which an odd kernel of stride 1 keeps the size."""
    return dilation * (kernel_size - 1) // 2


def Conv1d(  # noqa: N802
    channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, groups: int = 1, bias: bool = True
) -> nn.LazyConv1d:
    """A convolution over (N, C, L), padded so that at stride 1 an odd kernel keeps the length."""
    padding = same_padding(kernel_size, dilation)
    return nn.LazyConv1d(channels, kernel_size, stride, padding, dilation, groups, bias)


def Conv2d(  # noqa: N802
    channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, groups: int = 1, bias: bool = True
) -> nn.LazyConv2d:
    """A convolution padded so that at stride 1 an odd kernel keeps height and width."""
    padding = same_padding(kernel_size, dilation)
    return nn.LazyConv2d(channels, kernel_size, stride, padding, dilation, groups, bias)


class LazyDepthwiseConv2d(nn.LazyConv2d):
    """A convolution of each channel on its own, to `multiplier` channels each; becomes a `torch.nn.Conv2d`."""

    def __init__(
        self, kernel_size: int, stride: int = 1, dilation: int = 1, multiplier: int = 1, bias: bool = True
    ) -> None:
        padding = same_padding(kernel_size, dilation)
        super().__init__(multiplier, kernel_size, stride, padding, dilation, bias=bias)

    def initialize_parameters(self, input: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        """One group for each channel of the input."""
        self.groups = self._get_in_channels(input)
        self.out_channels *= self.groups
        super().initialize_parameters(input, *args, **kwargs)


def SeparableConv2d(  # noqa: N802
    channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, bias: bool = True
) -> nn.Sequential:
    """A depthwise convolution and then a 1x1 one (Chollet, 2017, arXiv 1610.02357); the bias is in the second."""
    depthwise = LazyDepthwiseConv2d(kernel_size, stride, dilation, bias=False)
    pointwise = nn.LazyConv2d(channels, 1, bias=bias)
    return nn.Sequential(OrderedDict[str, nn.Module](depthwise=depthwise, pointwise=pointwise))
