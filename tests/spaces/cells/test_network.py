"""Networks of cells and supernets: built, run, trained, and the same where they should be."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from paretree.spaces import nn as layers
from paretree.spaces.cells import (
    AMOEBANET,
    DARTS,
    DARTS_V1,
    DARTS_V2,
    NASBENCH201_CELLS,
    NASNET,
    SHARP,
    SHARP_DARTS,
    SHARP_DARTS_GENOTYPE,
    SHARPER,
    SHARPER_SCALAR_NO_HACK_GENOTYPE,
    CellNetwork,
    CellSpace,
    Edges,
    MacroSkeleton,
    NASBench201Supernet,
    SharpSepConv,
    Supernet,
    darts_space,
)
from paretree.spaces.cells.edges import shuffled
from paretree.spaces.cells.network import FourAverages, cell_network
from paretree.spaces.cells.operations import FactorizedReduction, ResizablePool, drop_path, operation
from paretree.spaces.errors import ParetreeError
from paretree.spaces.modules.nasbench201 import NASBench201

SMALL = MacroSkeleton(3, 4)
NETWORKS = {
    "NASNET": (NASNET, DARTS),
    "AMOEBANET": (AMOEBANET, DARTS),
    "DARTS_V1": (DARTS_V1, DARTS),
    "DARTS_V2 of sharp operations": (DARTS_V2, SHARP_DARTS),
    "SHARP_DARTS": (SHARP_DARTS_GENOTYPE, SHARP),
    "with none": (SHARPER_SCALAR_NO_HACK_GENOTYPE, SHARPER),
}


def images(size=16, channels=3):
    return torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_published_genotypes_are_trained(name):
    genotype, primitives = NETWORKS[name]
    network = CellNetwork(genotype, primitives, SMALL)
    logits = network(images())
    functional.cross_entropy(logits, torch.arange(4)).backward()
    assert logits.shape == (4, 10)
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.grad is not None)
    blocked = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert all(".last." in name for name in blocked) if name == "with none" else not blocked


@pytest.mark.parametrize("primitives", [DARTS, SHARP, SHARPER], ids=lambda primitives: primitives.name)
def test_random_cells_build_and_have_the_size_that_is_told_before(primitives):
    space = darts_space(primitives, SMALL)
    for seed in range(2):
        configuration = space.sample(seed)
        cost = layers.cost(configuration, (3, 16, 16))
        network = configuration.model.build((3, 16, 16))
        assert network(images()).shape == (4, 10)
        assert cost.params == sum(parameter.numel() for parameter in network.parameters())


def test_a_configuration_builds_the_network_of_its_genotype():
    configuration = CellSpace(SHARPER).space(SMALL).sample(7)
    genotype = CellSpace(SHARPER).genotype_of(configuration)
    network = configuration.model.build((3, 16, 16))
    other = CellNetwork(genotype, SHARPER, SMALL)
    other(images())
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(images()), other(images()))


def test_any_number_of_nodes_and_edges_is_built():
    nodes = {"2": [("skip_connect", 0)], "3": [("sep_conv_3x3", 0), ("none", 1), ("avg_pool_3x3", 2)]}
    network = cell_network(nodes, nodes, layers=3, channels=4, classes=3)
    assert network(images()).shape == (4, 3)


@pytest.mark.parametrize("size", [24, 28, 32, 64])
def test_the_auxiliary_head_speaks_in_training_only(size):
    network = darts_space(skeleton=MacroSkeleton(3, 4, auxiliary=True)).sample(0).model.build((3, size, size))
    logits, extra = network(images(size))
    assert logits.shape == extra.shape == (4, 10)
    (logits.sum() + 0.4 * extra.sum()).backward()
    assert all(parameter.grad is not None for parameter in network.auxiliary.parameters())
    assert network.eval()(images(size)).shape == (4, 10)


def test_the_auxiliary_head_averages_as_in_darts():
    for size, stride in ((8, 3), (7, 2)):
        x = images(size, 4)
        assert torch.equal(FourAverages()(x), functional.avg_pool2d(x, 5, stride))


def test_images_that_are_too_small_for_an_auxiliary_head_are_refused():
    network = CellNetwork(DARTS_V2, DARTS, MacroSkeleton(3, 4, auxiliary=True))
    with pytest.raises(ParetreeError, match=r"head would see 4x4 pixels, and needs 6x6; take larger images"):
        network(images(16))


def test_the_stem_for_imagenet_divides_height_and_width_by_eight():
    network = CellNetwork(DARTS_V2, DARTS, MacroSkeleton(3, 4, classes=7, stem="imagenet", auxiliary=True))
    first, second = network.stem(images(224))
    assert (first.shape[2:], second.shape[2:]) == ((56, 56), (28, 28))
    logits, extra = network(images(224))
    assert logits.shape == extra.shape == (4, 7)


def test_paths_are_dropped_in_training_but_never_those_that_only_pass_on():
    network = CellNetwork(DARTS_V2, DARTS, SMALL)
    network(images())
    network.drop_path = 0.5
    torch.manual_seed(0)
    assert not torch.equal(network(images()), network(images()))
    network.eval()
    assert torch.equal(network(images()), network(images()))
    skips = cell_network(*[{"2": [("skip_connect", 0), ("skip_connect", 1)]}] * 2, layers=4, channels=4)
    skips(images())
    skips.drop_path = 0.999
    normal = skips.cells[0]
    assert torch.equal(normal(*skips.stem(images()), 0.999), normal(*skips.stem(images()), 0.0))


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropped_paths_are_whole_images_and_the_mean_stays(probability):
    torch.manual_seed(0)
    x = torch.ones(20_000, 2, 1, 3)
    y = drop_path(x, probability)
    by_image = y.flatten(1)
    assert torch.equal(by_image.min(1).values, by_image.max(1).values)
    assert y.unique().tolist() == pytest.approx([0, 1 / (1 - probability)])
    deviation = math.sqrt(probability / (1 - probability) / len(x))
    assert y.mean().item() == pytest.approx(1, abs=5 * deviation)


def test_half_of_a_factorized_reduction_sees_what_lies_a_pixel_further_on():
    reduction = FactorizedReduction(1, 2)
    for convolution in (reduction.here, reduction.further):
        nn.init.ones_(convolution.weight)
    reduction.norm = nn.Identity()
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert reduction(x)[0].tolist() == [[[0, 2], [8, 10]], [[5, 7], [13, 15]]]
    assert reduction(x[..., :3, :3])[0].tolist() == [[[0, 2], [8, 10]], [[5, 0], [0, 0]]]


def test_a_pool_changes_the_number_of_channels_where_it_must():
    assert [type(layer).__name__ for layer in ResizablePool(4, 4)] == ["MaxPool2d"]
    pool = ResizablePool(4, 8, stride=2)
    assert pool(images(15, 4)).shape == (4, 8, 8, 8)
    assert pool[2].eps == 1e-3


def test_average_pools_of_sharpdarts_count_what_lies_beyond_the_image():
    ones = torch.ones(1, 1, 3, 3)
    assert operation(DARTS["avg_pool_3x3"], 1, 1)(ones)[0, 0, 0, 0] == 1
    assert operation(SHARP_DARTS["avg_pool_3x3"], 1, 1)(ones)[0, 0, 0, 0] == pytest.approx(4 / 9)


def test_a_dilated_convolution_reaches_further_in_its_first_layer_only():
    sharp = [layer.dilation for layer in SharpSepConv(4, 4, 3, dilation=2) if isinstance(layer, nn.Conv2d)]
    assert sharp == [(2, 2), (1, 1), (1, 1), (1, 1)]


def randomized(module):
    """Buffers too, so that no two batch normalisations are alike."""
    generator = torch.Generator().manual_seed(1)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return module.eval()


@pytest.mark.parametrize("primitives", [DARTS, SHARPER], ids=lambda primitives: primitives.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_supernet_with_one_operation_on_an_edge_is_the_network_of_that_genotype(primitives, seed):
    """All that differs is what batch normalisation learns, and the one behind pools: both are given to the network."""
    cells = CellSpace(primitives)
    configuration = cells.space(SMALL).sample(seed)
    genotype = cells.genotype_of(configuration)
    scores = cells.scores_of(configuration.values)
    weights = {kind: torch.tensor(table > 0, dtype=torch.float32) for kind, table in scores.items()}
    supernet, network = Supernet(cells, SMALL, Edges), CellNetwork(genotype, primitives, SMALL)
    for each in (supernet, network):
        each.stem(images())
    randomized(supernet)
    network.stem, network.head = supernet.stem, supernet.head
    for cell, searched in zip(network.cells, supernet.cells, strict=True):
        cell.before_last, cell.last = searched.before_last, searched.last
        edges = [(source, target) for target, node in enumerate(cell.genotype.nodes, 2) for _, source in node]
        for number, (edge, (name, _)) in enumerate(zip(edges, cell.genotype.edges, strict=True)):
            cell.operations[number] = searched.edges.mixed[cells.edges.index(edge)].get_submodule(name)
    network.eval()
    logits = supernet(images(), weights)
    assert logits.std() > 0
    assert torch.allclose(logits, network(images()), rtol=1e-4)


def test_a_supernet_of_nasbench201_with_one_operation_on_an_edge_is_that_network():
    operations = ("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")
    edges = [f"{source}->{target}" for source, target in NASBENCH201_CELLS.edges]
    cell = dict(zip(edges, operations, strict=True))
    weights = torch.zeros(NASBENCH201_CELLS.shape)
    for row, name in enumerate(operations):
        weights[row, NASBENCH201_CELLS.primitives.names.index(name)] = 1
    supernet, network = NASBench201Supernet(4, 1, make_edges=Edges), NASBench201(cell, 4, 1, 10)
    for each in (supernet, network):
        each.stem(images())
    randomized(supernet)
    for name in ("stem", "norm", "head"):
        setattr(network, name, getattr(supernet, name))
    network.reduction1, network.reduction2 = supernet.reductions
    for stage in range(3):
        for edge, mixed in zip(edges, supernet.stages[stage][0].mixed, strict=True):
            if cell[edge] != "none":
                getattr(network, f"stage{stage}")[0].add_module(edge, mixed.get_submodule(cell[edge]))
    network.eval()
    logits = supernet(images(), {"edges": weights})
    assert logits.std() > 0
    assert torch.allclose(logits, network(images()), rtol=1e-4)


@pytest.mark.parametrize("portion", [1, 2])
def test_weights_of_all_but_none_get_gradients_from_a_supernet(portion):
    cells = CellSpace(SHARP, nodes=2)
    supernet = Supernet(cells, MacroSkeleton(3, 8), Edges, portion)
    weights = {kind: torch.full(cells.shape, 1 / 9, requires_grad=True) for kind in cells.types}
    strengths = {kind: torch.full(cells.shape[:1], 0.5, requires_grad=True) for kind in cells.types}
    functional.cross_entropy(supernet(images(), weights, strengths), torch.arange(4)).backward()
    for kind in cells.types:
        assert not weights[kind].grad[:, 0].any(), "what lets nothing through changes nothing"
        assert (weights[kind].grad[:, 1:] != 0).all()
        assert (strengths[kind].grad != 0).all()
    assert all(parameter.grad is not None for parameter in supernet.parameters())


def test_a_supernet_mixes_by_weights_and_strengths():
    """Twice the weights on the edges to a node make it twice as large, and so does twice the strength."""
    cells = CellSpace(DARTS, nodes=1)
    edges = Supernet(cells, SMALL, Edges).cells[0].edges
    inputs = [images(8, 4), images(8, 4)]
    weights = torch.rand(cells.shape)
    [once] = edges(inputs, weights)
    assert torch.allclose(edges(inputs, 2 * weights)[0], 2 * once, atol=1e-5)
    assert torch.allclose(edges(inputs, weights, torch.tensor([2.0, 2.0]))[0], 2 * once, atol=1e-5)
    assert torch.equal(edges(inputs, weights, torch.zeros(2))[0], torch.zeros_like(once))


def test_only_some_channels_pass_the_operations_and_then_all_are_shuffled():
    cells = CellSpace(DARTS, nodes=1)
    edges = Supernet(cells, MacroSkeleton(3, 8), Edges, 4).cells[0].edges
    inputs = [images(8, 8), torch.zeros(4, 8, 8, 8)]
    [node] = edges(inputs, torch.zeros(cells.shape))
    bypassed = node[:, torch.arange(8).view(2, 4)[:, 1:].flatten()]
    assert not node[:, ::4].any(), "nothing passes operations of weight 0"
    order = torch.arange(2, 8).view(3, 2).T.flatten()
    assert torch.equal(bypassed, inputs[0][:, order])


def test_shuffled_channels_come_from_each_group_in_turn():
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert shuffled(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_networks_take_images_of_any_number_of_channels():
    assert CellNetwork(DARTS_V2, DARTS, SMALL)(images(16, 1)).shape == (4, 10)
    cells = CellSpace(DARTS)
    ones = {kind: torch.ones(cells.shape) for kind in cells.types}
    assert Supernet(cells, SMALL, Edges)(images(16, 1), ones).shape == (4, 10)
