"""Ready spaces: their published numbers, and what holds for every space of the zoo."""

import json
from itertools import combinations, islice, permutations, product
from math import comb

import pytest
from scipy.stats import chisquare

from paretree.spaces import Space, SpaceError, nn
from paretree.spaces.errors import ParetreeError
from paretree.spaces.graphs import cell_graph, cell_hash, isomorphic, pruned
from paretree.spaces.zoo import (
    NASBENCH101_OPERATIONS,
    NASBENCH201_EDGES,
    NASBENCH201_OPERATIONS,
    ZOO,
    darts,
    deepconv,
    mlp,
    nasbench101,
    nasbench101_graph,
    nasbench201,
    nasbench201_graph,
    nasbench201_string,
    optimizer,
    torch_optimizer,
    transformer,
)

IMAGE, TOKENS = ((3, 32, 32), "float32"), ((64,), "int64")
MODELS = {
    "darts": (lambda: darts(channels=4, layers=3), *IMAGE, 12),
    "deepconv": (deepconv, *IMAGE, 40),
    "mlp": (mlp, *IMAGE, 200),
    "nasbench101": (nasbench101, *IMAGE, 150),
    "nasbench201": (lambda: nasbench201(cells=1), *IMAGE, 60),
    "transformer": (transformer, *TOKENS, 60),
}
LISTED = {
    "nasbench201": nasbench201,
    "nasbench101 of 5 vertices": lambda: nasbench101(vertices=5),
    "nasbench101 of 5 vertices and 6 edges": lambda: nasbench101(vertices=5, edges=6),
    "optimizer": optimizer,
    "transformer": transformer,
}


def graphs_counted(vertices, edges, operations=3):
    """Cells in which every vertex but the first has an input: coefficients of the product of ((1 + x)^v - 1)."""
    total = 0
    for last in range(1, vertices):
        ways = {0: 1}
        for vertex in range(1, last + 1):
            more = [(had + new, n * comb(vertex, new)) for had, n in ways.items() for new in range(1, vertex + 1)]
            ways = {size: sum(n for s, n in more if s == size) for size, _ in more}
        total += operations ** (last - 1) * sum(n for size, n in ways.items() if size <= edges)
    return total


GOLDEN = {
    "deepconv (DeepArchitect)": (deepconv, (6 * 3 * 6 * 6 * 2 * 2 * 3) ** 2, 60_466_176),
    "darts": (darts, (1 * 3 * 6 * 10 * 7**8) ** 2, 1_076_746_950_455_072_400),
    "nasbench201": (nasbench201, 5**6, 15_625),
    "nasbench101": (nasbench101, graphs_counted(7, 9), 18_766_576),
    "optimizer": (optimizer, 7 * 5 * ((1 + 3 * 2) + 3 * 2 + 3 * 2 + 2 * 2), 805),
    "transformer": (transformer, 3 * 3 * 6 * 2 * 2, 216),
    "mlp": (mlp, 805 * sum((497 * 2 * 3 * 4) ** n for n in range(5)), 16_296_817_920_765_325_405),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_counts_are_those_counted_by_hand(name):
    make, by_hand, golden = GOLDEN[name]
    assert make().count() == by_hand == golden


@pytest.mark.parametrize("name", LISTED)
def test_what_is_enumerated_is_what_is_counted_and_nothing_twice(name):
    space = LISTED[name]()
    found = list(space.enumerate())
    assert len(found) == len({tuple(c.values.items()) for c in found}) == space.count()


@pytest.mark.parametrize("name", ZOO)
def test_every_configuration_has_a_number_a_vector_and_a_text(name):
    space = ZOO[name]()
    for seed in range(100):
        configuration = space.sample(seed, "leaf" if seed % 2 else "branch")
        assert space.unrank(space.rank(configuration)) == configuration
        assert space.decode(space.encode(configuration)) == configuration
        assert space.configuration(json.loads(json.dumps(configuration.to_json()))) == configuration


@pytest.mark.parametrize("name", ZOO)
def test_every_space_is_stored_and_read_back(name):
    space = ZOO[name]()
    twin = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert twin == space
    assert twin.count() == space.count()
    assert twin.sample(3) == space.sample(3)


@pytest.mark.parametrize("name", LISTED)
def test_sampling_by_leaf_gives_all_parts_of_a_space_the_same_chance(name):
    space, groups, draws = LISTED[name](), 25, 5000
    size = space.count()
    counts, expected = [0] * groups, [0.0] * groups
    for rank in range(size):
        expected[rank * groups // size] += draws / size
    for seed in range(draws):
        counts[space.rank(space.sample(seed, "leaf")) * groups // size] += 1
    assert chisquare(counts, expected).pvalue > 0.001


@pytest.mark.parametrize("name", MODELS)
def test_every_draw_of_a_model_builds(name):
    make, shape, dtype, draws = MODELS[name]
    build_all(make(), shape, dtype, range(draws))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_one_of_two_hundred_draws_of_a_model_builds(name):
    """benchmarks/zoo_builds.py draws ten thousand."""
    make, shape, dtype, _ = MODELS[name]
    build_all(make(), shape, dtype, range(1000, 1200))


def build_all(space, shape, dtype, seeds):
    for seed in seeds:
        configuration = space.sample(seed, "leaf" if seed % 2 else "branch")
        assert nn.cost(configuration, shape, dtype).params > 0, f"sample {seed} has no parameters"


@pytest.mark.parametrize("name", MODELS)
def test_models_run_and_put_out_one_number_for_each_class(name):
    import torch

    make, shape, dtype, _ = MODELS[name]
    model = make().sample(1).model.build(shape, dtype)
    assert model(torch.zeros(2, *shape, dtype=getattr(torch, dtype))).shape == (2, 10)


def test_the_network_of_darts_second_order_cell_has_its_published_size():
    """3.3 million parameters in the paper, to the digit as its code has it."""
    from paretree.spaces.cells import DARTS_V2, CellSpace

    configuration = darts().configuration(CellSpace().decisions_of(DARTS_V2))
    assert nn.cost(configuration, (3, 32, 32)).params == 3_349_342


def test_operations_of_darts_cells_are_those_of_the_named_set():
    assert darts(primitives="sharper").count() == 38_584_598_580**2
    with pytest.raises(ParetreeError, match="There is no primitive set 'sharpest'; use one of darts, "):
        darts(primitives="sharpest")


def test_edges_of_nasbench201_have_one_definition():
    """The fingerprint is older than the cells that the space is made of now: stored sweeps still have it."""
    assert NASBENCH201_EDGES == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert NASBENCH201_OPERATIONS == ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    assert nasbench201().fingerprint == "ac8be38b85129cca8e0b29a625d7b4209d6583931130bd8124c79baf27bafbb6"


def nasbench201_of(*operations):
    space = nasbench201()
    return space.configuration({slot.path: op for slot, op in zip(space.slots, operations, strict=True)})


@pytest.mark.parametrize(
    ("operation", "params", "megaflops"), [("nor_conv_3x3", 1_531_546, 220.12), ("none", 73_306, 7.78)]
)
def test_networks_of_nasbench201_have_the_size_that_its_tables_say(operation, params, megaflops):
    cost = nn.cost(nasbench201_of(*[operation] * 6), (3, 32, 32))
    assert cost.params == params
    assert cost.flops / 2e6 == pytest.approx(megaflops, abs=0.005), "the tables count a multiply-add as one"


def test_cells_of_nasbench201_have_the_names_of_its_tables():
    cell = nasbench201_of("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none")
    assert nasbench201_string(cell) == "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|"
    assert len({nasbench201_string(c) for c in islice(nasbench201().enumerate(), 2000)}) == 2000


def test_cells_of_nasbench201_that_compute_the_same_are_one():
    conv, pool, none = "nor_conv_3x3", "avg_pool_3x3", "none"
    through_first = nasbench201_graph(nasbench201_of(conv, none, none, none, pool, none))
    through_second = nasbench201_graph(nasbench201_of(none, conv, none, none, none, pool))
    other_order = nasbench201_graph(nasbench201_of(pool, none, none, none, conv, none))
    with_dead_end = nasbench201_graph(nasbench201_of(conv, none, conv, none, pool, none))
    assert isomorphic(through_first, through_second)
    assert isomorphic(through_first, with_dead_end)
    assert not isomorphic(through_first, other_order)


def nasbench101_of(space, *vertices):
    """The configuration of a cell of 7 vertices, each as (operation, numbers of its inputs); the output has None."""
    values, at = {}, "model/cell"
    for op, inputs in vertices:
        values |= {at: "vertex", f"{at}=vertex/op": op} if op else {}
        at += "=vertex" if op else ""
        values |= {
            f"{at}/inputs": str(len(inputs)),
            f"{at}/inputs={len(inputs)}/of": "+".join(map(str, inputs)),
        }
        at += "/next"
    return space.configuration(values)


def test_a_network_of_nasbench101_has_the_size_that_its_table_says():
    """The cell that the benchmark's README shows, with as many parameters as it says there."""
    cell = nasbench101_of(
        nasbench101(channels=128, cells=3),
        ("conv1x1", [0]),
        ("conv3x3", [0]),
        ("conv3x3", [0]),
        ("conv3x3", [3]),
        ("maxpool3x3", [0]),
        (None, [1, 2, 4, 5]),
    )
    assert nn.cost(cell, (3, 32, 32)).params == 2_694_282


@pytest.mark.parametrize(("vertices", "unique"), [(2, 1), (3, 1 + 6), (4, 1 + 6 + 84), (5, 1 + 6 + 84 + 2441)])
def test_nasbench101_has_as_many_different_cells_as_published(vertices, unique):
    space = nasbench101(vertices=vertices)
    assert len({cell_hash(*nasbench101_graph(c)) for c in space.enumerate()}) == unique


@pytest.mark.parametrize("wrong", [{"vertices": 1}, {"channels": 4}])
def test_cells_without_room_for_their_vertices_are_refused(wrong):
    with pytest.raises(ValueError, match=r"No cell has \d vertices and \d+ channels; use at least 2 vertices"):
        nasbench101(**wrong)


def test_cells_without_edges_are_refused():
    with pytest.raises(SpaceError, match="none of 1000 draws fulfils what is required"):
        nasbench101(edges=0)


def test_a_hash_stands_for_one_cell_of_nasbench201():
    """Cells that share a hash are isomorphic, each to the first of them."""
    first = {}
    for configuration in nasbench201().enumerate():
        graph = nasbench201_graph(configuration)
        assert isomorphic(first.setdefault(cell_hash(*graph), graph), graph)
    assert len(first) == 8765


def test_the_hash_tells_cells_apart_exactly_as_trying_all_numberings_does():
    """All cells of up to two vertices between input and output, and none missing in the space."""
    found = {}
    for inner in range(3):
        places = list(combinations(range(inner + 2), 2))
        for ops in product(NASBENCH101_OPERATIONS, repeat=inner):
            for chosen in product((False, True), repeat=len(places)):
                edges = [place for place, there in zip(places, chosen, strict=True) if there]
                graph = pruned(*cell_graph(edges, ["input", *ops, "output"]))
                if any(graph.matrix[0]):
                    found.setdefault(smallest(graph), set()).add(cell_hash(*graph))
    assert all(len(hashes) == 1 for hashes in found.values()), "a renumbered cell has another hash"
    assert len(set.union(*found.values())) == len(found) == 91
    ours = {smallest(pruned(*nasbench101_graph(c))) for c in nasbench101(vertices=4).enumerate()}
    assert ours == set(found)


def renumbered(graph, order):
    matrix, ops = graph
    return [[matrix[i][j] for j in order] for i in order], [ops[i] for i in order]


def smallest(graph):
    inner = range(1, len(graph.ops) - 1)
    return min(str(renumbered(graph, [0, *order, len(graph.ops) - 1])) for order in permutations(inner))


def test_renumbered_cells_are_isomorphic_and_changed_ones_are_not():
    edges = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]
    swapped = [(0, 2), (0, 1), (2, 4), (1, 3), (4, 5), (3, 5)]
    ops = ["input", "conv3x3", "conv1x1", "maxpool3x3", "conv3x3", "output"]
    cell = cell_graph(edges, ops)
    assert isomorphic(cell, cell_graph(swapped, [ops[i] for i in (0, 2, 1, 4, 3, 5)]))
    with_dead_end = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 6), (4, 6), (2, 5)]
    assert isomorphic(cell, cell_graph(with_dead_end, [*ops[:5], "conv1x1", "output"]))
    assert not isomorphic(cell, cell_graph([*edges, (1, 4)], ops))
    assert not isomorphic(cell, cell_graph(edges, [*ops[:4], "conv1x1", "output"]))


def test_cells_that_no_refinement_can_tell_apart_are_told_apart_exactly():
    """One ring of twelve vertices and two of six: each vertex sees the same neighbours, so the hashes agree."""
    ends = [(0, v) for v in range(1, 13)] + [(v, 13) for v in range(1, 13)]
    ring_of_12 = [(u, 7 + (u - 1)) for u in range(1, 7)] + [(u, 7 + u % 6) for u in range(1, 7)]
    two_of_6 = [(u, 7 + (u - 1)) for u in range(1, 7)] + [(u, 7 + (u - 1) // 3 * 3 + u % 3) for u in range(1, 7)]
    ops = ["input", *["conv"] * 12, "output"]
    one, two = cell_graph([*ends, *ring_of_12], ops), cell_graph([*ends, *two_of_6], ops)
    assert cell_hash(*one) == cell_hash(*two)
    assert not isomorphic(one, two)


def test_the_hash_of_a_cell_is_the_same_everywhere():
    cell = cell_graph([(0, 1), (1, 2), (0, 2)], ["input", "conv3x3", "output"])
    assert cell_hash(*cell).startswith("daa5bca57439e56c")


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1]], ["input", "output"], "A matrix with 1 rows does not describe a cell with 2 operations; give one"),
        ([[0, 1], [1, 0]], ["input", "output"], "The edge from vertex 1 to 0 leads backward; number the vertices so"),
    ],
)
def test_what_is_no_cell_is_refused(matrix, ops, message):
    with pytest.raises(ValueError, match=message):
        pruned(matrix, ops)


def test_every_optimizer_takes_a_step():
    import torch

    space = optimizer()
    kinds = set()
    for configuration in space.enumerate():
        weight = torch.nn.Parameter(torch.ones(3))
        made = torch_optimizer(configuration, [weight])
        assert made.defaults["lr"] == configuration.lr
        kinds.add(type(made).__name__)
    assert kinds == {"SGD", "Adam", "AdamW", "RMSprop"}
    weight.sum().backward()
    made.step()
    assert (weight < 1).all()


def test_optimizers_share_a_learning_rate_and_have_settings_of_their_own():
    space = mlp()
    for seed in range(100):
        configuration = space.sample(seed)
        kind = configuration["optimizer"]
        own = [path for path in configuration.values if path.startswith("optimizer=")]
        assert all(path.startswith(f"optimizer={kind}") for path in own)
        assert ("optimizer=Adam/betas/first" in own) == (kind == "Adam")
        assert "lr" in configuration.values
