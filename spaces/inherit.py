"""Weights of one model for another: what has the same name and shape is taken over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Inherited:
    """What became of each entry of a child's `state_dict` and of its parent's, by name.

    Attributes:
        taken: same shape in both: the parent's values.
        partly: another shape, and the overlapping slice was taken; only with `partial=True`.
        mismatched: another shape: left as it was.
        missing: the parent has no such entry: left as it was.
        unused: entries of the parent that the child does not have.
    """

    taken: tuple[str, ...]
    partly: tuple[str, ...]
    mismatched: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        told = [
            f"{len(names)} {what}"
            for what in ("taken", "partly", "mismatched", "missing", "unused")
            if (names := getattr(self, what))
        ]
        return ", ".join(told) or "nothing to inherit"


def inherit(child: nn.Module, parent_state: Mapping[str, Tensor], *, partial: bool = False) -> Inherited:
    """Give a model the weights and buffers of another one, wherever name and shape are the same.

    Names come from paths in the space, and so a layer keeps its name when others appear or disappear around it.

    Args:
        child: a model whose sizes are all known; changed in place.
        parent_state: `state_dict` of the other model.
        partial: where shapes differ but the number of dimensions does not, copy the slice that both have.

    Raises:
        ValueError: a size of the child is still open.
    """
    import torch
    from torch.nn.parameter import is_lazy

    own = {name: value for name, value in child.state_dict().items() if isinstance(value, torch.Tensor)}
    open_sizes = [name for name, value in own.items() if is_lazy(value)]
    if open_sizes:
        raise ValueError(f"The size of {open_sizes[0]!r} is still open; build the child with an input_shape.")
    groups: dict[str, list[str]] = {"taken": [], "partly": [], "mismatched": [], "missing": []}
    for name, value in own.items():
        groups[_pass_on(value, parent_state.get(name), partial)].append(name)
    unused = tuple(name for name in parent_state if name not in own)
    return Inherited(**{group: tuple(names) for group, names in groups.items()}, unused=unused)


def _pass_on(value: Tensor, given: Tensor | None, partial: bool) -> str:
    """Copy what fits, and say in which group that is."""
    import torch

    if given is None:
        return "missing"
    whole = value.shape == given.shape
    if not whole and not (partial and value.dim() == given.dim()):
        return "mismatched"
    overlap = tuple(slice(min(sizes)) for sizes in zip(value.shape, given.shape, strict=True))
    with torch.no_grad():
        value[overlap].copy_(given[overlap])
    return "taken" if whole else "partly"
