"""Pooling. Windows are cut at the border and are no larger than the input, so no input is too small."""

from __future__ import annotations

from ..build import Build
from .recipe import MODULES, TORCH, given


def MaxPool1d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The largest value of each window of (N, C, L); `stride` is `kernel_size` unless given."""
    return Build(f"{MODULES}:MaxPool1d", kernel_size=kernel_size, name=name, **given(stride=(stride, None)))


def AvgPool1d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The mean of each window of (N, C, L); `stride` is `kernel_size` unless given."""
    return Build(f"{MODULES}:AvgPool1d", kernel_size=kernel_size, name=name, **given(stride=(stride, None)))


def MaxPool2d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The largest value of each window; `stride` is `kernel_size` unless given."""
    return Build(f"{MODULES}:MaxPool2d", kernel_size=kernel_size, name=name, **given(stride=(stride, None)))


def AvgPool2d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The mean of each window; `stride` is `kernel_size` unless given."""
    return Build(f"{MODULES}:AvgPool2d", kernel_size=kernel_size, name=name, **given(stride=(stride, None)))


def AdaptiveMaxPool2d(size: object, *, name: str | None = None) -> Build:  # noqa: N802
    """The largest values of windows chosen so that height and width become `size`."""
    return Build(f"{TORCH}:AdaptiveMaxPool2d", output_size=size, name=name)


def AdaptiveAvgPool2d(size: object, *, name: str | None = None) -> Build:  # noqa: N802
    """The means of windows chosen so that height and width become `size`."""
    return Build(f"{TORCH}:AdaptiveAvgPool2d", output_size=size, name=name)


def GlobalAvgPool1d(*, name: str | None = None) -> Build:  # noqa: N802
    """The mean over the length: (N, C, L) to (N, C)."""
    return Build(f"{MODULES}:GlobalAvgPool1d", name=name)


def GlobalAvgPool2d(*, name: str | None = None) -> Build:  # noqa: N802
    """The mean over height and width: (N, C, H, W) to (N, C)."""
    return Build(f"{MODULES}:GlobalAvgPool2d", name=name)


def GlobalMaxPool2d(*, name: str | None = None) -> Build:  # noqa: N802
    """The largest value over height and width: (N, C, H, W) to (N, C)."""
    return Build(f"{MODULES}:GlobalMaxPool2d", name=name)


def SequenceMean(*, name: str | None = None) -> Build:  # noqa: N802
    """The mean over time: (N, T, F) to (N, F)."""
    return Build(f"{MODULES}:SequenceMean", name=name)
