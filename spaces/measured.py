"""The size of a model inside a condition: `space.require(nn.measured((3, 32, 32)).params <= 1e6)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .node import Environment, Node

QUANTITIES = ("params", "flops", "activation_bytes")


@dataclass(frozen=True, eq=False, repr=False)
class Measured(Node):
    """One quantity of the cost of the configuration's model, found on the meta device; only for conditions."""

    quantity: str
    input_shape: tuple[int, ...]
    input_dtype: str = "float32"

    def resolve(self, path: str, env: Environment) -> float:
        """The quantity, for the configuration that is asked about."""
        from .cost import cost

        found: float = getattr(cost(env.configuration, self.input_shape, self.input_dtype), self.quantity)
        return found

    def _arguments(self) -> Iterable[str]:
        yield from (repr(self.quantity), repr(self.input_shape))
        if self.input_dtype != "float32":
            yield repr(self.input_dtype)


@dataclass(frozen=True)
class MeasuredCost:
    """What a model costs, for conditions: each attribute can be compared and computed with."""

    params: Measured
    flops: Measured
    activation_bytes: Measured


def measured(input_shape: tuple[int, ...], input_dtype: str = "float32") -> MeasuredCost:
    """The cost of whatever model a configuration builds, to require something of it before anything is trained.

    Args:
        input_shape: shape of one input without the batch dimension, as `(3, 32, 32)`.
        input_dtype: name of the input's type in torch: `"int64"` for tokens.
    """
    return MeasuredCost(*(Measured(quantity, tuple(input_shape), input_dtype) for quantity in QUANTITIES))
