"""Layers side by side, and layers that see all before them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import count
from operator import add

import torch
from torch import nn

from .layers import Layers, as_module
from .shapes import feature_dim, told


class Parallel(nn.Module):
    """Branches that receive the same input, their outputs added or concatenated.

    An absent branch (None) is left out; without any, the input is passed on.

    Raises:
        ValueError: the outputs do not fit together.
    """

    def __init__(
        self, *branches: Layers, combine: str = "add", dim: int | None = None, names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.combine, self.dim = combine, dim
        for name, branch in zip(names or map(str, count()), branches, strict=False):
            module = as_module(branch)
            if module is not None:
                self.add_module(name, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the branches make of `x`, combined."""
        outputs = [branch(x) for branch in self.children()] or [x]
        return added(outputs) if self.combine == "add" else concatenated(outputs, self.dim)


class Dense(nn.Module):
    """Each layer receives the concatenation of the input and of what all layers before it put out.

    So does what follows (Huang et al., 2017, arXiv 1608.06993). The items of a list are layers of their own.

    Raises:
        ValueError: a layer changes more than the number of channels or features.
    """

    def __init__(self, *layers: Layers, dim: int | None = None, names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.dim = dim
        for name, layer in zip(names or map(str, count()), layers, strict=False):
            module = _each(layer) if isinstance(layer, list | tuple) else as_module(layer)
            if module is not None:
                self.add_module(name, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` and the outputs of all layers, concatenated."""
        for layer in self._layers():
            x = concatenated([x, layer(x)], self.dim)
        return x

    def _layers(self) -> Iterator[nn.Module]:
        for child in self.children():
            yield from child.children() if isinstance(child, nn.ModuleDict) else (child,)


def added(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The sum of tensors of one shape.

    Raises:
        ValueError: their shapes differ.
    """
    if len({tensor.shape for tensor in tensors}) > 1:
        raise ValueError(
            f"Outputs of shapes {_all_told(tensors)} cannot be added; "
            "let the branches put out one shape, or concatenate them."
        )
    return reduce(add, tensors)


def concatenated(tensors: Sequence[torch.Tensor], dim: int | None) -> torch.Tensor:
    """The tensors side by side, along the channels or features (see `feature_dim`).

    Raises:
        ValueError: they differ in another dimension, or in rank.
    """
    along = feature_dim(tensors[0].dim(), dim)
    rests = {(*tensor.shape[:along], *tensor.shape[along + 1 :]) for tensor in tensors}
    if len(rests) > 1:
        raise ValueError(
            f"Outputs of shapes {_all_told(tensors)} cannot be concatenated along dimension {along}; "
            "let them agree in all others."
        )
    return torch.cat(list(tensors), dim=along)


def _each(layers: Sequence[Layers]) -> nn.ModuleDict:
    """The layers that are there, under their positions."""
    modules = {str(position): as_module(layer) for position, layer in enumerate(layers)}
    return nn.ModuleDict({name: module for name, module in modules.items() if module is not None})


def _all_told(tensors: Sequence[torch.Tensor]) -> str:
    return ", ".join(map(told, tensors))
