"""How the layers of the encoders of `transformers` (5.23) name their parts."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Layout:
    """Names of the parts of a layer, from the layer on; what they are is told in `Layer`."""

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

    def names(self) -> dict[str, str | None]:
        """The names by role."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def fits(self, block: nn.Module) -> bool:
        """Whether a layer has all these parts."""
        present = {name for name, _ in block.named_modules()}
        return all(name in present for name in self.names().values() if name is not None)


BERT = Layout(
    attention="attention.self",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    output="attention.output.dense",
    attention_block="attention.output.dropout",
    attention_norm="attention.output.LayerNorm",
    ffn_in="intermediate.dense",
    ffn_out="output.dense",
    ffn_norm="output.LayerNorm",
    ffn_block="output.dropout",
)
"""BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA, LayoutLM, and others that were copied from them."""

DEBERTA = replace(
    BERT,
    query="attention.self.query_proj",
    key="attention.self.key_proj",
    value="attention.self.value_proj",
)
"""DeBERTa v2 and v3."""

MPNET = replace(
    BERT,
    attention="attention.attn",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    output="attention.attn.o",
    attention_block="attention.dropout",
    attention_norm="attention.LayerNorm",
)

DISTILBERT = Layout(
    attention="attention",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    output="attention.out_lin",
    attention_block="attention.out_lin",
    attention_norm="sa_layer_norm",
    ffn_in="ffn.lin1",
    ffn_out="ffn.lin2",
    ffn_norm="output_layer_norm",
    ffn_block="ffn",
)

ALBERT = Layout(
    attention="albert_layers.0.attention",
    query="albert_layers.0.attention.query",
    key="albert_layers.0.attention.key",
    value="albert_layers.0.attention.value",
    output="albert_layers.0.attention.dense",
    attention_block="albert_layers.0.attention.output_dropout",
    attention_norm="albert_layers.0.attention.LayerNorm",
    ffn_in="albert_layers.0.ffn",
    ffn_out="albert_layers.0.ffn_output",
    ffn_norm="albert_layers.0.full_layer_layer_norm",
    ffn_block="albert_layers.0.ffn_output",
)

MODERNBERT = Layout(
    attention="attn",
    query="attn.Wqkv",
    key="attn.Wqkv",
    value="attn.Wqkv",
    output="attn.Wo",
    attention_block="attn",
    attention_norm=None,
    ffn_in="mlp.Wi",
    ffn_out="mlp.Wo",
    ffn_norm=None,
    ffn_block="mlp",
)

LAYOUTS = (BERT, DEBERTA, MPNET, DISTILBERT, ALBERT, MODERNBERT)
