"""Cells and paths that sharpDARTS found, by the names of its code.

Source: Hundt, Jain and Hager, 2019, arXiv 1903.09900; ahundt/sharpDARTS, `cnn/genotypes.py` (Apache-2.0). "Scalar" is
the weighted sum of DARTS, "Max-W" their regularisation of it.
"""

from __future__ import annotations

from .genotype import Genotype
from .hypercuboid import Path

SHARP_DARTS_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('choke_conv_3x3', 0), ('choke_conv_3x3', 1), ('skip_connect', 0), ('choke_conv_3x3', 1), "
    "('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), ('skip_connect', 1)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('skip_connect', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('flood_conv_3x3', 0)], reduce_concat=range(2, 6))"
)
"""What a scalar search found among the nine of `SHARP`."""

SHARP_DARTS_MAX_W_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('choke_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2), "
    "('dil_flood_conv_3x3', 3), ('flood_conv_3x3', 0), ('dil_flood_conv_3x3', 0), ('flood_conv_3x3', 3)], "
    "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('skip_connect', 1), ('dil_choke_conv_3x3', 0), "
    "('dil_flood_conv_3x3', 2), ('dil_conv_3x3', 0), ('skip_connect', 3), ('flood_conv_3x3', 0), "
    "('skip_connect', 3)], reduce_concat=range(2, 6))"
)
"""What Max-W found among the nine of `SHARP`."""

SHARPSEPCONV_DARTS_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 2), "
    "('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('skip_connect', 1), ('skip_connect', 2), ('avg_pool_3x3', 0), ('skip_connect', 2), "
    "('avg_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 3)], reduce_concat=range(2, 6))"
)
"""What a scalar search found among the eight of `SHARP_DARTS`: 1.98 % error on CIFAR-10 with AutoAugment."""

SHARPSEPCONV_DARTS_MAX_W_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('dil_conv_3x3', 0), ('dil_conv_5x5', 1), ('sep_conv_3x3', 2), ('dil_conv_5x5', 1), "
    "('avg_pool_3x3', 2), ('sep_conv_3x3', 0), ('avg_pool_3x3', 4), ('max_pool_3x3', 3)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('skip_connect', 1), ('sep_conv_5x5', 0), ('skip_connect', 2), ('sep_conv_5x5', 0), "
    "('dil_conv_5x5', 3), ('sep_conv_5x5', 4), ('skip_connect', 3)], reduce_concat=range(2, 6))"
)
"""What Max-W found among the eight of `SHARP_DARTS`."""

SHARPER_SCALAR_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), "
    "('dil_flood_conv_3x3', 3), ('flood_conv_3x3', 1), ('dil_flood_conv_3x3', 3), ('dil_conv_3x3', 4)], "
    "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('skip_connect', 1), ('skip_connect', 1), "
    "('avg_pool_3x3', 0), ('avg_pool_3x3', 1), ('dil_flood_conv_3x3', 0), ('flood_conv_3x3', 3), "
    "('skip_connect', 4)], reduce_concat=range(2, 6))"
)
"""What a scalar search found among the twelve of `SHARPER`."""

SHARPER_SCALAR_NO_HACK_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('none', 1), ('skip_connect', 0), ('none', 2), ('none', 1), ('none', 2), ('none', 1), "
    "('none', 2), ('dil_flood_conv_3x3', 3)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), "
    "('skip_connect', 1), ('skip_connect', 1), ('avg_pool_3x3', 0), ('avg_pool_3x3', 1), ('dil_flood_conv_3x3', 0), "
    "('none', 4), ('flood_conv_3x3', 3)], reduce_concat=range(2, 6))"
)
"""The same search, where "none" may be the best operation too ("no hack")."""

SHARPER_MAX_W_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('dil_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), "
    "('avg_pool_3x3', 3), ('flood_conv_3x3', 0), ('flood_conv_3x3', 1), ('skip_connect', 2)], "
    "normal_concat=range(2, 6), reduce=[('flood_conv_5x5', 0), ('dil_flood_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('skip_connect', 2), ('sep_conv_3x3', 0), ('skip_connect', 2), ('dil_conv_5x5', 4), ('sep_conv_3x3', 0)], "
    "reduce_concat=range(2, 6))"
)
"""What Max-W found among the twelve of `SHARPER`: the cell of SharperDARTS on ImageNet."""

SHARPER_MAX_W_NO_HACK_GENOTYPE = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('dil_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), "
    "('avg_pool_3x3', 3), ('flood_conv_3x3', 0), ('none', 4), ('none', 3)], normal_concat=range(2, 6), "
    "reduce=[('flood_conv_5x5', 0), ('dil_flood_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2), "
    "('sep_conv_3x3', 0), ('skip_connect', 2), ('dil_conv_5x5', 4), ('sep_conv_3x3', 0)], reduce_concat=range(2, 6))"
)
"""The same search, where "none" may be the best operation too."""


def _path(stem: int, stages: str) -> Path:
    """For each stage the width, and "c" for the convolution or "p" for the pool."""
    operations = {"c": "sharp_sep_conv", "p": "resizable_pool"}
    return Path(stem, tuple((int(stage[:-1]), operations[stage[-1]]) for stage in stages.split()))


SHARP_PATHS = {
    "MULTI_CHANNEL_MAX_W_PATH": _path(256, "128p 256p 32p 256p 256c 256p 256p 256p"),
    "MULTI_CHANNEL_SCALAR_PATH": _path(32, "32c 128p 128c 32p 256p 256p 256p 256p"),
    "MULTI_CHANNEL_HANDMADE_PATH": _path(32, "32c 64p 64c 128p 128c 256p 256c 256p"),
    "MULTI_CHANNEL_GREEDY_SCALAR_TOP_DOWN": _path(32, "64p 64p 256p 32c 256c 32c 32p 64p"),
    "MULTI_CHANNEL_GREEDY_SCALAR_BOTTOM_UP": _path(128, "256c 32p 32p 32p 256p 256p 256p 32c"),
    "MULTI_CHANNEL_GREEDY_MAX_W_TOP_DOWN": _path(32, "32p 128c 128c 128c 64c 64c 128c 128p"),
    "MULTI_CHANNEL_GREEDY_MAX_W_BOTTOM_UP": _path(256, "128p 256p 128p 128c 64p 64p 64p 64p"),
    "MULTI_CHANNEL_RANDOM_PATH": _path(64, "128p 128c 256p 256c 128c 32c 64p 32c"),
    "MULTI_CHANNEL_RANDOM_OPTIMAL": _path(64, "64c 128p 32p 256c 32p 256p 128c 128c"),
}
"""Paths through `HyperCuboidSpace()`. Their own code can load none of them any more. Its greedy paths begin at an
arbitrary width, and from the top at an arbitrary operation each time, since it looks for weights where there are none.
"""
