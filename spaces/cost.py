"""How large a model is, before a single weight is allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .build import builds
from .configuration import Configuration, Part, environment
from .errors import SpaceError
from .locate import path_of
from .measured import Measured
from .node import Node, descendants

if TYPE_CHECKING:
    from .space import Space


@dataclass(frozen=True, slots=True)
class Cost:
    """Size of a model for one input (batch size 1, evaluation mode).

    Attributes:
        params: number of parameters, trainable or not.
        flops: floating-point operations of one forward pass, a multiply-add counted as two
            (`torch.utils.flop_counter`: matrix products, convolutions and attention; the rest counts as free).
        activation_bytes: bytes of the outputs of all modules that run no other module.
    """

    params: int
    flops: int
    activation_bytes: int


def cost(model: Configuration | Part, input_shape: tuple[int, ...], input_dtype: str = "float32") -> Cost:
    """Size of a model, found on the meta device: no weight is allocated. A configuration remembers it.

    Args:
        model: the part of a configuration that builds the model, as `config.model`; or a configuration in which only
            one part builds anything, or one is called `model`.
        input_shape: shape of one input without the batch dimension, as `(3, 32, 32)`.
        input_dtype: name of the input's type in torch: `"int64"` for tokens.

    Raises:
        ValueError: it is not clear which part of the configuration is the model, or torch has no such type.
    """
    from .materialize import measure

    part = model if isinstance(model, Part) else model_of(model)
    configuration, path, node = part._configuration, part._path, part._node
    known = configuration.__dict__.setdefault("_costs", {})
    question = (path, tuple(input_shape), input_dtype)
    if question not in known:
        env = environment(configuration)
        known[question] = measure(
            part.build, tuple(input_shape), input_dtype, lambda module: path_of(module, path, node, env)
        )
    found: Cost = known[question]
    return found


def model_of(configuration: Configuration) -> Part:
    """The part of a configuration that is the model.

    Raises:
        ValueError: it is absent, or it is not clear which part it is.
    """
    part = getattr(configuration, model_name(configuration.space))
    if not isinstance(part, Part):
        raise ValueError("The model is absent in this configuration, so it has no cost.")
    return part


def model_name(space: Space) -> str:
    """The name of the part that is the model: the one called `model`, or the only one that builds anything.

    Raises:
        ValueError: there is none, or it is not clear which.
    """
    built = [name for name, node in space.parts.items() if builds(node)]
    if "model" not in built and len(built) != 1:
        candidates = ", ".join(built) or "none of the parts"
        raise ValueError(
            f"It is not clear which part is the model ({candidates}); write cost(config.NAME, input_shape)."
        )
    return "model" if "model" in built else built[0]


def measurement(quantity: Node) -> Callable[[Configuration], float]:
    """A measured quantity, or what is computed from such alone, as a function of a configuration.

    Args:
        quantity: as `nn.measured((3, 32, 32)).params`, or `nn.measured((3, 32, 32)).flops / 1e9`.

    Raises:
        SpaceError: decisions go into it, or nothing in it is measured.
    """
    parts = list(descendants(quantity))
    if any(part.decides or list(part.referred()) for part in parts):
        raise SpaceError(quantity, "", "decisions go into it", "write a function, as lambda config: config.width")
    if not any(isinstance(part, Measured) for part in parts):
        raise SpaceError(quantity, "", "nothing in it is measured", "take nn.measured(input_shape).params")

    def measure(configuration: Configuration) -> float:
        value: float = quantity.resolve("", replace(environment(configuration), configuration=configuration))
        return value

    return measure
