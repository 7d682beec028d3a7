"""An encoder with a head on it, for one label of a whole text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .anatomy import Anatomy

Pooling = Literal["mean", "first"]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """An encoder of `transformers`, without a head, and its tokenizer."""

    encoder: nn.Module
    tokenizer: Any

    @classmethod
    def load(cls, place: str | PathLike[str]) -> Pretrained:
        """Those of a folder, or of a name that the Hugging Face Hub knows; loaded once in a process."""
        return _load(str(place))


class Classifier(nn.Module):
    """The hidden states of an encoder, pooled over tokens; dropout; a new Linear.

    The Linear starts as in a new BERT, weights N(0, 0.02) and biases 0.

    Args:
        encoder: gives `last_hidden_state` `(texts, tokens, features)`.
        hidden: how many features.
        outputs: numbers for each text.
        pooling: the mean over the tokens that are no padding, or the state of the first token.
        dropout: before the Linear.
    """

    def __init__(
        self, encoder: nn.Module, hidden: int, outputs: int, pooling: Pooling = "mean", dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What is predicted of the texts of a batch `(texts, outputs)`."""
        states: Tensor = self.encoder(**batch).last_hidden_state
        pooled: Tensor = self.head(self.dropout(self._pooled(states, batch["attention_mask"])))
        return pooled

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "first":
            return states[:, 0]
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)


def rest(encoder: nn.Module, anatomy: Anatomy, depth: int) -> None:
    """Turn dropout off below the layer `depth`, and everywhere outside of the layers where that is above 0.

    What is frozen then computes the same every time, which makes it worth keeping.
    """
    if depth == 0:
        return
    above = {id(part) for layer in anatomy.layers[depth:] for part in encoder.get_submodule(layer.name).modules()}
    for part in encoder.modules():
        if id(part) not in above:
            part.training = False


@lru_cache(maxsize=2)
def _load(place: str) -> Pretrained:
    from transformers import AutoModel, AutoTokenizer

    encoder = AutoModel.from_pretrained(place, dtype=torch.float32)
    return Pretrained(encoder, AutoTokenizer.from_pretrained(place))
