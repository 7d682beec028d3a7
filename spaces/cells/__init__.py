"""Cells: DARTS', sharpDARTS' and NAS-Bench-201's, from one definition with two views.

`CellSpace` is the definition. Its `space()` is a tree of decisions for every sampler of `paretree.search`; a `Supernet`
has all of its operations at once, for the gradient search of `paretree.search.oneshot`. `Genotype`, configuration and
table of weights are turned into each other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .genotype import AMOEBANET, DARTS_V1, DARTS_V2, NASNET, CellGenotype, Genotype
from .hypercuboid import HyperCuboidSpace, Path
from .longest_paths import best_paths, greedy_path, sample_path
from .primitives import DARTS, NASBENCH201, SHARP, SHARP_DARTS, SHARPER, Primitive, PrimitiveSet, primitive_set
from .sharp import (
    SHARP_DARTS_GENOTYPE,
    SHARP_DARTS_MAX_W_GENOTYPE,
    SHARP_PATHS,
    SHARPER_MAX_W_GENOTYPE,
    SHARPER_MAX_W_NO_HACK_GENOTYPE,
    SHARPER_SCALAR_GENOTYPE,
    SHARPER_SCALAR_NO_HACK_GENOTYPE,
    SHARPSEPCONV_DARTS_GENOTYPE,
    SHARPSEPCONV_DARTS_MAX_W_GENOTYPE,
)
from .skeleton import MacroSkeleton
from .space import NASBENCH201_CELLS, CellSpace, darts_space

if TYPE_CHECKING:
    from .annealing import CosinePowerAnnealingLR, cosine_power
    from .batched import BatchedEdges
    from .drawing import cells_of, draw_cell, draw_genotype
    from .edges import Edges
    from .hypercuboid_net import HyperCuboidSupernet
    from .images import Augmentation, Images
    from .network import CellNetwork
    from .operations import SharpSepConv
    from .supernet import NASBench201Supernet, Supernet
    from .training import CellTraining, cell_trial, train_cell

HEAVY = {
    "Augmentation": "images",
    "BatchedEdges": "batched",
    "CellNetwork": "network",
    "CellTraining": "training",
    "CosinePowerAnnealingLR": "annealing",
    "Edges": "edges",
    "HyperCuboidSupernet": "hypercuboid_net",
    "Images": "images",
    "NASBench201Supernet": "supernet",
    "SharpSepConv": "operations",
    "Supernet": "supernet",
    "cell_trial": "training",
    "cells_of": "drawing",
    "cosine_power": "annealing",
    "draw_cell": "drawing",
    "draw_genotype": "drawing",
    "train_cell": "training",
}
"""What needs torch or scipy, and the module that has it."""

__all__ = [
    "AMOEBANET",
    "DARTS",
    "DARTS_V1",
    "DARTS_V2",
    "NASBENCH201",
    "NASBENCH201_CELLS",
    "NASNET",
    "SHARP",
    "SHARPER",
    "SHARPER_MAX_W_GENOTYPE",
    "SHARPER_MAX_W_NO_HACK_GENOTYPE",
    "SHARPER_SCALAR_GENOTYPE",
    "SHARPER_SCALAR_NO_HACK_GENOTYPE",
    "SHARPSEPCONV_DARTS_GENOTYPE",
    "SHARPSEPCONV_DARTS_MAX_W_GENOTYPE",
    "SHARP_DARTS",
    "SHARP_DARTS_GENOTYPE",
    "SHARP_DARTS_MAX_W_GENOTYPE",
    "SHARP_PATHS",
    "Augmentation",
    "BatchedEdges",
    "CellGenotype",
    "CellNetwork",
    "CellSpace",
    "CellTraining",
    "CosinePowerAnnealingLR",
    "Edges",
    "Genotype",
    "HyperCuboidSpace",
    "HyperCuboidSupernet",
    "Images",
    "MacroSkeleton",
    "NASBench201Supernet",
    "Path",
    "Primitive",
    "PrimitiveSet",
    "SharpSepConv",
    "Supernet",
    "best_paths",
    "cell_trial",
    "cells_of",
    "cosine_power",
    "darts_space",
    "draw_cell",
    "draw_genotype",
    "greedy_path",
    "primitive_set",
    "sample_path",
    "train_cell",
]


def __getattr__(name: str) -> Any:
    """Load what needs a heavy library when it is first asked for."""
    if name not in HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{HEAVY[name]}", __name__), name)
