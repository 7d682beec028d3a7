"""Layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import torch
from torch import nn

Layers = nn.Module | Sequence["Layers"] | None


def as_module(layer: Layers) -> nn.Module | None:
    """A layer as it is, a list of layers as a sequence of its own; None stands for an absent layer.

    Raises:
        TypeError: it is anything else.
    """
    if layer is None or isinstance(layer, nn.Module):
        return layer
    if isinstance(layer, Sequence) and not isinstance(layer, str):
        return Seq(*layer)
    raise TypeError(f"A layer must be a torch.nn.Module, a list of them or None, not {layer!r}.")


def Seq(*layers: Layers, names: Sequence[str] | None = None) -> nn.Sequential:  # noqa: N802
    """The layers one after another, under their names, else their positions.

    None is left out, a list becomes a sequence of its own.
    """
    chain = nn.Sequential()
    for name, layer in zip(names or map(str, count()), layers, strict=False):
        module = as_module(layer)
        if module is not None:
            chain.add_module(name, module)
    return chain


def MaybeSwap(  # noqa: N802
    first: Layers, second: Layers, swapped: bool, names: Sequence[str] = ("0", "1")
) -> nn.Sequential:
    """`first` before `second`, or after it where `swapped`; each keeps its name, and so the keys of its weights."""
    order = (1, 0) if swapped else (0, 1)
    return Seq(*((first, second)[i] for i in order), names=[names[i] for i in order])


class Transpose(nn.Module):
    """Swaps the last two dimensions: sequences (N, T, F) to the layout of 1-D convolutions (N, F, T), and back."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A view of `x`."""
        return x.transpose(-2, -1)
