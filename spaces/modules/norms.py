"""Normalisations that torch has no lazy class for: sizes come from the first input, then they are torch's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedParameter


class LazyLayerNorm(LazyModuleMixin, nn.LayerNorm):
    """`torch.nn.LayerNorm` over the last dimension."""

    cls_to_become: type[Any] | None = nn.LayerNorm
    weight: UninitializedParameter  # type: ignore[assignment]
    bias: UninitializedParameter  # type: ignore[assignment]

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__(0, eps)
        self.weight, self.bias = UninitializedParameter(), UninitializedParameter()

    def initialize_parameters(self, x: torch.Tensor) -> None:
        """Take the size of the last dimension."""
        self.normalized_shape = (x.shape[-1],)
        if self.has_uninitialized_params():
            self.weight.materialize(self.normalized_shape)
            self.bias.materialize(self.normalized_shape)
            self.reset_parameters()


class LazyRMSNorm(LazyModuleMixin, nn.RMSNorm):
    """`torch.nn.RMSNorm` over the last dimension."""

    cls_to_become: type[Any] | None = nn.RMSNorm
    weight: UninitializedParameter  # type: ignore[assignment]

    def __init__(self, eps: float | None = None) -> None:
        super().__init__(0, eps)
        self.weight = UninitializedParameter()

    def initialize_parameters(self, x: torch.Tensor) -> None:
        """Take the size of the last dimension."""
        self.normalized_shape = (x.shape[-1],)
        if self.has_uninitialized_params():
            self.weight.materialize(self.normalized_shape)
            self.reset_parameters()


class LazyGroupNorm(LazyModuleMixin, nn.GroupNorm):
    """`torch.nn.GroupNorm` of the channels in dimension 1.

    Raises:
        ValueError: the groups do not divide the channels.
    """

    cls_to_become: type[Any] | None = nn.GroupNorm
    weight: UninitializedParameter  # type: ignore[assignment]
    bias: UninitializedParameter  # type: ignore[assignment]

    def __init__(self, groups: int, eps: float = 1e-5) -> None:
        super().__init__(groups, 0, eps)
        self.weight, self.bias = UninitializedParameter(), UninitializedParameter()

    def initialize_parameters(self, x: torch.Tensor) -> None:
        """Take the number of channels."""
        channels = x.shape[1]
        if channels % self.num_groups:
            raise ValueError(
                f"{self.num_groups} groups do not divide the {channels} channels of the input of a GroupNorm; "
                "choose groups that divide them."
            )
        self.num_channels = channels
        if self.has_uninitialized_params():
            self.weight.materialize((channels,))
            self.bias.materialize((channels,))
            self.reset_parameters()
