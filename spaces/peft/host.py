"""A model that methods attach to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .anatomy import Anatomy, Layer
from .errors import Unsupported

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Host:
    """A model, and the layers of it that methods may attach to.

    Attributes:
        model: whole, head included.
        anatomy: of the model.
        layers: for each layer, whether methods attach to it.

    Raises:
        Unsupported: there are more or fewer bits than layers.
    """

    model: nn.Module
    anatomy: Anatomy
    layers: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.layers) != len(self.anatomy.layers):
            raise Unsupported(
                f"{len(self.layers)} bits were given for the {len(self.anatomy.layers)} layers of the "
                f"{self.anatomy.model_type!r} model; give one for each layer."
            )

    @property
    def kept(self) -> tuple[Layer, ...]:
        """The layers whose bit is on."""
        return tuple(layer for layer, on in zip(self.anatomy.layers, self.layers, strict=True) if on)

    def module(self, name: str) -> nn.Module:
        """The module of this dotted name."""
        return self.model.get_submodule(name)

    def add(self, parent: str, child: str, module: nn.Module) -> None:
        """Put a module inside another one.

        Raises:
            Unsupported: there is one of this name already.
        """
        holder = self.module(parent)
        if hasattr(holder, child):
            raise Unsupported(f"Module {parent!r} already has a part {child!r}; remove the first method before.")
        holder.add_module(child, module)
