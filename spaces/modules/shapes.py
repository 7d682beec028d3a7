"""Which dimension of a tensor holds features, and shapes as messages tell them."""

from __future__ import annotations

import torch


def feature_dim(rank: int, dim: int | None) -> int:
    """The dimension of channels or features, from 1 on: `dim` if given, else 1 from rank 4 on and the last below.

    Raises:
        ValueError: a tensor of this rank has no such dimension, or it is the batch.
    """
    if dim is None:
        return 1 if rank >= 4 else rank - 1
    if not dim % rank > 0 or not -rank <= dim < rank:
        raise ValueError(f"dim={dim} names no features of a tensor with {rank} dimensions; use 1 to {rank - 1}, or -1.")
    return dim % rank


def told(x: torch.Tensor) -> str:
    """The shape of one input, without the batch dimension, as it is typed."""
    return str(tuple(x.shape[1:]))
