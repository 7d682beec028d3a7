"""What a configuration costs, exactly, before anything is trained and without any weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .reading import read
from .targets import linears

if TYPE_CHECKING:
    from .anatomy import Anatomy, Layer

BYTES = 4
"""Of a stored number, in single precision."""

REMEMBERED = 1000
"""Methods whose size on the meta device is kept."""


@dataclass(frozen=True)
class Size:
    """What the methods of a configuration take.

    Attributes:
        trainable: numbers that are trained, those of a head aside.
        percent: AutoPEFT's cost, of the parameters of the backbone: `100 * 2 * hidden * (SA + PA + PT) * layers /
            backbone`. Other methods count in the same way: with all that they train, but for biases of new modules.
        stored_bytes: of what must be kept after training, in single precision; of a prefix, without its MLP.
    """

    trainable: int
    percent: float
    stored_bytes: int


class Numbers(NamedTuple):
    """How many numbers of a method are trained, stored afterwards, and counted in AutoPEFT's percentage."""

    trained: int
    stored: int
    counted: int


def size(given: Any, anatomy: Anatomy, layers: Sequence[bool] | None = None) -> Size:
    """What `apply` would add to a model, without doing it: exact, and quick enough to be asked for every proposal.

    As an objective that needs no trial: `known={"params": lambda config: size(config, anatomy).trainable}`.

    Args:
        given: a configuration of `autopeft` or `peft_space`; or a method, or several in a list or dict.
        anatomy: of the model.
        layers: for each layer, whether methods attach to it; without, as the configuration says, else all.

    Raises:
        Unsupported: the model cannot take one of the methods.
    """
    methods, told = read(given)
    mask = tuple(layers or told or (True,) * len(anatomy.layers))
    kept = [layer for layer, on in zip(anatomy.layers, mask, strict=True) if on]
    known = [_FORMULAE[type(one).__name__](one, anatomy, kept) for one in methods if type(one).__name__ in _FORMULAE]
    own = {name for method in methods if hasattr(method, "trains") for name in method.trains(anatomy, mask)}
    unfrozen = _all_alike(sum(math.prod(anatomy.shapes[name]) for name in own))
    others = tuple(one for one in methods if type(one).__name__ not in _FORMULAE and not hasattr(one, "trains"))
    found = [*known, unfrozen, measured(others, anatomy, mask)]
    trained, stored, counted = (sum(column) for column in zip(*found, strict=True))
    return Size(trained, 100 * counted / anatomy.parameters, BYTES * stored)


@lru_cache(REMEMBERED)
def measured(methods: tuple[Any, ...], anatomy: Anatomy, layers: tuple[bool, ...]) -> Numbers:
    """The numbers of methods whose layers store what they train, from a twin of the model on the meta device.

    Raises:
        Unsupported: the model cannot take one of the methods.
    """
    if not methods:
        return _all_alike(0)
    import torch

    from .anatomy import Anatomy, twin_of
    from .host import Host

    twin = twin_of(anatomy.config).requires_grad_(False)
    host, old = Host(twin, Anatomy.of(twin), layers), set(map(id, twin.parameters()))
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        for method in methods:
            method.attach(host)
    training = {name: parameter for name, parameter in twin.named_parameters() if parameter.requires_grad}
    trained = sum(parameter.numel() for parameter in training.values())
    biases = sum(one.numel() for name, one in training.items() if name.endswith("bias") and id(one) not in old)
    return Numbers(trained, trained, trained - biases)


def _bottleneck(adapter: Any, anatomy: Anatomy, kept: Sequence[Layer]) -> Numbers:
    """Serial and Parallel: two matrices with biases, the upper one divided among the heads; a scale; a gate."""
    hidden, width = anatomy.hidden, adapter.width
    gates = {"none": (0, 0), "small": (2 * hidden, 1), "middleX": (hidden, 1), "middleY": (hidden, 0)}
    gates["large"] = (2 * hidden * adapter.gate_width, adapter.gate_width + hidden)
    weights, biases = gates[adapter.gate]
    counted = hidden * width + hidden * width // adapter.heads + (adapter.scale == "learned") + weights
    trained = counted + width + hidden + biases
    return Numbers(len(kept) * trained, len(kept) * trained, len(kept) * counted)


def _prefix(prefix: Any, anatomy: Anatomy, kept: Sequence[Layer]) -> Numbers:
    """Keys and values for each layer; or an MLP that makes them, of whose parts only the last is one for each layer."""
    hidden, inner = anatomy.hidden, prefix.bottleneck
    flat = len(kept) * 2 * hidden * prefix.length
    if inner is None or not kept:
        return _all_alike(flat)
    trunk = prefix.length * hidden + (hidden + 1) * inner
    return Numbers(trunk + len(kept) * (inner + 1) * 2 * hidden, flat, flat)


def _prompt(prompt: Any, anatomy: Anatomy, kept: Sequence[Layer]) -> Numbers:
    return _all_alike(prompt.length * anatomy.embedding_width)


def _lora(lora: Any, anatomy: Anatomy, kept: Sequence[Layer]) -> Numbers:
    """Two matrices for each module, without biases; DoRA has the norm of each row of the weights besides."""
    total = 0
    for layer in kept:
        ranks = lora.rank_pattern[layer.index] if lora.rank_pattern else dict.fromkeys(lora.targets, lora.rank)
        for name, target in linears(layer, [target for target, rank in ranks.items() if rank]).items():
            inputs, outputs = anatomy.linear(name)
            total += ranks[target] * (inputs + outputs) + (lora.variant == "dora") * outputs
    return _all_alike(total)


def _each(method: Any, anatomy: Anatomy, kept: Sequence[Layer]) -> Numbers:
    """What follows for each module from its inputs and outputs alone."""
    of_module = _OF_MODULE[type(method).__name__]
    modules = [name for layer in kept for name in linears(layer, method.targets)]
    return _all_alike(sum(of_module(method, *anatomy.linear(name)) for name in modules))


def _all_alike(number: int) -> Numbers:
    return Numbers(number, number, number)


_OF_MODULE: dict[str, Callable[[Any, int, int], int]] = {
    "AdaLoRA": lambda method, inputs, outputs: method.initial_rank * (inputs + outputs + 1),
    "FLoRA": lambda method, inputs, outputs: (
        method.outer * outputs + method.outer * method.inner + method.inner * inputs
    ),
    "MoS": lambda method, inputs, outputs: method.pool * (inputs + outputs),
    "NOLA": lambda method, inputs, outputs: 2 * method.bases,
    "SHiRA": lambda method, inputs, outputs: method.rank * (inputs + outputs),
}
"""By class of method, the numbers for a Linear of so many inputs and outputs."""

_FORMULAE: dict[str, Callable[[Any, Anatomy, Sequence[Layer]], Numbers]] = {
    "Serial": _bottleneck,
    "Parallel": _bottleneck,
    "Prefix": _prefix,
    "Prompt": _prompt,
    "LoRA": _lora,
    **dict.fromkeys(_OF_MODULE, _each),
}
"""By class of method, how its numbers follow from its sizes and the layers that it attaches to."""
