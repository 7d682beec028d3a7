"""How large a transformer is, counted as scaling laws count it: without embeddings, with all experts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..node import Node
from .amounts import human
from .errors import LawError
from .formula import Quantity

if TYPE_CHECKING:
    from torch import nn

NAMES: dict[str, tuple[str, ...]] = {
    "hidden": ("hidden_size", "n_embd", "d_model", "dim"),
    "ffn": ("moe_intermediate_size", "intermediate_size", "ffn_dim", "n_inner", "d_ff"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "num_heads"),
    "kv_heads": ("num_key_value_heads",),
    "head_width": ("head_dim",),
    "vocabulary": ("vocab_size",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "active_experts": ("num_experts_per_tok",),
    "shared_experts": ("n_shared_experts",),
}
"""What the configurations of Hugging Face's models call it."""

NEEDED = ("hidden", "ffn", "layers")

UNGATED = {"gpt2", "gpt_neo", "gpt_neox", "gptj", "gpt_bigcode", "opt", "bloom", "bert", "roberta", "falcon", "phi"}
"""Types of models whose feed-forward part has two matrices, not three."""


@dataclass(frozen=True)
class ModelSize:
    """The parameters of a transformer, by kind; numbers, or expressions where the shape is searched.

    Attributes:
        non_embedding: the matrices of attention and feed-forward parts, of all experts: what a law calls N.
        active: the same with the experts that one token meets.
        embedding: the table of the vocabulary and, where it is not tied to it, the output layer; None where the
            vocabulary was not said.
        attention_width: layers times hidden width, of which attention's operations on sequences are a multiple.
        counting: in words, what was counted.
    """

    non_embedding: Quantity
    active: Quantity
    embedding: Quantity | None = None
    attention_width: Quantity | None = None
    counting: str = ""

    @property
    def N(self) -> Quantity:  # noqa: N802
        """What the laws of this package want."""
        return self.non_embedding

    @property
    def total(self) -> Quantity:
        """Everything that was counted."""
        return self.non_embedding if self.embedding is None else cast(Quantity, self.non_embedding + self.embedding)

    @classmethod
    def from_config(
        cls,
        hidden: Quantity,
        ffn: Quantity,
        layers: Quantity,
        *,
        heads: Quantity | None = None,
        kv_heads: Quantity | None = None,
        head_width: Quantity | None = None,
        gated: bool = True,
        vocabulary: Quantity | None = None,
        tied: bool = True,
        experts: Quantity = 1,
        active_experts: Quantity | None = None,
        shared_experts: Quantity = 0,
    ) -> ModelSize:
        """The size of a transformer of such a shape: `layers * (4 hidden^2 + 3 hidden ffn)` for the plain gated one.

        Biases, norms and routers are left out, as the Step Law does: its table has exactly this N.

        Args:
            hidden: width of the residual stream.
            ffn: inner width of the feed-forward part, of one expert.
            layers: number of blocks.
            heads, kv_heads: of queries, and of keys and values where they are fewer.
            head_width: where it is not `hidden / heads`.
            gated: whether the feed-forward part has three matrices (SwiGLU), not two.
            vocabulary: tokens in the table of embeddings.
            tied: whether the output layer is that table.
            experts: feed-forward parts per layer to route to.
            active_experts: of these for each token; None for all.
            shared_experts: feed-forward parts that every token meets besides.

        Raises:
            LawError: heads are missing that other arguments need, a size is not positive, or more experts are active
                than there are.
        """
        _check_sizes(hidden=hidden, ffn=ffn, layers=layers, experts=experts)
        attention = _attention(hidden, heads, kv_heads, head_width)
        expert: Any = (3 if gated else 2) * hidden * ffn
        met = experts if active_experts is None else active_experts
        if not isinstance(met, Node) and not isinstance(experts, Node) and met > experts:
            raise LawError(f"{met} experts cannot be active where there are {experts}; see active_experts.")
        return cls(
            non_embedding=layers * (attention + expert * (experts + shared_experts)),
            active=layers * (attention + expert * (met + shared_experts)),
            embedding=None if vocabulary is None else vocabulary * hidden * (1 if tied else 2),
            attention_width=layers * hidden,
            counting="matrices of attention and feed-forward parts, without embeddings, norms and biases"
            + ("" if not isinstance(experts, Node) and experts == 1 else ", of all experts"),
        )

    @classmethod
    def from_hugging_face(cls, config: Any) -> ModelSize:
        """The same from the configuration of a model of `transformers`, or a mapping with its names.

        A feed-forward part counts as gated, unless `model_type` is known to have a plain one (GPT-2, OPT, BERT, ...).

        Raises:
            LawError: the width, the layers, or the inner width are not in it.
        """
        if not isinstance(config, Mapping):
            config = config.to_dict() if hasattr(config, "to_dict") else vars(config)
        found = {ours: _first(config, theirs) for ours, theirs in NAMES.items()}
        if found["ffn"] is None and config.get("model_type") == "gpt2" and found["hidden"] is not None:
            found["ffn"] = 4 * found["hidden"]
        missing = [name for name in NEEDED if found[name] is None]
        if missing:
            raise LawError(
                f"The configuration has none of {', '.join(NAMES[missing[0]])}; say it, as "
                "ModelSize.from_config(hidden=…, ffn=…, layers=…)."
            )
        given = {name: value for name, value in found.items() if value is not None}
        gated = config.get("model_type") not in UNGATED
        return cls.from_config(**given, gated=gated, tied=bool(config.get("tie_word_embeddings", True)))

    @classmethod
    def from_module(cls, module: nn.Module, output: str | None = None) -> ModelSize:
        """The parameters that a torch module really has: norms and biases count, tables of embeddings do not.

        All experts count as active.

        Args:
            module: the model.
            output: where the output layer stands in it, as "lm_head", to be left out as the tables are. One that is
                tied to a table is left out anyway.

        Raises:
            LawError: there is no such layer, or the module has no other parameters.
        """
        from torch import nn

        parts = dict(module.named_modules())
        if output is not None and output not in parts:
            raise LawError(
                f"{type(module).__name__} has no part {output!r}; say the output layer as named_modules() does."
            )
        left_out = [part for part in parts.values() if isinstance(part, nn.Embedding)]
        left_out += [] if output is None else [parts[output]]
        embedding = {weight: weight.numel() for part in left_out for weight in part.parameters()}
        rest = sum(weight.numel() for weight in module.parameters() if weight not in embedding)
        if not rest:
            raise LawError(f"{type(module).__name__} has no parameters besides embeddings, so it has no N.")
        counting = "all parameters of the module but embeddings"
        return cls(rest, rest, sum(embedding.values()), counting=counting)

    def flops_per_token(self, seq_len: int) -> Quantity:
        """Training operations per token without embeddings, attention included: `6 active + 12 layers hidden seq_len`.

        M of DeepSeek-AI 2024 (arXiv 2401.02954), as the Step Law computes it.

        Raises:
            LawError: the shape is not known, since a module was counted.
        """
        if self.attention_width is None:
            raise LawError("The operations of attention follow from the shape; take ModelSize.from_config(...).")
        return cast(Quantity, 6 * self.active + 12 * self.attention_width * seq_len)

    def __str__(self) -> str:
        parts = {"N": self.non_embedding, "active": self.active, "embedding": self.embedding}
        said = [f"{name} = {_text(value)}" for name, value in parts.items() if value is not None]
        return f"{', '.join(said)} ({self.counting})"


def _attention(hidden: Quantity, heads: Quantity | None, kv_heads: Quantity | None, head_width: Quantity | None) -> Any:
    """Parameters of the four matrices of one layer."""
    if heads is None and (kv_heads is not None or head_width is not None):
        raise LawError("kv_heads and head_width say something only together with heads; give heads too.")
    if heads is None:
        return 4 * hidden**2
    width: Any = hidden / heads if head_width is None else head_width
    return 2 * hidden * width * (heads + (heads if kv_heads is None else kv_heads))


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _check_sizes(**sizes: Quantity) -> None:
    for name, size in sizes.items():
        if not isinstance(size, Node) and not size > 0:
            raise LawError(f"{name} is positive, not {size!r}.")


def _text(value: Quantity) -> str:
    return repr(value) if isinstance(value, Node) else human(value)
