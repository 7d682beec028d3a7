"""Modules that stand around Linear modules: finding them, and putting others in their places."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn


def place(root: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Who holds the module of a dotted name, and under what name."""
    parent, _, child = name.rpartition(".")
    return root.get_submodule(parent), child


def wrapped(root: nn.Module, name: str) -> Iterator[tuple[nn.Module, str, Any]]:
    """A module and those that it wraps, from the outside in: who holds it, under what name, and itself."""
    holder, child = place(root, name)
    while True:
        module = getattr(holder, child)
        yield holder, child, module
        if not hasattr(module, "base_layer"):
            return
        holder, child = module, "base_layer"


def twin(linear: nn.Linear) -> nn.Linear:
    """A Linear with the same hooks and equal parameters; whatever happens to it, the first one stays as it is."""
    other = _shell(linear)
    for name in ("weight", "bias"):
        _parameter(other, name, getattr(linear, name))
    return other


def detach_weights(root: nn.Module, names: Iterable[str]) -> None:
    """Put copies of Linear modules in their places whose weights may be changed, and are not part of what is saved."""
    for name in names:
        holder, child = place(root, name)
        linear = _shell(getattr(holder, child))
        weight = linear.weight.detach().clone()
        del linear.weight
        linear.register_buffer("weight", weight, persistent=False)
        setattr(holder, child, linear)


def _shell(linear: nn.Linear) -> nn.Linear:
    """A Linear with the same parameters and hooks, in dicts of its own."""
    other = copy.copy(linear)
    other.__dict__.update(
        {name: copy.copy(value) for name, value in vars(linear).items() if isinstance(value, dict | set)}
    )
    return other


def _parameter(linear: nn.Linear, name: str, value: Tensor | None) -> None:
    """Give a Linear a parameter of its own that equals a tensor."""
    if value is None:
        return
    delattr(linear, name)
    linear.register_parameter(name, nn.Parameter(value.detach().clone(), value.requires_grad))
