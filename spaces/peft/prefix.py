"""Prefix tuning: learnt keys and values before those of the tokens, in the self-attention of each kept layer.

A layer with a prefix asks the attention registry of `transformers` for `REGISTERED`, which puts the prefix in front and
hands over to the function that the model uses otherwise. Other layers, models and masks are left as they are.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .checks import positive, refuse
from .errors import Unsupported

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from .anatomy import Anatomy
    from .host import Host

REGISTERED = "paretree_prefix"
"""Name of `attend` in the attention registry of `transformers`."""

FUNCTIONS = ("eager", "sdpa")
"""Implementations of attention that take keys which are more than the queries, with a mask of four dimensions."""

TRUNK = "prefix_trunk"


@dataclass(frozen=True)
class Prefix:
    """Learnt keys and values in the self-attention of each kept layer.

    Li & Liang 2021 (ACL, arXiv 2101.00190); initial values as in the libraries `adapters` and `peft`.

    Args:
        length: how many positions.
        bottleneck: inner width of the MLP through which keys and values are trained, 800 in AutoPEFT and MAM; None to
            train them themselves. `Adapted.eject` turns the former into the latter.

    Raises:
        Unsupported: an argument is not above 0.
    """

    length: int
    bottleneck: int | None = None

    def __post_init__(self) -> None:
        positive(self, length=self.length)
        if self.bottleneck is not None:
            positive(self, bottleneck=self.bottleneck)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        if anatomy.registry_attention:
            return None
        return f"the attention of the {anatomy.model_type!r} model bypasses the attention registry of transformers"

    def attach(self, host: Host) -> None:
        """Add one to each kept layer.

        Raises:
            Unsupported: the model's attention bypasses the registry or is of a kind that takes no prefix.
        """
        refuse(self.supports(host.anatomy), self)
        if not host.kept:
            return
        like = next(host.model.parameters())
        trunk = None
        if self.bottleneck is not None:
            trunk = Trunk(self.length, host.anatomy.hidden, self.bottleneck).to(like)
            host.add(host.anatomy.prefix.rstrip("."), TRUNK, trunk)
        for layer in host.kept:
            attention = host.module(layer.attention)
            states = Flat.drawn(self.length, host.anatomy) if trunk is None else Branch(trunk, host.anatomy)
            host.add(layer.attention, "prefix", states.to(like))
            _redirect(attention, self)

    def eject(self, host: Host) -> Prefix:
        """Put what the MLP gives in its place, which is all that is needed once training is over.

        Returns:
            The method that describes what now stands.
        """
        for layer in host.kept:
            attention = host.module(layer.attention)
            attention.prefix = Flat(attention.get_submodule("prefix").states())  # type: ignore[operator]
        if self.bottleneck is not None and host.kept:
            delattr(host.module(host.anatomy.prefix.rstrip(".")), TRUNK)
        return replace(self, bottleneck=None)


class Flat(nn.Module):
    """Keys and values that are parameters themselves.

    Args:
        values: at the start, `2 x heads x length x features of a head`.
    """

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.keys_values = nn.Parameter(values.detach().clone())

    @classmethod
    def drawn(cls, length: int, anatomy: Anatomy) -> Flat:
        """One that starts as N(0, 1)."""
        return cls(torch.randn(2, anatomy.heads, length, anatomy.hidden // anatomy.heads))

    def states(self) -> Tensor:
        """Keys and values, `2 x heads x length x features of a head`."""
        return self.keys_values


class Trunk(nn.Module):
    """The part of the MLP that all layers have in common: an embedding, a Linear and a tanh."""

    def __init__(self, length: int, hidden: int, bottleneck: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(length, hidden)
        self.inner = nn.Linear(hidden, bottleneck)

    def forward(self) -> Tensor:
        """`length x bottleneck`."""
        return torch.tanh(self.inner(self.positions.weight))


class Branch(nn.Module):
    """The part of the MLP that makes the keys and values of one layer.

    Args:
        trunk: where it grows from; it belongs to the backbone, so it is no submodule here.
        anatomy: of the model.
    """

    def __init__(self, trunk: Trunk, anatomy: Anatomy) -> None:
        super().__init__()
        self._trunk = (trunk,)  # a tuple hides it from nn.Module, which would list its parameters again in each layer
        self._shape = (2, anatomy.heads, anatomy.hidden // anatomy.heads)
        self.length = trunk.positions.num_embeddings
        self.outer = nn.Linear(trunk.inner.out_features, 2 * anatomy.hidden)

    def states(self) -> Tensor:
        """Keys and values, `2 x heads x length x features of a head`."""
        made: Tensor = self.outer(self._trunk[0]())
        return made.view(-1, *self._shape).permute(1, 2, 0, 3)


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> Any:
    """Attention with the prefix of `module` in front; every token sees all of it.

    Args:
        module: the attention of a layer.
        query, key, value: `batch x heads x tokens x features of a head`.
        attention_mask: `batch x 1 x tokens x tokens`: True (or 0.0) where a token is seen; None where all are.
        options: what else the model tells its attention.

    Raises:
        Unsupported: the model was since switched to an implementation that takes no prefix.
    """
    states: Tensor = module.get_submodule("prefix").states().to(key)  # type: ignore[operator]
    keys, values = states.unsqueeze(1).expand(-1, len(key), -1, -1, -1)
    if attention_mask is not None:
        seen = True if attention_mask.dtype == torch.bool else 0.0
        attention_mask = nn.functional.pad(attention_mask, (keys.shape[-2], 0), value=seen)
    function = _usual_attention(module)
    return function(
        module, query, torch.cat([keys, key], dim=-2), torch.cat([values, value], dim=-2), attention_mask, **options
    )


def _redirect(attention: nn.Module, method: Prefix) -> None:
    """Let one attention module, and no other, ask the registry for `attend`."""
    from transformers import AttentionInterface

    if getattr(attention, "is_causal", False):
        refuse("its self-attention is causal, so this is a decoder", method)
    AttentionInterface.register(REGISTERED, attend)
    attention.usual_config = attention.config
    _usual_attention(attention)
    redirected = copy.copy(attention.usual_config)
    redirected._attn_implementation = REGISTERED  # type: ignore[union-attr]
    attention.config = redirected


def _usual_attention(attention: nn.Module) -> Callable[..., Any]:
    """The function that the model computes attention with, where there is no prefix."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    config: PreTrainedConfig = attention.usual_config  # type: ignore[assignment]
    name = config._attn_implementation
    if name not in FUNCTIONS:
        raise Unsupported(
            f"Attention implementation {name!r} takes no prefix; call model.set_attn_implementation('sdpa') before."
        )
    own = getattr(inspect.getmodule(type(attention)), "eager_attention_forward", None)
    function: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get_interface(name, own)  # type: ignore[arg-type]
    return function
