"""Putting the tuners of Hugging Face `peft` into a model, and folding them into its weights again."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from peft import PeftConfig
from peft.functional import inject_adapter_in_model
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils import PeftType
from torch import nn

from .checks import refuse
from .errors import Unsupported
from .folding import twin, wrapped
from .targets import check_targets, features, names

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host

ADAPTER = "default"
"""The name that adapters have inside the tuners of `peft`; it is part of the names of their parameters."""


class Tuner(ABC):
    """What the methods of `peft` have in common.

    Attributes:
        targets: the Linear modules of each kept layer that it changes.
        adapter: its name inside them.
        bare: it computes with their weights, so that no other method may stand there before it.
    """

    targets: tuple[str, ...]
    adapter: str = ADAPTER
    bare: bool = False

    def __post_init__(self) -> None:
        check_targets(self)
        self.check()

    def check(self) -> None:  # noqa: B027 - most methods have more to refuse, not all
        """Refuse arguments that cannot be meant; here, none is."""

    @abstractmethod
    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""

    def misfit(self, inputs: int, outputs: int) -> str | None:
        """Why a Linear of this size cannot take it; None where it can."""
        return None

    def names(self, host: Host) -> list[str]:
        """The dotted names of the modules that it changes."""
        return names(host, self.targets)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        reasons = (self.misfit(*size) for size in features(anatomy, self.targets).values())
        return next((reason for reason in reasons if reason is not None), None)

    def attach(self, host: Host) -> None:
        """Put it into the Linear modules of the kept layers.

        Raises:
            Unsupported: the model cannot take it, or another method stands in its way.
        """
        self.check_places(host)
        inject(host, self.config(host), self.names(host), self.adapter)

    def check_places(self, host: Host) -> None:
        """Refuse a model that cannot take it, and modules where another method stands in its way."""
        refuse(self.supports(host.anatomy), self)
        for name in self.names(host):
            _check_place(host, name, tuner_of(self.config(host)).tuner_layer_cls, self.bare)

    def merge(self, host: Host) -> None:
        """Fold it into the weights: the outputs stay the same, and its parameters are gone.

        Raises:
            Unsupported: a method that was attached before it is still there.
        """
        fold(host, tuner_of(self.config(host)).tuner_layer_cls, self.names(host))


def quietly(config: type[PeftConfig], **arguments: Any) -> PeftConfig:
    """Make a config that warns of random matrices that are not saved: they come from a seed again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Specified to not save")
        return config(**arguments)


def tuner_of(config: PeftConfig) -> type[BaseTuner]:
    """The tuner that a config is for."""
    return PEFT_TYPE_TO_TUNER_MAPPING[PeftType(config.peft_type)]


def inject(host: Host, config: PeftConfig, names: Sequence[str], adapter: str = ADAPTER) -> None:
    """Put a tuner into Linear modules; no other parameter is frozen or unfrozen by that.

    Args:
        host: the model.
        config: which tuner; its `target_modules` are set here.
        names: of the modules; without any, nothing happens.
        adapter: as in `Tuner`.
    """
    if not names:
        return
    config.target_modules = list(names)  # type: ignore[attr-defined]
    tuner = tuner_of(config)
    before = [(parameter, parameter.requires_grad) for parameter in host.model.parameters()]
    if tuner.uses_shared_state:  # refused by peft.functional, which does not keep the tuner; the layers keep its state
        tuner(host.model, config, adapter)
    else:
        inject_adapter_in_model(config, host.model, adapter)
    del host.model.peft_config  # it would tell of the last of several methods only
    for parameter, trained in before:
        parameter.requires_grad_(trained)


def fold(host: Host, kind: type[BaseTunerLayer], names: Sequence[str]) -> None:
    """Fold a tuner into the weights of new Linear modules, which take the places of the tuned ones.

    Raises:
        Unsupported: another method stands between it and the weights.
    """
    for name in names:
        holder, child, layer = next(found for found in wrapped(host.model, name) if isinstance(found[2], kind))
        if hasattr(layer.base_layer, "base_layer"):
            raise Unsupported(f"{kind.__name__} at {name!r} stands on another method; merge in the order of attaching.")
        layer.base_layer = twin(layer.base_layer)
        layer.merge(safe_merge=True)
        setattr(holder, child, layer.base_layer)


def _check_place(host: Host, name: str, kind: type[BaseTunerLayer], bare: bool) -> None:
    """Refuse what cannot be put at a module, or would be put there wrongly."""
    *methods, linear = (part for *_, part in wrapped(host.model, name))
    if any(isinstance(method, kind) for method in methods):
        raise Unsupported(f"Linear {name!r} already has a {kind.__name__}; give one of the two other targets.")
    if not all(isinstance(method, BaseTunerLayer) for method in methods) or not isinstance(linear, nn.Linear):
        raise Unsupported(f"{name!r} already has a method that is none of peft; attach those of peft before it.")
    if bare and methods:
        raise Unsupported(
            f"{kind.__name__} computes with the weights of {name!r}, where another method already stands; "
            "attach it first, or give it other targets."
        )
