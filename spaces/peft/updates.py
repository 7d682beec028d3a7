"""Updates of Linear modules that `peft` does not have: a module beside the Linear, whose output is added."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .errors import Unsupported
from .folding import place, twin, wrapped

if TYPE_CHECKING:
    from .host import Host


class Update(nn.Module, ABC):
    """What is added to the weights of a Linear."""

    @abstractmethod
    def weights(self) -> Tensor:
        """What is added, `outputs x inputs`."""

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the outputs, `... x outputs`, for inputs `... x inputs`."""
        return nn.functional.linear(x, self.weights())


class LowRank(Update):
    """An update `up @ down`."""

    @abstractmethod
    def factors(self) -> tuple[Tensor, Tensor]:
        """`down`, `rank x inputs`, and `up`, `outputs x rank`."""

    def weights(self) -> Tensor:
        """What is added, `outputs x inputs`."""
        down, up = self.factors()
        return up @ down

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the outputs, `... x outputs`, for inputs `... x inputs`."""
        down, up = self.factors()
        return nn.functional.linear(nn.functional.linear(x, down), up)


class Updated(nn.Module):
    """A Linear (or what stands in its place) with an update."""

    base_layer: Any
    update: Update

    def __init__(self, base_layer: nn.Module, update: Update) -> None:
        super().__init__()
        self.base_layer, self.update = base_layer, update

    @property
    def weight(self) -> Tensor:
        """That of the Linear, without the update."""
        weight: Tensor = self.base_layer.weight
        return weight

    @property
    def bias(self) -> Tensor | None:
        """That of the Linear."""
        bias: Tensor | None = self.base_layer.bias
        return bias

    def forward(self, x: Tensor) -> Tensor:
        """The outputs, `... x outputs`, for inputs `... x inputs`."""
        outputs: Tensor = self.base_layer(x) + self.update(x)
        return outputs


def attach_updates(host: Host, names: Iterable[str], make: Callable[[str, Tensor], Update]) -> None:
    """Put an update beside each of some Linear modules.

    Args:
        host: the model.
        names: of the modules.
        make: the update of a module, given its name and weights, `outputs x inputs`.

    Raises:
        Unsupported: there is such an update already.
    """
    for name in names:
        holder, child = place(host.model, name)
        base = getattr(holder, child)
        if isinstance(base, Updated):
            raise Unsupported(f"Linear {name!r} already has an update; give one of the two methods other targets.")
        update = make(name, base.weight)
        setattr(holder, child, Updated(base, update.to(base.weight)))


def fold_updates(host: Host, names: Iterable[str]) -> None:
    """Fold updates into the weights of new Linear modules, which take the places of the updated ones.

    Raises:
        Unsupported: another method stands between an update and the weights.
    """
    for name in names:
        holder, child, updated = next(found for found in wrapped(host.model, name) if isinstance(found[2], Updated))
        if hasattr(updated.base_layer, "base_layer"):
            raise Unsupported(f"The update of {name!r} stands on another method; merge that one before.")
        linear = twin(updated.base_layer)
        with torch.no_grad():
            linear.weight += updated.update.weights()
        setattr(holder, child, linear)


def updates(host: Host, names: Iterable[str]) -> dict[str, Update]:
    """The updates of modules by dotted name."""
    found: dict[str, Update] = {}
    for name in names:
        updated = next(part for _, _, part in wrapped(host.model, name) if isinstance(part, Updated))
        found[name] = updated.update
    return found


def seeded(seed: int, *place: str) -> torch.Generator:
    """A generator on the CPU of its own for each seed and place: draws are the same in every process."""
    digest = sha256("/".join([str(seed), *place]).encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:7]))


def spread(*shape: int, bound: float, generator: torch.Generator | None = None) -> Tensor:
    """Numbers between `-bound` and `bound`, uniformly; on the meta device, where that is torch's default, none."""
    if torch.get_default_device().type == "meta":
        return torch.empty(*shape)
    return torch.empty(*shape, device="cpu").uniform_(-bound, bound, generator=generator)
