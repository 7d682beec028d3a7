"""Recurrent layers over sequences (N, T, F): the width F follows from the input."""

from __future__ import annotations

import torch
from torch import nn

from .first_input import MadeOnFirstInput


class Recurrent(MadeOnFirstInput):
    """A recurrent layer of torch that puts out the whole sequence, or only the last state.

    `output="sequence"` gives (N, T, D), `output="last"` gives (N, D): what the top layer knows at the end, of both
    directions where there are two. D is `features`, or twice that if `bidirectional`.
    """

    kind: type[nn.LSTM] | type[nn.GRU]
    rnn: nn.LSTM | nn.GRU

    def __init__(
        self,
        features: int,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        output: str = "sequence",
    ) -> None:
        super().__init__()
        self.features, self.layers, self.bidirectional = features, layers, bidirectional
        self.dropout, self.output = dropout, output

    def make(self, x: torch.Tensor) -> None:  # type: ignore[override]
        """A layer for inputs of this width; between its layers is dropout, so a single one has none."""
        self.rnn = self.kind(
            x.shape[-1],
            self.features,
            self.layers,
            batch_first=True,
            dropout=self.dropout if self.layers > 1 else 0.0,
            bidirectional=self.bidirectional,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T, F) to (N, T, D) or (N, D)."""
        sequence: torch.Tensor
        sequence, state = self.rnn(x)
        if self.output == "sequence":
            return sequence
        hidden: torch.Tensor = state[0] if isinstance(state, tuple) else state
        directions = 2 if self.bidirectional else 1
        return torch.cat(list(hidden[-directions:]), dim=-1)


class LSTM(Recurrent):
    """`torch.nn.LSTM`."""

    kind = nn.LSTM


class GRU(Recurrent):
    """`torch.nn.GRU`."""

    kind = nn.GRU
