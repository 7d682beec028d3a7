"""Pooling that no input is too small for: windows are cut at the border, and are no larger than the input."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class MaxPool1d(nn.MaxPool1d):
    """The largest value of each window of (N, C, L)."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__(kernel_size, stride, ceil_mode=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, L) to (N, C, L / stride)."""
        window = _fitting(self.kernel_size, input.shape[-1:])
        return functional.max_pool1d(input, window, self.stride, ceil_mode=True)


class AvgPool1d(nn.AvgPool1d):
    """The mean of each window of (N, C, L)."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__(kernel_size, stride, ceil_mode=True)  # type: ignore[arg-type]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, L) to (N, C, L / stride)."""
        window = _fitting(self.kernel_size, input.shape[-1:])
        return functional.avg_pool1d(input, window, self.stride, ceil_mode=True)


class MaxPool2d(nn.MaxPool2d):
    """The largest value of each window."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__(kernel_size, stride, ceil_mode=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        window = _fitting(self.kernel_size, input.shape[-2:])
        return functional.max_pool2d(input, window, self.stride, ceil_mode=True)


class AvgPool2d(nn.AvgPool2d):
    """The mean of each window."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__(kernel_size, stride, ceil_mode=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        window = _fitting(self.kernel_size, input.shape[-2:])
        return functional.avg_pool2d(input, window, self.stride, ceil_mode=True)


class GlobalAvgPool1d(nn.Module):
    """The mean over the length: (N, C, L) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of each channel."""
        return x.mean(dim=-1)


class GlobalAvgPool2d(nn.Module):
    """The mean over height and width: (N, C, H, W) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of each channel."""
        return x.mean(dim=(-2, -1))


class GlobalMaxPool2d(nn.Module):
    """The largest value over height and width: (N, C, H, W) to (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The largest value of each channel."""
        return x.amax(dim=(-2, -1))


class SequenceMean(nn.Module):
    """The mean over time: (N, T, F) to (N, F)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of each feature."""
        return x.mean(dim=-2)


def _fitting(kernel_size: int | tuple[int, ...], size: torch.Size) -> tuple[int, ...]:
    """The window, no larger than the input in any dimension."""
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * len(size)
    return tuple(map(min, kernel, size))
