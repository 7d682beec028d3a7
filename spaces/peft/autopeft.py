"""AutoPEFT's space: serial adapter, parallel adapter and prefix, one size each, and one bit for each layer.

Zhou et al. 2024 (TACL, arXiv 2301.12132), as in the code that they released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..build import Build
from ..choice import Choice
from ..fidelity import Fidelity
from ..node import Node
from ..space import Space
from .errors import Unsupported

if TYPE_CHECKING:
    from .bottleneck import Parallel, Serial
    from .prefix import Prefix

MODULES = ("serial", "parallel", "prefix")

HALVINGS = 8
"""How often the hidden size is halved, at most, to give the size of a module."""

PREFIX_BOTTLENECK = 800
"""Inner width of the MLP that a prefix is trained through."""

TRAINING = {"lr": 1e-4, "batch_size": 32, "max_length": 128, "patience": 10, "warmup": 0.0, "weight_decay": 0.0}
"""How the released code trains every configuration: `patience` in epochs, `warmup` as a share of the steps."""

EPOCHS = 20
"""At most, in the released code."""


def autopeft(model: Any) -> Space:
    """AutoPEFT's space for a model: 5,451,776 points for BERT-base, of which 5,446,350 are valid.

    Its part `methods` has `serial`, `parallel` and `prefix`, each a method or None; `layers` has a bool for each layer,
    and those that are False get no method. What the model cannot take is left out, with a warning in the log
    "paretree". Training is as in the released code; its number of epochs is the fidelity `epochs`.

    Args:
        model: an encoder of `transformers`, its config, or its `Anatomy`.

    Raises:
        Unsupported: its parts are not known, or all its layers are one and the same.
    """
    from .anatomy import anatomy_of
    from .families import supported

    anatomy = anatomy_of(model)
    if anatomy.shares_layers:
        raise Unsupported(
            f"All layers of a {anatomy.model_type!r} model are one and the same, so AutoPEFT's bits for layers mean "
            "nothing; use peft_space, which leaves them out."
        )
    return autopeft_space(anatomy.hidden, len(anatomy.layers), supported(MODULES, anatomy))


def autopeft_space(hidden: int, layers: int, modules: Sequence[str] = MODULES) -> Space:
    """AutoPEFT's space for sizes instead of a model.

    Args:
        hidden: features of a token between layers.
        layers: how many.
        modules: which of `MODULES` there are.
    """
    size = {name: Choice(*sizes(hidden), ordered=True) for name in modules}
    makers: dict[str, Callable[[Choice], Build]] = {
        "serial": lambda width: Build(serial, width=width),
        "parallel": lambda width: Build(parallel, width=width),
        "prefix": lambda length: Build(prefix, length=length),
    }
    methods = {name: makers[name](size[name]) for name in modules}
    bits = layer_bits(layers)
    space = Space({"methods": methods, "layers": bits, **TRAINING, "epochs": Fidelity(1, EPOCHS)})
    space = space.require(some(one > 0 for one in size.values()), "at least one module")
    return space.require(some(bits), "at least one layer")


def sizes(hidden: int) -> tuple[int, ...]:
    """The sizes of a module, least first: 0 (absent), 1, and the hidden size over 1, 2, 4, ... 256, rounded down."""
    return tuple(sorted({0, 1, *(hidden >> halving for halving in range(HALVINGS + 1))}))


def layer_bits(layers: int) -> list[Choice]:
    """For each layer, whether it gets any method."""
    return [Choice(False, True) for _ in range(layers)]


def some(conditions: Iterable[Node]) -> Node:
    """The condition that one of several holds, at least; halved again and again, so that it nests little."""
    all_of_them = list(conditions)
    if len(all_of_them) == 1:
        return all_of_them[0]
    half = len(all_of_them) // 2
    return some(all_of_them[:half]) | some(all_of_them[half:])


def serial(width: int) -> Serial | None:
    """AutoPEFT's serial adapter of this width; None for 0."""
    from .bottleneck import Serial

    return Serial(width) if width else None


def parallel(width: int) -> Parallel | None:
    """AutoPEFT's parallel adapter of this width; None for 0."""
    from .bottleneck import Parallel

    return Parallel(width) if width else None


def prefix(length: int) -> Prefix | None:
    """AutoPEFT's prefix of this length; None for 0."""
    from .prefix import Prefix

    return Prefix(length, bottleneck=PREFIX_BOTTLENECK) if length else None
