"""Attention over sequences (N, T, F): the width F follows from the input."""

from __future__ import annotations

import torch
from torch import nn

from .first_input import MadeOnFirstInput
from .shapes import told


class SelfAttention(MadeOnFirstInput):
    """`torch.nn.MultiheadAttention` of a sequence to itself; with `causal`, to nothing that comes later.

    Raises:
        ValueError: the input is no sequence, or the heads do not divide its width.
    """

    attention: nn.MultiheadAttention

    def __init__(self, heads: int, dropout: float = 0.0, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.dropout, self.causal = heads, dropout, causal

    def make(self, x: torch.Tensor) -> None:  # type: ignore[override]
        """Attention as wide as the input."""
        width = _width(x, self.heads, "SelfAttention")
        self.attention = nn.MultiheadAttention(width, self.heads, self.dropout, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, F) to (N, T, F)."""
        mask = _causal_mask(x) if self.causal else None
        attended: torch.Tensor = self.attention(x, x, x, need_weights=False, attn_mask=mask, is_causal=self.causal)[0]
        return attended


class TransformerBlock(MadeOnFirstInput):
    """`torch.nn.TransformerEncoderLayer`; with `causal` a block of a decoder-only model.

    Raises:
        ValueError: the input is no sequence, or the heads do not divide its width.
    """

    layer: nn.TransformerEncoderLayer

    def __init__(
        self,
        heads: int,
        ffn: int,
        dropout: float = 0.1,
        activation: str = "gelu",
        norm: str = "pre",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.ffn, self.dropout, self.activation = heads, ffn, dropout, activation
        self.norm_first, self.causal = norm == "pre", causal

    def make(self, x: torch.Tensor) -> None:  # type: ignore[override]
        """A block as wide as the input."""
        self.layer = nn.TransformerEncoderLayer(
            _width(x, self.heads, "TransformerBlock"),
            self.heads,
            self.ffn,
            self.dropout,
            self.activation,
            batch_first=True,
            norm_first=self.norm_first,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, F) to (N, T, F)."""
        mask = _causal_mask(x) if self.causal else None
        transformed: torch.Tensor = self.layer(x, src_mask=mask, is_causal=self.causal)
        return transformed


class PositionalEmbedding(MadeOnFirstInput):
    """Adds a learned vector for each position, up to `length` of them.

    Raises:
        ValueError: the input is no sequence, or longer.
    """

    weight: nn.Parameter

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def make(self, x: torch.Tensor) -> None:  # type: ignore[override]
        """Vectors as wide as the input, drawn with the spread 0.02 of BERT and GPT-2."""
        _require_sequence(x, "PositionalEmbedding")
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(self.length, x.shape[-1]), std=0.02))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, F) to (N, T, F)."""
        if x.shape[-2] > self.length:
            raise ValueError(
                f"A sequence of {x.shape[-2]} is longer than the {self.length} positions of its PositionalEmbedding; "
                "raise its length."
            )
        return x + self.weight[: x.shape[-2]]


def _causal_mask(x: torch.Tensor) -> torch.Tensor:
    """-inf where a position (row) must not look at a later one (column)."""
    return nn.Transformer.generate_square_subsequent_mask(x.shape[-2], device=x.device, dtype=x.dtype)


def _width(x: torch.Tensor, heads: int, what: str) -> int:
    _require_sequence(x, what)
    width = x.shape[-1]
    if width % heads:
        raise ValueError(
            f"{heads} heads do not divide the width {width} of the input of a {what}; choose heads that divide it."
        )
    return width


def _require_sequence(x: torch.Tensor, what: str) -> None:
    if x.dim() != 3:
        raise ValueError(
            f"A {what} needs a sequence of shape (length, features), not an input of shape {told(x)}; "
            "bring its input into this shape before."
        )
