"""Bottleneck adapters at the feed-forward block: serial and parallel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .checks import one_of, positive, refuse
from .errors import Unsupported
from .gates import GATES, granular
from .initial import INITS, bert_linear, lora_linear, zero_linear
from .junction import Insertion, insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from .anatomy import Anatomy
    from .host import Host

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "tanh": torch.tanh,
    "none": lambda inner: inner,
    "softmax": partial(torch.softmax, dim=-1),
}
"""What can stand between the two matrices of a bottleneck. The softmax is over the width of each head."""

LEARNED = "learned"


class Bottleneck(nn.Module):
    """`scale * up(activation(down(x)))`, with biases.

    Several heads divide the width: each head reads all features and writes its own part of them. (That is
    `down_up_pair_multihead` in VL-PET's released code; its heads for the down-projection alone are, put side by side,
    one and the same matrix as a single head.)

    Args:
        features: of a token, in and out.
        width: between the two matrices.
        activation: one of `ACTIVATIONS`.
        init: one of `INITS`.
        scale: a number, or `"learned"`: one number that starts at 1.
        heads: a divisor of `features` and `width`.
    """

    def __init__(
        self, features: int, width: int, activation: str, init: str, scale: float | str = 1.0, heads: int = 1
    ) -> None:
        super().__init__()
        down, up = (bert_linear, bert_linear) if init == "bert" else (lora_linear, zero_linear)
        self.down = down(features, width)
        self.up = nn.ModuleList(up(width // heads, features // heads) for _ in range(heads))
        self.activation = activation
        self.scale = nn.Parameter(torch.ones(1)) if isinstance(scale, str) else scale

    def forward(self, x: Tensor) -> Tensor:
        """What changes, `batch x tokens x features`."""
        inner = self.down(x).chunk(len(self.up), dim=-1)
        act = ACTIVATIONS[self.activation]
        return torch.cat([up(act(part)) for up, part in zip(self.up, inner, strict=True)], dim=-1) * self.scale


@dataclass(frozen=True)
class Serial:
    """A bottleneck after the feed-forward block: `z + scale * SA(z)`, `z` the block's normalised output.

    Pfeiffer et al. 2021 (arXiv 2005.00247); this is AutoPEFT's SA. In pre-LN models `z` is what the block puts out
    before its residual connection, as in Houlsby et al. 2019.

    Args:
        width: of the bottleneck.
        activation: one of `ACTIVATIONS`.
        init: `"bert"` or `"lora"`.
        scale: of what is added; `"learned"` for one learnt number.
        gate: VL-PET's granularity, one of `GATES`.
        gate_width: of the bottleneck inside the gate `"large"`.
        heads: that divide the width, see `Bottleneck`.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    width: int
    activation: str = "relu"
    init: str = "bert"
    scale: float | str = 1.0
    gate: str = "none"
    gate_width: int = 96
    heads: int = 1

    def __post_init__(self) -> None:
        check_adapter(self)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        return indivisible(self, anatomy)

    def attach(self, host: Host) -> None:
        """Add one to each kept layer."""
        attach_adapter(self, host, "serial")


@dataclass(frozen=True)
class Parallel:
    """A bottleneck beside the feed-forward block: `scale * PA(x)` of its input is added to what it puts out.

    He et al. 2022 (ICLR, arXiv 2110.04366), where scale 4 and zeros at the start are best; this is AutoPEFT's PA.

    Args:
        width, activation, init, scale, gate, gate_width, heads: as in `Serial`.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    width: int
    activation: str = "relu"
    init: str = "lora"
    scale: float | str = 4.0
    gate: str = "none"
    gate_width: int = 96
    heads: int = 1

    def __post_init__(self) -> None:
        check_adapter(self)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        return indivisible(self, anatomy)

    def attach(self, host: Host) -> None:
        """Add one to each kept layer."""
        attach_adapter(self, host, "parallel")


def check_adapter(adapter: Serial | Parallel) -> None:
    """Refuse arguments that cannot be meant."""
    positive(adapter, width=adapter.width, gate_width=adapter.gate_width)
    check_heads(adapter, adapter.width, adapter.heads)
    check_scale(adapter, adapter.scale)
    one_of(adapter, ACTIVATIONS, activation=adapter.activation)
    one_of(adapter, INITS, init=adapter.init)
    one_of(adapter, GATES, gate=adapter.gate)


def check_heads(method: object, width: int, heads: int) -> None:
    """Refuse heads that do not divide the width."""
    positive(method, heads=heads)
    if width % heads:
        raise Unsupported(
            f"The {heads} heads of {type(method).__name__} do not divide its width {width}; give a divisor of it."
        )


def check_scale(method: object, scale: float | str) -> None:
    """Refuse a scale that is neither above 0 nor learnt."""
    if isinstance(scale, str):
        one_of(method, [LEARNED], scale=scale)
    else:
        positive(method, scale=scale)


def indivisible(method: Any, anatomy: Anatomy) -> str | None:
    """Why the features of a model cannot be divided by an adapter's heads; None where they can."""
    if anatomy.hidden % method.heads == 0:
        return None
    return f"{method.heads} heads do not divide the {anatomy.hidden} features of the {anatomy.model_type!r} model"


def attach_adapter(adapter: Serial | Parallel, host: Host, name: str) -> None:
    """Add an adapter to the feed-forward block of each kept layer.

    Raises:
        Unsupported: the heads do not divide the features, or there is one of its kind already.
    """
    refuse(adapter.supports(host.anatomy), adapter)
    hidden = host.anatomy.hidden
    for layer in host.kept:
        made = Bottleneck(hidden, adapter.width, adapter.activation, adapter.init, adapter.scale, adapter.heads)
        gate = granular(adapter.gate, hidden, adapter.gate_width)
        insert(host, layer, "ffn", name, Insertion(made, sequential=name == "serial", gate=gate))
