"""Convolutions, padded so that at stride 1 odd kernels keep the size."""

from __future__ import annotations

from ..build import Build
from .recipe import MODULES, given, refuse_indivisible


def Conv1d(  # noqa: N802
    channels: object,
    kernel_size: object = 3,
    *,
    stride: object = 1,
    dilation: object = 1,
    groups: object = 1,
    bias: object = True,
    name: str | None = None,
) -> Build:
    """A convolution of (N, C, L) to `channels` channels.

    Raises:
        SpaceError: `groups` do not divide `channels`; where either is searched, that is an error of the build.
    """
    return _convolution("Conv1d", channels, kernel_size, stride, dilation, groups, bias, name)


def Conv2d(  # noqa: N802
    channels: object,
    kernel_size: object = 3,
    *,
    stride: object = 1,
    dilation: object = 1,
    groups: object = 1,
    bias: object = True,
    name: str | None = None,
) -> Build:
    """A convolution of (N, C, H, W) to `channels` channels.

    Raises:
        SpaceError: `groups` do not divide `channels`; where either is searched, that is an error of the build.
    """
    return _convolution("Conv2d", channels, kernel_size, stride, dilation, groups, bias, name)


def DepthwiseConv2d(  # noqa: N802
    kernel_size: object = 3,
    *,
    stride: object = 1,
    dilation: object = 1,
    multiplier: object = 1,
    bias: object = True,
    name: str | None = None,
) -> Build:
    """A convolution of each channel on its own, to `multiplier` channels each."""
    options = given(stride=(stride, 1), dilation=(dilation, 1), multiplier=(multiplier, 1), bias=(bias, True))
    return Build(f"{MODULES}:LazyDepthwiseConv2d", kernel_size=kernel_size, name=name, **options)


def SeparableConv2d(  # noqa: N802
    channels: object,
    kernel_size: object = 3,
    *,
    stride: object = 1,
    dilation: object = 1,
    bias: object = True,
    name: str | None = None,
) -> Build:
    """A depthwise convolution, then a 1x1 one to `channels` channels, which has the only bias."""
    options = given(stride=(stride, 1), dilation=(dilation, 1), bias=(bias, True))
    return Build(f"{MODULES}:SeparableConv2d", channels=channels, kernel_size=kernel_size, name=name, **options)


def _convolution(
    kind: str,
    channels: object,
    kernel_size: object,
    stride: object,
    dilation: object,
    groups: object,
    bias: object,
    name: str | None,
) -> Build:
    options = given(stride=(stride, 1), dilation=(dilation, 1), groups=(groups, 1), bias=(bias, True))
    recipe = Build(f"{MODULES}:{kind}", channels=channels, kernel_size=kernel_size, name=name, **options)
    refuse_indivisible(recipe, channels, groups)
    return recipe
