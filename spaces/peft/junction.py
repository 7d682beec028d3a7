"""Where adapters join a block: they read what goes in and comes out of it, and add to the residual stream.

No model is rewritten for that; a junction is a module inside a layer whose methods are hooks of the layer's own
modules. Hooks are bound methods, so a deep copy of a model has its own junctions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from .errors import Unsupported

if TYPE_CHECKING:
    from .anatomy import Layer
    from .host import Host

REPRESENTATIONS = ("attn", "ffn")
"""The blocks of a layer, as the unified view names them."""


@dataclass(frozen=True)
class Block:
    """One run of a block, whose tensors are all `batch x tokens x features`.

    Attributes:
        x: what went in.
        total: what goes on: `h + x` in post-LN models, `h` in pre-LN ones.
        norm: the LayerNorm that closes the block; None in pre-LN models.
    """

    x: Tensor
    total: Tensor
    norm: nn.Module | None

    @property
    def h(self) -> Tensor:
        """What the block computed, without its residual connection."""
        return self.total if self.norm is None else self.total - self.x

    @property
    def z(self) -> Tensor:
        """What a sequential adapter reads: `LN(h + x)` in post-LN models, `h` in pre-LN ones."""
        return self.total if self.norm is None else self.norm.forward(self.total)


class Insertion(nn.Module):
    """An adapter in its place in a block.

    Args:
        adapter: makes a change from what it reads.
        sequential: it reads what the block puts out, else what goes in.
        gate: of `gates`, or None where the change is simply added.
    """

    def __init__(self, adapter: nn.Module, sequential: bool, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.adapter, self.sequential, self.gate = adapter, sequential, gate

    def forward(self, block: Block) -> Tensor:
        """What is added to the residual stream."""
        delta: Tensor = self.adapter(block.z if self.sequential else block.x)
        return delta if self.gate is None else self.gate(block.x, block.h, delta)


class Junction(nn.Module):
    """All adapters of one block; each reads the block as it would be without the others.

    In post-LN models the block's end becomes `LN(s + ...)` with `s = h + x`; with a serial and a parallel adapter that
    is AutoPEFT's `LN(h + x + SA(LN(h + x)) + PA(x))`. In pre-LN models it becomes `h + ...`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._x: Tensor | None = None

    def add(self, name: str, insertion: Insertion) -> None:
        """Take in one more adapter.

        Raises:
            Unsupported: there is one of this name already.
        """
        if name in self._modules:
            raise Unsupported(
                f"There are two {name!r} adapters for one block; a layer takes each kind once, so drop one of them."
            )
        self.add_module(name, insertion)

    def input_is_output(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        """Hook of the module whose output goes into the block."""
        self._x = output

    def input_is_argument(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Hook of the block's first module, before it runs."""
        self._x = args[0]

    def before_norm(self, norm: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Hook of the LayerNorm that closes a block, before it runs."""
        x, self._x = self._x, None
        assert x is not None
        return (self._joined(Block(x, args[0], norm)), *args[1:])

    def after_block(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        """Hook of a block that no LayerNorm closes, after it has run."""
        if isinstance(output, tuple):
            return (self._joined(Block(args[0], output[0], None)), *output[1:])
        return self._joined(Block(args[0], output, None))

    def _joined(self, block: Block) -> Tensor:
        return sum((insertion(block) for insertion in self.children()), start=block.total)

    def __getstate__(self) -> dict[str, Any]:
        """Without the tensor under way, which cannot be copied; checkpointed layers may leave one behind."""
        return {**self.__dict__, "_x": None}


def insert(host: Host, layer: Layer, representation: str, name: str, insertion: Insertion) -> None:
    """Put an adapter into a block of a layer, with the type, device and mode of that layer.

    Args:
        host: the model.
        layer: one of its layers.
        representation: the block, one of `REPRESENTATIONS`.
        name: of the adapter among those of the block.
        insertion: the adapter.

    Raises:
        Unsupported: there is one of this name already, or the model computes its feed-forward blocks in chunks.
    """
    holder = host.module(layer.name)
    like = next(parameter for parameter in holder.parameters() if parameter.is_floating_point())
    _junction(host, layer, representation).add(name, insertion.to(like).train(holder.training))


def _junction(host: Host, layer: Layer, representation: str) -> Junction:
    name = f"{representation}_junction"
    present = getattr(host.module(layer.name), name, None)
    if isinstance(present, Junction):
        return present
    if getattr(host.model.config, "chunk_size_feed_forward", 0):
        raise Unsupported(
            "The model computes its feed-forward blocks in chunks, which adapters cannot follow; "
            "set chunk_size_feed_forward=0 in its config."
        )
    made = Junction()
    host.add(layer.name, name, made)
    if representation == "ffn":
        _join_ffn(host, layer, made)
    else:
        _join_attention(host, layer, made)
    return made


def _join_ffn(host: Host, layer: Layer, junction: Junction) -> None:
    if layer.ffn_norm is None or layer.attention_norm is None:
        host.module(layer.ffn_block).register_forward_hook(junction.after_block)
        return
    host.module(layer.attention_norm).register_forward_hook(junction.input_is_output)
    host.module(layer.ffn_norm).register_forward_pre_hook(junction.before_norm)


def _join_attention(host: Host, layer: Layer, junction: Junction) -> None:
    if layer.attention_norm is None:
        host.module(layer.attention_block).register_forward_hook(junction.after_block)
        return
    host.module(layer.attention).register_forward_pre_hook(junction.input_is_argument)
    host.module(layer.attention_norm).register_forward_pre_hook(junction.before_norm)
