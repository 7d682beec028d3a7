"""Modules that make their layers when they see what comes in."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedParameter


class MadeOnFirstInput(LazyModuleMixin, nn.Module):
    """A lazy module in torch's sense whose layers, not only their sizes, follow from the shape of its first input."""

    unmade: UninitializedParameter

    def __init__(self) -> None:
        super().__init__()
        self.unmade = UninitializedParameter()

    def make(self, *inputs: torch.Tensor) -> None:
        """Set the layers for inputs of these shapes."""
        raise NotImplementedError

    def initialize_parameters(self, *inputs: torch.Tensor) -> None:
        """Make the layers where this module is, whatever device the inputs are on."""
        device = self.unmade.device
        del self.unmade
        with device:
            self.make(*inputs)
        self.train(self.training)
