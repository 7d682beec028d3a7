"""One space of many families of fine-tuning methods, and of how to train them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..build import Build
from ..choice import Choice, Maybe
from ..errors import brief
from ..expressions import apply
from ..fidelity import Fidelity
from ..node import Node
from ..priors import StudentT
from ..ranges import Float, Int
from ..require import require
from ..space import Space
from .autopeft import layer_bits, some
from .errors import Unsupported
from .families import FAMILIES, supported, usual_rate

if TYPE_CHECKING:
    from .anatomy import Anatomy

log = logging.getLogger("paretree")

DEFAULT = ("serial", "parallel", "prefix", "lora")

WEIGHTS = "weights"
"""The part of `methods` that has at most one of the families that change weights."""

SPREAD = 0.85
"""Of the prior on the logarithm of the learning rate: a quarter of the range that is usual for adapters."""

Mask = Literal["bits", "window"]


def peft_space(
    model: Any,
    families: Sequence[str] = DEFAULT,
    *,
    layers: Mask = "bits",
    head_only: bool = False,
    epochs: int = 20,
    least_data: float = 0.01,
) -> Space:
    """A space of fine-tuning methods for a model, with how to train them.

    `methods` has a part for each family that can stand beside others (present or absent), and `weights`: none or one of
    those that change the weights. `layers` has a bool for each layer. Besides, there are `lr`, whose prior follows
    the families that are on, `batch_size`, `warmup` (share of the steps) and `weight_decay`; the fidelities are
    `epochs` and `data`, the share of the training data. What the model cannot take is left out, with a warning each
    in the log "paretree".

    Args:
        model: an encoder of `transformers`, its config, or its `Anatomy`.
        families: names out of `FAMILIES`.
        layers: `"bits"`, one for each layer; or `"window"`, three numbers (first, last, stride), for deep models.
        head_only: also has configurations without any method, where only the head is trained.
        epochs: at most.
        least_data: the smallest share of the training data.

    Raises:
        Unsupported: the parts of the model are not known, or it can take none of the families.
        ValueError: there is no such family, or no such kind of mask.
    """
    from .anatomy import anatomy_of

    _refuse_unknown(families, layers)
    anatomy = anatomy_of(model)
    kept = supported(dict.fromkeys(families), anatomy)
    if not kept:
        raise Unsupported(
            f"A {anatomy.model_type!r} model can take none of {', '.join(families) or 'no families'}; "
            "add another family, such as 'lora'."
        )
    methods = _methods(kept, anatomy, optional=head_only)
    space = Space(
        methods=methods,
        layers=_mask(anatomy, layers),
        lr=_learning_rate(kept, methods),
        batch_size=Choice(16, 32, 64, ordered=True),
        warmup=Choice(0.0, 0.03, 0.06, 0.1, ordered=True),
        weight_decay=Choice(0.0, 0.01, 0.1, ordered=True),
        epochs=Fidelity(1, epochs),
        data=Fidelity(least_data, 1.0, log=True, unit="of the training data"),
    )
    return space if head_only or len(methods) == 1 else space.require(some(_on(methods)), "at least one method")


def window(layers: int, first: int, last: int, stride: int) -> list[bool]:
    """Every `stride`-th layer from `first` to `last`, both counted from 0."""
    return [first <= index <= last and (index - first) % stride == 0 for index in range(layers)]


def _refuse_unknown(families: Iterable[str], layers: str) -> None:
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise ValueError(f"There is no family {brief(unknown[0])} of methods; use some of {', '.join(FAMILIES)}.")
    if layers not in ("bits", "window"):
        raise ValueError(f"The mask of layers cannot be {brief(layers)}; use 'bits' or 'window'.")


def _methods(families: Sequence[str], anatomy: Anatomy, optional: bool) -> dict[str, Node]:
    """The parts of the methods; the only one of them is always there, unless it is `optional`."""
    nodes = {name: FAMILIES[name].node(anatomy) for name in families}
    beside = {name: node for name, node in nodes.items() if not FAMILIES[name].of_weights}
    of_weights: dict[str, Any] = {name: node for name, node in nodes.items() if FAMILIES[name].of_weights}
    if len(beside) + bool(of_weights) == 1 and not optional:
        return beside or {WEIGHTS: Choice(**of_weights)}
    parts: dict[str, Node] = {name: Maybe(node) for name, node in beside.items()}
    return parts | {WEIGHTS: Choice(none=None, **of_weights)} if of_weights else parts


def _on(methods: Mapping[str, Node]) -> list[Node]:
    """For each part of the methods, the condition that there is one."""
    return [node != "none" if name == WEIGHTS else node for name, node in methods.items()]


def _mask(anatomy: Anatomy, kind: Mask) -> object:
    layers = len(anatomy.layers)
    if anatomy.shares_layers:
        log.warning(
            "The mask of layers is left out of the space: all layers of a %r model are one and the same.",
            anatomy.model_type,
        )
        return [True] * layers
    if kind == "bits":
        bits = layer_bits(layers)
        return require(bits, some(bits), "at least one layer")
    first, last = Int(0, layers - 1), Int(0, layers - 1)
    mask = Build(window, layers, first=first, last=last, stride=Choice(1, 2, 3, ordered=True))
    return require(mask, first <= last, "the first layer comes before the last")


def _learning_rate(families: Sequence[str], methods: Mapping[str, Node]) -> Float:
    """From the least to the greatest rate that is usual for any of the families."""
    rates = [FAMILIES[name].rates for name in families]
    switches = [one for name, node in methods.items() for one in (name, node if node.decides else True)]
    prior = StudentT(apply(usual_rate, *switches), SPREAD)
    return Float(min(low for low, _ in rates), max(high for _, high in rates), log=True, prior=prior)
