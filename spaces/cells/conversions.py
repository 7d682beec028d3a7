"""Supernets with plain and with batched edges, turned into each other, and compiled."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from .batched import BatchedEdges
from .edges import Edges

Network = TypeVar("Network", bound=nn.Module)
Kind = TypeVar("Kind", Edges, BatchedEdges)

CLASSES = 64
"""Of cells that are compiled at most; PyTorch's own limit of 8 is less than a supernet of 8 cells has."""


def load_edges(batched: BatchedEdges, edges: Edges) -> None:
    """Give batched edges the parameters and statistics of plain ones, which must be of the same space and size."""
    for own, plain in _pairs(batched, edges):
        own.copy_(plain[0] if own.dim() == 0 else torch.cat(plain))


def store_edges(batched: BatchedEdges, edges: Edges) -> None:
    """Give plain edges the parameters and statistics of batched ones."""
    for own, plain in _pairs(batched, edges):
        parts = [own] * len(plain) if own.dim() == 0 else own.chunk(len(plain))
        for part, one in zip(parts, plain, strict=True):
            one.copy_(part)


def _pairs(batched: BatchedEdges, edges: Edges) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Each tensor of batched edges, and those of plain edges that it consists of."""
    for leaving in batched.rounds:
        plain = [edges.mixed[row].state_dict() for row in leaving.rows.tolist()]
        for _, primitive in leaving.primitives:
            step = len(leaving.targets) if leaving.shared(primitive) else 1
            state = leaving.operations[primitive.name].state_dict(prefix=f"{primitive.name}.")
            for (name, own), first in product(state.items(), range(step)):
                yield own, [one[name] for one in plain[first::step]]


def with_batched_edges(network: Network) -> Network:
    """A copy of a supernet whose `Edges` are `BatchedEdges`, with the same parameters and statistics."""
    copied = deepcopy(network)
    for module, name, edges in _inside(copied, Edges):
        batched = BatchedEdges(edges.space, edges.channels, edges.reduces, edges.portion).to(_device(edges))
        load_edges(batched, edges)
        module.add_module(name, batched.train(edges.training))
    return copied


def with_plain_edges(network: Network) -> Network:
    """A copy of a supernet whose `BatchedEdges` are `Edges`, with the same parameters and statistics."""
    copied = deepcopy(network)
    for module, name, batched in _inside(copied, BatchedEdges):
        edges = Edges(batched.space, batched.channels, batched.reduces, batched.portion).to(_device(batched))
        store_edges(batched, edges)
        module.add_module(name, edges.train(batched.training))
    return copied


def compiled(network: Network) -> Network:
    """The same supernet, whose edges are compiled when they are first called with inputs of a new shape.

    Only the edges are, since a whole supernet would take many times as long to compile. Cells of one class, that is of
    one type, as many channels and the same size of images, share what was compiled; with and without gradients of the
    weights they are compiled by themselves. On a CPU it needs a C++ compiler, and minutes for each class: it is worth
    that in a long search only.
    """
    accepted = inspect.signature(torch.compile).parameters
    options = {"recompile_limit": CLASSES} if "recompile_limit" in accepted else {}
    for _, _, edges in [*_inside(network, Edges), *_inside(network, BatchedEdges)]:
        edges.compile(dynamic=False, **options)
    return network


def _inside(network: nn.Module, kind: type[Kind]) -> list[tuple[nn.Module, str, Kind]]:
    """All modules of a kind: that which it is part of, its name there, and itself."""
    found = []
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, kind):
                found.append((module, name, child))
    return found


def _device(module: nn.Module) -> torch.device:
    return cast(Tensor, next(iter(module.state_dict().values()))).device
