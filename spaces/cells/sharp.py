"""Cells that sharpDARTS found, by the names of its code, in the notation of `Genotype`.

Source: Hundt, Jain and Hager, 2019, arXiv 1903.09900; ahundt/sharpDARTS, `cnn/genotypes.py` (Apache-2.0). "Scalar" is
the weighted sum of DARTS, "Max-W" their regularisation of it.
"""

from __future__ import annotations

from .genotype import Genotype

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
