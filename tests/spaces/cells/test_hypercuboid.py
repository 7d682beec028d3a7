"""HyperCuboids: their sizes, their two views, and the paths that tables of weights lead to."""

import json
from itertools import product
from pathlib import Path as File

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces import Float, Space, nn
from paretree.spaces.cells import SHARP_PATHS, HyperCuboidSpace, HyperCuboidSupernet, Path
from paretree.spaces.cells.hypercuboid_net import network_of, path_network
from paretree.spaces.cells.longest_paths import best_paths, greedy_path, sample_path, score
from paretree.spaces.errors import ParetreeError

CONV, POOL = "sharp_sep_conv", "resizable_pool"
SMALL = HyperCuboidSpace(layers=4, channels=4, widths=2)
PUBLISHED = np.array(json.loads((File(__file__).parent / "sharp_hypercuboid.json").read_text())["weights"])
"""What a search of ahundt/sharpDARTS (Apache-2.0, `cnn/genotypes.py`: MULTI_CHANNEL_SCALAR) ended with."""


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def random_weights(space, seed):
    """As after a softmax over each stage."""
    raw = np.random.default_rng(seed).exponential(size=space.shape)
    return raw / raw.sum((2, 3, 4), keepdims=True)


def all_paths(space):
    stages = list(product(space.choices, space.operations))
    return [Path(stem, chosen) for stem in space.choices for chosen in product(stages, repeat=space.layers)]


def test_there_are_as_many_paths_as_published():
    space = HyperCuboidSpace()
    assert space.count() == space.space().count() == 2**26
    assert space.shape == (2, 4, 4, 4, 2)
    assert space.choices == (32, 64, 128, 256)


def test_the_supernet_has_as_many_parameters_as_published():
    with torch.device("meta"):
        supernet = HyperCuboidSupernet(HyperCuboidSpace())
        supernet(torch.zeros(2, 3, 32, 32), torch.ones(supernet.space.shape))
    assert parameters(supernet) == 8_930_122


@pytest.mark.parametrize("space", [SMALL, HyperCuboidSpace(2, 8, 3), HyperCuboidSpace(4, 4, 2, (POOL,))])
def test_what_is_counted_is_what_there_is(space):
    configurations = list(space.space().enumerate())
    assert {space.path_of(one) for one in configurations} == set(all_paths(space))
    assert len(configurations) == space.count() == len(all_paths(space))


def test_decisions_have_the_paths_that_they_say():
    configuration = HyperCuboidSpace().space().sample(0)
    assert list(configuration.values)[:3] == ["model/stem", "model/stage[0]/width", "model/stage[0]/operation"]
    assert len(configuration.values) == 1 + 8 * 2


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_paths_configurations_and_weights_are_turned_into_each_other(seed):
    space = HyperCuboidSpace()
    whole = space.space(lr=Float(1e-4, 1e-1, log=True))
    configuration = whole.sample(seed)
    path = space.path_of(configuration)
    assert whole.configuration({**space.decisions_of(path), "lr": configuration.lr}) == configuration
    assert Path.of_json(json.loads(json.dumps(path.to_json()))) == path
    logits = space.scores_of(path)
    weights = np.exp(logits) / np.exp(logits).sum((2, 3, 4), keepdims=True)
    assert best_paths(space, weights) == best_paths(space, weights, criterion="sum") == [path]
    assert greedy_path(space, weights) == greedy_path(space, weights, "bottom_up") == path
    assert len(space.entries(path)) == (logits > 0).sum() == 8


@pytest.mark.parametrize("name", SHARP_PATHS)
def test_published_paths_are_in_the_space(name):
    space = HyperCuboidSpace()
    assert space.path_of(space.space().configuration(space.decisions_of(SHARP_PATHS[name]))) == SHARP_PATHS[name]


def test_a_space_of_paths_is_stored_and_read_back():
    space = HyperCuboidSpace().space()
    twin = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert twin.fingerprint == space.fingerprint
    assert twin.sample(4) == space.sample(4)


@pytest.mark.parametrize("criterion", ["sum", "product"])
def test_the_published_weights_lead_to_the_published_path(criterion):
    """By their sum in sharpDARTS' code; by their product it is the same."""
    [path] = best_paths(HyperCuboidSpace(), PUBLISHED, criterion=criterion)
    assert path == SHARP_PATHS["MULTI_CHANNEL_SCALAR_PATH"]


def test_greedy_from_the_bottom_ends_in_the_published_path_once_it_begins_where_that_does():
    """Their code begins at the smallest width whatever the weights say."""
    begins = PUBLISHED.copy()
    begins[1, 3, :, 1:] = 0
    path = greedy_path(HyperCuboidSpace(), begins, "bottom_up")
    assert path == SHARP_PATHS["MULTI_CHANNEL_GREEDY_SCALAR_BOTTOM_UP"]


@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from(["sum", "product"]))
@settings(deadline=None, max_examples=30)
def test_best_paths_are_those_of_trying_all(seed, k, criterion):
    weights = random_weights(SMALL, seed)
    every = sorted((score(SMALL, weights, path, criterion) for path in all_paths(SMALL)), reverse=True)
    found = best_paths(SMALL, weights, k, criterion)
    assert len(set(found)) == k
    assert [score(SMALL, weights, path, criterion) for path in found] == pytest.approx(every[:k])


def test_all_paths_are_found_in_their_order_and_no_more():
    weights = random_weights(SMALL, 0)
    found = best_paths(SMALL, weights, 10**6)
    assert set(found) == set(all_paths(SMALL))
    assert len(found) == SMALL.count()
    scores = [score(SMALL, weights, path) for path in found]
    assert scores == sorted(scores, reverse=True)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=20)
def test_the_longest_path_is_that_of_networkx(seed):
    """On a graph as in sharpDARTS: a stage adds up at a node for each width, and edges to it have the weights."""
    space = HyperCuboidSpace(layers=6, channels=4, widths=3)
    weights = random_weights(space, seed)
    graph = nx.DiGraph()
    for width in range(space.widths):
        graph.add_edge("source", (0, width), weight=1.0)
        graph.add_edge((space.layers, width), "linear", weight=1.0)
    for stage, table in enumerate(space.stages(weights)):
        for (start, end, operation), weight in np.ndenumerate(table):
            node = stage, start, end, operation
            graph.add_edge((stage, start), node, weight=1.0)
            graph.add_edge(node, (stage + 1, end), weight=weight)
    longest = [node for node in nx.dag_longest_path(graph) if len(node) == 4]
    stages = tuple((space.choices[end], space.operations[operation]) for _, _, end, operation in longest)
    assert best_paths(space, weights, criterion="sum") == [Path(space.choices[longest[0][1]], stages)]


def test_a_sum_lets_one_sure_stage_outweigh_many_and_a_product_does_not():
    space = HyperCuboidSpace(layers=4, channels=4, widths=2, operations=(CONV,))
    weights = np.full(space.shape, 0.25)
    weights[0, 0, :, :, 0] = [[0.97, 0.01], [0.01, 0.01]]
    weights[1, 0, 0, :, 0] = 1e-9
    assert best_paths(space, weights, criterion="sum")[0].stages[0] == (4, CONV)
    assert best_paths(space, weights)[0].stages[0] == (8, CONV)


def test_of_equally_good_paths_that_with_smaller_widths_and_earlier_operations_comes_first():
    assert best_paths(SMALL, np.full(SMALL.shape, 0.125), 2) == [
        Path(4, ((4, CONV),) * 4),
        Path(4, (*((4, CONV),) * 3, (4, POOL))),
    ]


def test_paths_without_a_chance_are_none():
    path = all_paths(SMALL)[77]
    weights = (SMALL.scores_of(path) > 0).astype(float)
    assert best_paths(SMALL, weights, 5) == [path]
    assert {sample_path(SMALL, weights, seed) for seed in range(20)} == {path}
    weights[0, 1] = 0
    for find in (lambda: best_paths(SMALL, weights), lambda: sample_path(SMALL, weights, 0)):
        with pytest.raises(ParetreeError, match="All paths have a weight of 0 somewhere; give weights after a softmax"):
            find()


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_greedy_paths_take_the_greatest_weight_of_each_stage(seed):
    weights = random_weights(SMALL, seed)
    stages = SMALL.stages(weights)
    down, up = (
        [entry[2:] for entry in SMALL.entries(greedy_path(SMALL, weights, direction))]
        for direction in ("top_down", "bottom_up")
    )
    assert stages[0][*down[0]] == stages[0].max()
    assert stages[-1][*up[-1]] == stages[-1].max()
    for stage in range(1, SMALL.layers):
        assert stages[stage][*down[stage]] == stages[stage][down[stage][0]].max()
        assert stages[stage - 1][*up[stage - 1]] == stages[stage - 1][:, up[stage][0]].max()


def test_random_paths_have_chances_in_proportion_to_their_products():
    space = HyperCuboidSpace(layers=2, channels=4, widths=2)
    weights = random_weights(space, 3)
    paths = all_paths(space)
    chances = np.exp([score(space, weights, path) for path in paths])
    chances /= chances.sum()
    draws = 4000
    drawn = [sample_path(space, weights, seed) for seed in range(draws)]
    assert drawn[:10] == [sample_path(space, weights, seed) for seed in range(10)]
    counts = np.array([drawn.count(path) for path in paths])
    deviation = np.sqrt(draws * chances * (1 - chances))
    assert (abs(counts - draws * chances) < 4.5 * deviation + 1).all()


def test_many_stages_do_not_underflow():
    space = HyperCuboidSpace(layers=400, channels=4, widths=2)
    weights = random_weights(space, 0) * 1e-3
    assert len(sample_path(space, weights, 0).stages) == 400
    assert np.isfinite(score(space, weights, best_paths(space, weights)[0]))


def built(space, path):
    configuration = space.space().configuration(space.decisions_of(path))
    return configuration.model.build((3, 16, 16))


@pytest.mark.parametrize("seed", range(4))
def test_networks_of_paths_are_trained(seed):
    network = built(SMALL, sample_path(SMALL, random_weights(SMALL, seed), seed))
    logits = network(torch.randn(2, 3, 16, 16))
    logits.sum().backward()
    assert logits.shape == (2, 10)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_every_second_stage_halves_height_and_width():
    path = Path(4, ((8, CONV), (8, POOL), (4, POOL), (4, CONV)))
    network = built(SMALL, path)
    x, sizes = network.stem(torch.zeros(1, 3, 16, 16)), []
    for stage in network.stage:
        x = stage(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(8, 16, 16), (8, 8, 8), (4, 8, 8), (4, 4, 4)]


def test_parts_of_a_network_have_the_paths_of_what_decides_on_them():
    path = SHARP_PATHS["MULTI_CHANNEL_HANDMADE_PATH"]
    space = HyperCuboidSpace()
    cost = nn.cost(space.space().configuration(space.decisions_of(path)), (3, 32, 32))
    with torch.device("meta"):
        network = network_of(path)
        network(torch.zeros(2, 3, 32, 32))
    assert cost.params == parameters(network)


def test_a_supernet_that_leaves_out_all_but_a_path_is_its_network():
    torch.manual_seed(0)
    path = Path(8, ((4, CONV), (8, POOL), (8, CONV), (4, CONV)))
    supernet, network = HyperCuboidSupernet(SMALL, least=0.0), network_of(path)
    weights = torch.tensor(SMALL.scores_of(path) > 0, dtype=torch.float32, requires_grad=True)
    images = torch.randn(4, 3, 16, 16)
    supernet(images, weights)
    network(images)
    at = SMALL.choices.index
    parts = {"stem": supernet.stems[at(path.stem)], "last": supernet.last[at(path.stages[-1][0])]}
    parts["head"] = supernet.head
    for number, (_, _, *entry) in enumerate(SMALL.entries(path)):
        parts[f"stage.{number}"] = supernet.stages[number][np.ravel_multi_index(entry, SMALL.shape[2:])]
    for name, part in parts.items():
        network.get_submodule(name).load_state_dict(part.state_dict())

    logits = supernet(images, weights)
    assert torch.allclose(logits, network(images), atol=1e-6)
    logits.square().sum().backward()
    assert torch.equal(weights.grad != 0, weights > 0), "what is left out was applied"


def test_weights_and_parameters_of_a_supernet_get_gradients():
    supernet = HyperCuboidSupernet(SMALL)
    weights = torch.full(SMALL.shape, 0.125, requires_grad=True)
    supernet(torch.randn(4, 3, 16, 16), weights).square().sum().backward()
    assert (weights.grad != 0).all()
    assert all(parameter.grad is not None for parameter in supernet.parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": 7}, "layers=7 are no pairs of stages; give an even number from 2 on"),
        ({"layers": 0}, "layers=0 are no pairs of stages"),
        ({"widths": 0}, "channels=32 and widths=0 must be 1 or more"),
        ({"operations": ("conv",)}, "has no operation 'conv'; use sharp_sep_conv and resizable_pool"),
        ({"operations": ()}, "A HyperCuboid needs operations; use"),
    ],
)
def test_what_is_no_hypercuboid_is_refused(wrong, message):
    with pytest.raises(ParetreeError, match=message):
        HyperCuboidSpace(**wrong)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (Path(3, ((4, CONV),) * 4), "3 is not in this HyperCuboid; it has 4, 8, sharp_sep_conv, resizable_pool"),
        (Path(4, ((16, CONV),) * 4), "16 is not in this HyperCuboid"),
        (Path(4, ((4, "conv"),) * 4), "'conv' is not in this HyperCuboid"),
        (Path(4, ((4, CONV),) * 3), "The path has 3 stages; this HyperCuboid has 4"),
    ],
)
def test_paths_of_other_hypercuboids_are_refused(path, message):
    for use in (SMALL.decisions_of, SMALL.scores_of):
        with pytest.raises(ParetreeError, match=message):
            use(path)


def test_tables_of_another_shape_are_refused():
    with pytest.raises(ParetreeError, match=r"Weights have the shape \(3,\); this HyperCuboid has \(2, 2, 2, 2, 2\)"):
        best_paths(SMALL, np.zeros(3))


def test_a_path_network_takes_any_number_of_input_channels():
    network = path_network(4, [{"width": 8, "operation": CONV}], classes=3, features=16)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
