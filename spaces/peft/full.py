"""Methods that add nothing and train some of the model's own parameters; and the one that trains none of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from .checks import refuse
from .errors import Unsupported

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host


class Own(ABC):
    """What the methods that train the model's own parameters have in common."""

    @abstractmethod
    def trains(self, anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
        """The names of the parameters that it trains, as in `anatomy.shapes`.

        Args:
            anatomy: of the model.
            layers: for each layer, whether it is kept.
        """

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        return None

    def attach(self, host: Host) -> None:
        """Let the parameters train.

        Raises:
            Unsupported: the model cannot take it.
        """
        refuse(self.supports(host.anatomy), self)
        for parameter in parameters(host, self.trains(host.anatomy, host.layers)):
            parameter.requires_grad_(True)

    def merge(self, host: Host) -> None:  # noqa: B027 - nothing is to be done for any of them
        """Do nothing: what it trained is the model's own."""


@dataclass(frozen=True)
class FullFineTuning(Own):
    """Trains all of the kept layers; and what stands outside the layers, such as embeddings, if every one is kept."""

    def trains(self, anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
        """The names of the parameters that it trains."""
        return tuple(anatomy.shapes) if all(layers) else within(anatomy, layers)


@dataclass(frozen=True)
class BitFit(Own):
    """Trains the biases of the kept layers, those of their LayerNorms too.

    Ben Zaken et al. 2022 (arXiv 2106.10199), who train those of the embeddings' LayerNorm besides.
    """

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        every = [True] * len(anatomy.layers)
        return None if self.trains(anatomy, every) else f"the layers of the {anatomy.model_type!r} model have no biases"

    def trains(self, anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
        """The names of the parameters that it trains."""
        return tuple(name for name in within(anatomy, layers) if name.endswith(".bias"))


@dataclass(frozen=True)
class LayerNormTuning(Own):
    """Trains the LayerNorms (or RMSNorms) of the kept layers.

    Zhao et al. 2024 (arXiv 2312.11420); Qi et al. 2022 (arXiv 2211.08682).
    """

    def trains(self, anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
        """The names of the parameters that it trains."""
        return tuple(name for name in within(anatomy, layers) if name.rpartition(".")[0] in anatomy.norms)


@dataclass(frozen=True)
class HeadOnly(Own):
    """Trains nothing of the model, only the head that stands on it: what every other method has to beat."""

    def trains(self, anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
        """The names of the parameters that it trains: none."""
        return ()


def within(anatomy: Anatomy, layers: Sequence[bool]) -> tuple[str, ...]:
    """The names of the parameters in the kept layers."""
    kept = [layer for layer, on in zip(anatomy.layers, layers, strict=True) if on]
    return tuple(name for layer in kept for name in anatomy.below(layer.name))


def parameters(host: Host, names: Iterable[str]) -> list[nn.Parameter]:
    """The model's own parameters of these names, wherever other methods have put them.

    Raises:
        Unsupported: another method has made one of them a fixed number.
    """
    found = []
    for name in names:
        module, _, own = name.rpartition(".")
        parameter = getattr(host.module(module), own)
        if not isinstance(parameter, nn.Parameter):
            raise Unsupported(
                f"{name!r} cannot train, since another method has changed it; use that one with another init, or alone."
            )
        found.append(parameter)
    return found
