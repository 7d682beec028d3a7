"""Depthwise convolutions whose gradients are quick on CPUs as well."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

_gradients = torch.ops.aten.convolution_backward.default

WIDEST = 3
"""Columns of a kernel up to which oneDNN has a quick gradient of depthwise weights."""


def depthwise(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """A convolution of each channel with a kernel of its own, padded so that a stride of 1 keeps the size.

    The same as `conv2d` in values, and in gradients of any order. What oneDNN has no quick gradient for is written as
    what it has one for: with a dilation, images are taken apart into those of every second pixel; with wide kernels,
    the gradient of the weights is found three columns at a time; a gradient of the input is a convolution as well.

    Args:
        x: (N, C, H, W).
        weight: (C, 1, size, size), with an odd size.
        stride: of the convolution.
        dilation: of the kernel.
    """
    if stride > 1 and dilation % stride == 0:  # the kernel meets no other pixels
        x, stride, dilation = x[..., ::stride, ::stride], 1, dilation // stride
    if x.device.type != "cpu":
        return _forward(x, weight, stride, dilation)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x, weight = x.to(dtype), weight.to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    convolved: Tensor = _Depthwise.apply(x, weight, stride, dilation)  # type: ignore[no-untyped-call]
    return convolved


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        return _forward(x, weight, stride, dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_x = _input_gradient(gradient, x, weight, ctx.stride, ctx.dilation) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return of_x, None, None, None
        return of_x, _weight_gradient(gradient, x, weight, ctx.stride, ctx.dilation), None, None


def _forward(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    reach = dilation * (weight.shape[-1] // 2)
    return conv2d(x, weight, None, stride, reach, dilation, x.shape[1])


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    if stride == 1:
        return _forward(gradient, weight.flip(2, 3), 1, dilation)
    reach = dilation * (weight.shape[-1] // 2)
    return _native(gradient, x, weight, stride, (reach, reach), dilation, of_weight=False)


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    if dilation > 1 and stride == 1:
        x, gradient, dilation = _phases(x, dilation), _phases(gradient, dilation), 1
    size = weight.shape[-1]
    reach = size // 2
    if size <= WIDEST or dilation > 1:
        padding = (dilation * reach, dilation * reach)
        return _native(gradient, x, weight, stride, padding, dilation, of_weight=True)
    wide = pad(x, (reach, reach, 0, 0))
    width = wide.shape[-1] - (size - WIDEST)
    columns = []
    for first in range(0, size, WIDEST):
        start = min(first, size - WIDEST)
        window = wide[..., start : start + width]
        part = _native(gradient, window, weight[..., :WIDEST], stride, (reach, 0), 1, of_weight=True)
        columns.append(part[..., first - start :])
    return torch.cat(columns, dim=-1)


def _native(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], dilation: int, of_weight: bool
) -> Tensor:
    """PyTorch's own gradient, of the weight or of the input."""
    wanted = [not of_weight, of_weight, False]
    strides, dilations = [stride, stride], [dilation, dilation]
    found = _gradients(gradient, x, weight, None, strides, list(padding), dilations, False, [0, 0], x.shape[1], wanted)
    one: Tensor = found[1 if of_weight else 0]
    return one


def _phases(x: Tensor, dilation: int) -> Tensor:
    """(N, C, H, W) to (d² N, C, H / d, W / d): pixels that a kernel with that dilation sees together, as images."""
    if x.shape[2] % dilation or x.shape[3] % dilation:
        x = pad(x, (0, -x.shape[3] % dilation, 0, -x.shape[2] % dilation))
    images, channels, height, width = x.shape
    size = height // dilation, width // dilation
    apart = x.permute(0, 2, 3, 1).reshape(images, size[0], dilation, size[1], dilation, channels)
    return apart.permute(2, 4, 0, 1, 3, 5).reshape(-1, *size, channels).permute(0, 3, 1, 2)
