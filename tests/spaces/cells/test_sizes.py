"""Sizes of networks, supernets and operations: those that DARTS' and sharpDARTS' own code has, to the last parameter.

Seven of them stand in the logs of their authors, the others were counted on their code.
"""

import pytest
import torch

from paretree.spaces.cells import (
    AMOEBANET,
    DARTS,
    DARTS_V1,
    DARTS_V2,
    NASNET,
    SHARP,
    SHARP_DARTS,
    SHARP_DARTS_GENOTYPE,
    SHARP_DARTS_MAX_W_GENOTYPE,
    SHARPER,
    SHARPER_MAX_W_GENOTYPE,
    SHARPER_MAX_W_NO_HACK_GENOTYPE,
    SHARPER_SCALAR_GENOTYPE,
    SHARPER_SCALAR_NO_HACK_GENOTYPE,
    SHARPSEPCONV_DARTS_GENOTYPE,
    SHARPSEPCONV_DARTS_MAX_W_GENOTYPE,
    CellNetwork,
    CellSpace,
    MacroSkeleton,
    NASBench201Supernet,
    Supernet,
    primitive_set,
)
from paretree.spaces.cells.operations import operation
from paretree.spaces.cells.primitives import PRIMITIVE_SETS

CIFAR = {
    "DARTS_V1": (DARTS_V1, DARTS, 3_169_414, 3_645_840),
    "DARTS_V2": (DARTS_V2, DARTS, 3_349_342, 3_825_768),
    "NASNET": (NASNET, DARTS, 3_830_950, 4_288_944),
    "AMOEBANET": (AMOEBANET, DARTS, 3_145_078, 3_603_072),
    "DARTS_V2 of sharp operations": (DARTS_V2, SHARP_DARTS, 3_529_270, 4_005_696),
    "SHARPSEPCONV_DARTS": (SHARPSEPCONV_DARTS_GENOTYPE, SHARP_DARTS, 3_555_622, 4_032_048),
    "SHARP_DARTS": (SHARP_DARTS_GENOTYPE, SHARP, 1_974_934, 2_451_360),
    "SHARPSEPCONV_DARTS_MAX_W": (SHARPSEPCONV_DARTS_MAX_W_GENOTYPE, SHARP_DARTS, 3_546_550, 4_022_976),
    "SHARP_DARTS_MAX_W": (SHARP_DARTS_MAX_W_GENOTYPE, SHARP, 8_306_022, 8_782_448),
    "SHARPER_SCALAR": (SHARPER_SCALAR_GENOTYPE, SHARPER, 7_109_470, 7_585_896),
    "SHARPER_MAX_W": (SHARPER_MAX_W_GENOTYPE, SHARPER, 6_087_142, 6_563_568),
    "SHARPER_SCALAR with none": (SHARPER_SCALAR_NO_HACK_GENOTYPE, SHARPER, 3_250_846, 3_727_272),
    "SHARPER_MAX_W with none": (SHARPER_MAX_W_NO_HACK_GENOTYPE, SHARPER, 4_697_614, 5_174_040),
}
"""Genotype and operations; parameters with 20 cells and 36 channels, and those with an auxiliary head."""

IMAGENET = {
    "DARTS_V2": (DARTS_V2, DARTS, False, 4_718_752),
    "DARTS_V2 with a head": (DARTS_V2, DARTS, True, 5_979_528),
    "SHARPSEPCONV_DARTS": (SHARPSEPCONV_DARTS_GENOTYPE, SHARP_DARTS, False, 4_973_728),
    "SHARP_DARTS, 96 between": (SHARP_DARTS_GENOTYPE, SHARP.choked(96), False, 3_714_880),
    "SHARP_DARTS, 32 between": (SHARP_DARTS_GENOTYPE, SHARP, False, 3_173_440),
    "SHARPER_MAX_W": (SHARPER_MAX_W_GENOTYPE, SHARPER, False, 8_267_296),
}

SHORT = {
    "SHARPSEPCONV_DARTS_MAX_W": (SHARPSEPCONV_DARTS_MAX_W_GENOTYPE, SHARP_DARTS, 2_477_062),
    "SHARP_DARTS_MAX_W": (SHARP_DARTS_MAX_W_GENOTYPE, SHARP.choked(96), 5_902_558),
}
"""With 14 cells of 36 channels, as these were trained on CIFAR-10."""

SUPERNETS = {"darts": 1_930_618, "sharp": 5_867_642, "sharp_darts": 2_527_354, "sharper": 9_707_002}
"""With 8 cells and 16 channels."""

DARTS_CELLS = [45_888, 46_144, 144_000, 137_856, 139_904, 484_608, 460_032, 468_224]


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def made(make, *arguments):
    """Without memory; what the stem takes in is known once something went through it."""
    with torch.device("meta"):
        module = make(*arguments)
        module.stem(torch.zeros(2, 3, 32, 32))
    return module


def supernet(name):
    return made(Supernet, CellSpace(primitive_set(name)), MacroSkeleton(8, 16))


@pytest.mark.parametrize("name", CIFAR)
def test_networks_for_cifar_have_their_published_sizes(name):
    genotype, primitives, plain, with_head = CIFAR[name]
    network = made(CellNetwork, genotype, primitives, MacroSkeleton(20, 36, auxiliary=True))
    assert parameters(network) == with_head
    assert parameters(network) - parameters(network.auxiliary) == plain


def test_a_network_without_an_auxiliary_head_has_none():
    assert parameters(made(CellNetwork, DARTS_V2, DARTS, MacroSkeleton())) == 3_349_342


@pytest.mark.parametrize("name", IMAGENET)
def test_networks_for_imagenet_have_their_published_sizes(name):
    genotype, primitives, auxiliary, published = IMAGENET[name]
    skeleton = MacroSkeleton(14, 48, classes=1000, stem="imagenet", auxiliary=auxiliary)
    assert parameters(made(CellNetwork, genotype, primitives, skeleton)) == published


@pytest.mark.parametrize("name", SHORT)
def test_networks_of_fourteen_cells_have_the_sizes_in_their_logs(name):
    genotype, primitives, published = SHORT[name]
    assert parameters(made(CellNetwork, genotype, primitives, MacroSkeleton(14, 36))) == published


@pytest.mark.parametrize("name", SUPERNETS)
def test_supernets_have_their_published_sizes(name):
    assert parameters(supernet(name)) == SUPERNETS[name]


def test_each_cell_of_darts_supernet_has_its_published_size():
    assert [parameters(cell) for cell in supernet("darts").cells] == DARTS_CELLS


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("sep_conv_3x3", 864),
        ("dil_conv_3x3", 864),
        ("flood_conv_3x3", 2928),
        ("choke_conv_3x3", 1552),
        ("sep_conv_5x5", 1376),
        ("skip_connect", 0),
        ("max_pool_3x3", 0),
    ],
)
def test_operations_have_their_published_sizes(name, published):
    assert parameters(operation(SHARP_DARTS[name], 16, 1)) == published


def test_darts_separable_convolution_is_the_sharp_one_and_the_dilated_one_is_not():
    sizes = [[parameters(operation(primitives[name], 16, 1)) for name in ("sep_conv_3x3", "dil_conv_3x3")]
             for primitives in (DARTS, SHARP_DARTS)]  # fmt: skip
    assert sizes == [[864, 9 * 16 + 16 * 16 + 2 * 16], [864, 864]]


@pytest.mark.parametrize("primitives", PRIMITIVE_SETS.values(), ids=PRIMITIVE_SETS)
@pytest.mark.parametrize("stride", [1, 2])
def test_all_operations_put_out_the_same_shape_for_odd_sizes_too(primitives, stride):
    for primitive in (*primitives, *primitives.others):
        with torch.device("meta"):
            y = operation(primitive, 8, stride)(torch.zeros(2, 8, 15, 16))
        assert y.shape == (2, 8, 15 if stride == 1 else 8, 16 // stride), primitive.name


def test_the_supernet_of_nasbench201_has_all_operations_of_its_cells():
    """Only two of them have weights, without a scale and a shift: convolutions of 1x1 and 3x3."""
    network = made(NASBench201Supernet)
    convolutions = sum(6 * (1 + 9) * width**2 for width in (16, 32, 64)) * 5
    outside = sum(parameters(part) for part in (network.stem, network.reductions, network.norm, network.head))
    assert parameters(network) == convolutions + outside
