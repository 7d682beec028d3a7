"""Where things are in an encoder of `transformers`: its layers, and in each of them what methods attach to."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import Unsupported
from .layouts import LAYOUTS, Layout

if TYPE_CHECKING:
    import torch
    from torch import nn

REGISTRY = "ALL_ATTENTION_FUNCTIONS"
"""The table of `transformers` from which the attention of most models takes the function that computes it."""


@dataclass(frozen=True)
class Layer:
    """One transformer layer, as dotted names of modules from the model's root.

    Attributes:
        index: its number, from 0.
        name: the layer itself.
        attention: the module that computes self-attention, from queries to weighted values.
        query, key, value, output: its Linear modules; the first three are one and the same where they are fused.
        attention_block: the module that puts out what self-attention adds to the residual stream (before a LayerNorm
            that closes it, if there is one).
        attention_norm: the LayerNorm that closes the attention block; None in pre-LN models.
        ffn_in, ffn_out: the Linear modules of the feed-forward block; `ffn_in` receives the block's input.
        ffn_norm: the LayerNorm that closes the feed-forward block; None in pre-LN models.
        ffn_block: the module that puts out what the feed-forward block adds to the residual stream.
    """

    index: int
    name: str
    attention: str
    query: str
    key: str
    value: str
    output: str
    attention_block: str
    attention_norm: str | None
    ffn_in: str
    ffn_out: str
    ffn_norm: str | None
    ffn_block: str

    @property
    def fused(self) -> bool:
        """Whether queries, keys and values come from a single Linear."""
        return self.query == self.key

    def linears(self) -> tuple[str, ...]:
        """Its Linear modules, each once, in the order of `query, key, value, output, ffn_in, ffn_out`."""
        names = (self.query, self.key, self.value, self.output, self.ffn_in, self.ffn_out)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Anatomy:
    """What methods and spaces need to know of a model; no weights.

    Attributes:
        model_type: as in its config: `"bert"`.
        hidden: features of a token between layers.
        heads: of self-attention.
        layers: in the order in which they run.
        pre_norm: normalises before each block, not after it.
        shares_layers: all layers have the same weights (ALBERT), so that one of them cannot be left out.
        registry_attention: attention goes through the registry of `transformers`, where prefixes are added.
        embedding_width: features of the word embeddings, before they are projected to `hidden`.
        prefix: what the names of the backbone start with: `""`, or `"bert."` below a head.
        shapes: of all parameters of the backbone, by dotted name from the model's root; each tied one once.
        norms: dotted names of the modules of the backbone that normalise features.
        config: of the model, to make a twin of the backbone on the meta device.
    """

    model_type: str
    hidden: int
    heads: int
    layers: tuple[Layer, ...]
    pre_norm: bool
    shares_layers: bool
    registry_attention: bool
    embedding_width: int
    prefix: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False, hash=False)
    norms: tuple[str, ...] = field(default=(), repr=False)
    config: Any = field(default=None, repr=False, compare=False)

    @property
    def parameters(self) -> int:
        """Parameters of the backbone, without a head."""
        return sum(map(math.prod, self.shapes.values()))

    def below(self, module: str) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the parameters of a module and of those inside it, by dotted name from the model's root."""
        return {name: shape for name, shape in self.shapes.items() if name.startswith(f"{module}.")}

    def linear(self, module: str) -> tuple[int, int]:
        """Inputs and outputs of a Linear."""
        outputs, inputs = self.shapes[f"{module}.weight"]
        return inputs, outputs

    @classmethod
    def of(cls, model: nn.Module) -> Anatomy:
        """The anatomy of an encoder of `transformers`, bare or with a head.

        Raises:
            Unsupported: it is no such model, or its parts are not known.
        """
        config = getattr(model, "config", None)
        if config is None or not hasattr(config, "model_type"):
            raise Unsupported(
                f"{type(model).__name__} is no model of transformers, so its parts are not known; load one with "
                "AutoModel.from_pretrained."
            )
        backbone: nn.Module = getattr(model, "base_model", model)
        prefix = _prefix(model, backbone)
        blocks, layout = _found(backbone, config.model_type)
        layers = tuple(
            _layer(index, f"{prefix}{name}", block, layout) for index, (name, block) in enumerate(blocks.items())
        )
        return cls(
            model_type=config.model_type,
            hidden=config.hidden_size,
            heads=config.num_attention_heads,
            layers=layers,
            pre_norm=layout.ffn_norm is None,
            shares_layers=len(layers) < config.num_hidden_layers,
            registry_attention=all(_asks_registry(model.get_submodule(layer.attention)) for layer in layers),
            embedding_width=_embedding_width(backbone, config.hidden_size),
            prefix=prefix,
            shapes={f"{prefix}{name}": tuple(p.shape) for name, p in backbone.named_parameters()},
            norms=tuple(f"{prefix}{name}" for name, part in backbone.named_modules() if _normalises(part)),
            config=config,
        )

    @classmethod
    def of_config(cls, config: Any) -> Anatomy:
        """The anatomy that the bare model of a config has; it is made on the meta device, so no weights are.

        Raises:
            Unsupported: as in `of`.
        """
        return cls.of(twin_of(config))


def twin_of(config: Any) -> nn.Module:
    """The bare model of a config, on the meta device: shapes and no weights."""
    import torch
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model: nn.Module = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    return model


def anatomy_of(given: Any) -> Anatomy:
    """The anatomy of a model or of a config, or what is one already.

    Raises:
        Unsupported: as in `Anatomy.of`.
    """
    from transformers import PreTrainedConfig

    if isinstance(given, Anatomy):
        return given
    return Anatomy.of_config(given) if isinstance(given, PreTrainedConfig) else Anatomy.of(given)


def _normalises(module: nn.Module) -> bool:
    """LayerNorm, RMSNorm, and whatever else models call so."""
    return "norm" in type(module).__name__.lower() and not any(module.children())


def _prefix(model: nn.Module, backbone: nn.Module) -> str:
    name = next(name for name, part in model.named_modules() if part is backbone)
    return f"{name}." if name else ""


def _found(backbone: nn.Module, model_type: str) -> tuple[dict[str, nn.Module], Layout]:
    """The layers by name from the backbone, and how they are laid out."""
    for name, blocks in _stacks(backbone):
        layout = next((one for one in LAYOUTS if all(map(one.fits, blocks))), None)
        if layout is not None:
            return {f"{name}.{index}": block for index, block in enumerate(blocks)}, layout
    raise Unsupported(
        f"The parts of a {model_type!r} model are not known; use an encoder such as BERT, RoBERTa, DistilBERT, "
        "ModernBERT or DeBERTa, or add the names of its modules to LAYOUTS in paretree/spaces/peft/layouts.py."
    )


def _stacks(backbone: nn.Module) -> Iterator[tuple[str, list[nn.Module]]]:
    """The lists of modules, those with most parameters first."""
    from torch import nn

    found = [(name, list(part)) for name, part in backbone.named_modules() if isinstance(part, nn.ModuleList) and part]
    yield from sorted(found, key=lambda stack: -sum(p.numel() for block in stack[1] for p in block.parameters()))


def _layer(index: int, name: str, block: nn.Module, layout: Layout) -> Layer:
    parts: dict[str, Any] = {role: part and f"{name}.{part}" for role, part in layout.names().items()}
    return Layer(index=index, name=name, **parts)


def _asks_registry(attention: nn.Module) -> bool:
    """Whether its forward looks up the function that computes attention, in the registry of `transformers`."""
    return REGISTRY in inspect.unwrap(type(attention).forward).__code__.co_names


def _embedding_width(backbone: nn.Module, hidden: int) -> int:
    try:
        words: torch.nn.Embedding = backbone.get_input_embeddings()  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return hidden
    return words.embedding_dim
