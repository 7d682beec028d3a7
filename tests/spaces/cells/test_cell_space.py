"""Spaces of cells: what follows from weights, and how genotypes, decisions and tables are turned into each other."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from paretree.spaces import Float, Space, zoo
from paretree.spaces import cells as package
from paretree.spaces.cells import (
    AMOEBANET,
    DARTS,
    DARTS_V2,
    NASBENCH201_CELLS,
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
    CellSpace,
    Genotype,
    MacroSkeleton,
    darts_space,
)
from paretree.spaces.errors import ParetreeError

TABLES = json.loads((Path(__file__).parent / "sharp_tables.json").read_text())["tables"]
"""Weights that searches of ahundt/sharpDARTS ended with (Apache-2.0, `cnn/genotypes.py` and the logs in it)."""

DERIVED = {
    "SHARP_DARTS": (SHARP, False, SHARP_DARTS_GENOTYPE),
    "SHARP_DARTS_MAX_W": (SHARP, False, SHARP_DARTS_MAX_W_GENOTYPE),
    "SHARPSEPCONV_DARTS": (SHARP_DARTS, False, SHARPSEPCONV_DARTS_GENOTYPE),
    "SHARPSEPCONV_DARTS_MAX_W": (SHARP_DARTS, False, SHARPSEPCONV_DARTS_MAX_W_GENOTYPE),
    "SHARPER_SCALAR": (SHARPER, False, SHARPER_SCALAR_GENOTYPE),
    "SHARPER_SCALAR with none": (SHARPER, True, SHARPER_SCALAR_NO_HACK_GENOTYPE),
    "SHARPER_MAX_W": (SHARPER, False, SHARPER_MAX_W_GENOTYPE),
    "SHARPER_MAX_W with none": (SHARPER, True, SHARPER_MAX_W_NO_HACK_GENOTYPE),
}

SPACES = {
    "DARTS": CellSpace(),
    "sharper": CellSpace(SHARPER),
    "three nodes": CellSpace(DARTS, nodes=3),
    "one node": CellSpace(SHARP, nodes=1),
}

OTHERS = {
    "NAS-Bench-201": NASBENCH201_CELLS,
    "all edges": CellSpace(DARTS, nodes=2, fan_in=None),
    "one edge to a node": CellSpace(DARTS, nodes=3, fan_in=1),
    "one input": CellSpace(DARTS, nodes=3, inputs=1, fan_in=1, types=("cell",)),
    "one type": CellSpace(DARTS, nodes=2, fan_in=2, types=("cell",)),
}


def space_of(cells):
    """A space of these cells' decisions, whatever they are built to."""
    return Space(model=cells.tree())


@pytest.mark.parametrize("name", DERIVED)
def test_published_genotypes_follow_from_their_weights(name):
    primitives, with_none, genotype = DERIVED[name]
    table = {kind: np.array(rows) for kind, rows in TABLES[name.removesuffix(" with none")].items()}
    assert [rows.sum(1) for rows in table.values()] == [pytest.approx(np.ones(14), abs=3e-4)] * 2
    assert CellSpace(primitives).genotype(table, with_none) == genotype


@pytest.mark.parametrize("name", [name for name in DERIVED if not name.endswith("none")])
def test_decisions_by_weights_are_those_of_the_genotype(name):
    primitives, _, genotype = DERIVED[name]
    cells = CellSpace(primitives)
    assert cells.decisions(TABLES[name]) == cells.decisions_of(genotype)


def test_of_equal_weights_earlier_nodes_and_operations_are_taken():
    cells = CellSpace()
    genotype = cells.genotype({kind: np.ones(cells.shape) for kind in cells.types})
    assert genotype.normal.nodes == ((("max_pool_3x3", 0), ("max_pool_3x3", 1)),) * 4


@pytest.mark.parametrize(
    ("cells", "published"),
    [
        (CellSpace(DARTS, types=("cell",)), 1_037_664_180),
        (CellSpace(DARTS), 1_037_664_180**2),
        (CellSpace(SHARP_DARTS), 1_037_664_180**2),
        (CellSpace(SHARP, types=("cell",)), 3_019_898_880),
        (CellSpace(SHARP), 3_019_898_880**2),
        (CellSpace(SHARPER, types=("cell",)), 38_584_598_580),
        (CellSpace(SHARPER), 38_584_598_580**2),
        (NASBENCH201_CELLS, 15_625),
    ],
)
def test_there_are_as_many_cells_as_published(cells, published):
    assert cells.count() == space_of(cells).count() == published


@pytest.mark.parametrize("name", OTHERS)
def test_cells_are_counted_as_their_decisions_are(name):
    assert OTHERS[name].count() == space_of(OTHERS[name]).count()


def test_an_operation_is_decided_only_on_edges_that_are_chosen():
    configuration = darts_space().sample(0)
    operations = [path for path in configuration.values if path.endswith("/op")]
    assert len(configuration.values) == 2 * (4 + 8)
    assert len(operations) == 2 * 8
    assert len(darts_space().slots) == 2 * (4 + 14)
    for path in operations:
        node, source = path.removesuffix("/op").split("=")
        assert source in configuration[node].split("+")


@pytest.mark.parametrize("name", SPACES)
@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_configurations_and_genotypes_are_turned_into_each_other(name, seed):
    cells = SPACES[name]
    space = cells.space(lr=Float(1e-4, 1e-1, log=True))
    configuration = space.sample(seed)
    genotype = cells.genotype_of(configuration)
    assert space.configuration({**cells.decisions_of(genotype), "lr": configuration.lr}) == configuration
    assert genotype == genotype.ordered()


@pytest.mark.parametrize("name", SPACES | OTHERS)
@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_decisions_and_tables_are_turned_into_each_other(name, seed):
    cells = (SPACES | OTHERS)[name]
    decisions = dict(space_of(cells).sample(seed).values)
    inside = {f"part/{path}": value for path, value in decisions.items()}
    tables = cells.scores_of(inside, "part/model")
    assert {kind: table.shape for kind, table in tables.items()} == dict.fromkeys(cells.types, cells.shape)
    assert cells.decisions(tables, "part/model") == inside
    assert cells.decisions({kind: np.exp(table) for kind, table in tables.items()}) == decisions


@pytest.mark.parametrize("name", SPACES | OTHERS)
def test_numbers_by_name_are_read_back_as_tables(name):
    cells = (SPACES | OTHERS)[name]
    random = np.random.default_rng(0)
    tables = {kind: random.normal(size=cells.shape) for kind in cells.types}
    named = json.loads(json.dumps(cells.named(tables)))
    assert len(named) == len(cells.types) * np.prod(cells.shape)
    assert all((cells.tables_of(named)[kind] == tables[kind]).all() for kind in cells.types)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_what_is_believed_is_drawn_more_often_and_changes_no_decision(seed):
    """A table of weights is a prior; samplers then begin with the operations that it prefers."""
    cells = CellSpace(DARTS, nodes=2)
    random = np.random.default_rng(seed)
    believed = {kind: random.dirichlet(np.full(8, 0.3), size=len(cells.edges)) for kind in cells.types}
    assume(all((table[:, 1:].sum(1) > 1e-6).all() for table in believed.values()))
    space = cells.space(believed=believed)
    assert space.has_priors
    assert space.count() == cells.space().count()
    likely = space.most_likely(seed)
    for kind, table in believed.items():
        for (source, target), row in zip(cells.edges, table, strict=True):
            decided = likely.values.get(f"model/{kind}/{target}={source}/op")
            assert decided is None or row[DARTS.names.index(decided)] == row[1:].max()


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        (NASNET, r"The normal cell has 5 nodes and joins \[2, 3, 4, 5, 6\]; cells of this space have 4 and join all"),
        (AMOEBANET, r"The normal cell has 5 nodes and joins \[4, 5, 6\]; cells of this space have 4"),
        (SHARP_DARTS_GENOTYPE, r"of the normal cell are not in the space: 'choke_conv_3x3' is none of its operations"),
        (SHARPER_SCALAR_NO_HACK_GENOTYPE, "of the normal cell are not in the space: 'none' is none of its operations"),
        (
            Genotype.parse(repr(DARTS_V2).replace("('max_pool_3x3', 1)", "('max_pool_3x3', 0)", 1)),
            r"Edges \[\('max_pool_3x3', 0\), \('max_pool_3x3', 0\)\] of the reduce cell are not in the space: two come",
        ),
    ],
)
def test_genotypes_that_are_not_in_a_space_are_refused(genotype, message):
    with pytest.raises(ParetreeError, match=message):
        CellSpace().decisions_of(genotype)


@pytest.mark.parametrize("name", OTHERS)
def test_cells_that_darts_notation_cannot_tell_have_no_genotypes(name):
    cells = OTHERS[name]
    tables = {kind: np.ones(cells.shape) for kind in cells.types}
    for ask in (lambda: cells.genotype(tables), lambda: cells.decisions_of(DARTS_V2), lambda: cells.genotype_of(None)):
        with pytest.raises(ParetreeError, match="Genotypes are of normal and reduction cells with two inputs and two"):
            ask()


def test_tables_that_do_not_fit_are_refused():
    cells = CellSpace()
    with pytest.raises(ParetreeError, match="There are no scores of 'reduce' cells; give tables for normal, reduce"):
        cells.genotype({"normal": np.ones((14, 8))})
    with pytest.raises(ParetreeError, match=r"have the shape \(14, 9\); these cells have 14 edges and 8 prim"):
        cells.decisions({kind: np.ones((14, 9)) for kind in cells.types})


def test_cells_with_a_network_of_their_own_are_not_stacked_as_darts_are():
    with pytest.raises(ParetreeError, match=r"Cells of one type with all edges have a network of their own; take zoo"):
        NASBENCH201_CELLS.space()


def test_the_tree_of_nasbench201_is_that_of_the_zoo():
    space = zoo.nasbench201()
    decisions = dict(space.sample(0).values)
    assert space_of(NASBENCH201_CELLS).configuration(decisions).values == decisions
    best = {"edges": np.tile(np.arange(5.0), (6, 1))}
    assert set(NASBENCH201_CELLS.decisions(best).values()) == {"avg_pool_3x3"}
    worst = {"edges": -best["edges"]}
    assert set(NASBENCH201_CELLS.decisions(worst).values()) == {"none"}, "it is an operation like any other there"


@pytest.mark.parametrize("name", SPACES)
def test_a_space_of_cells_is_stored_and_read_back(name):
    space = SPACES[name].space(MacroSkeleton(3, 4, stem="imagenet", auxiliary=True), lr=Float(1e-4, 1e-1))
    twin = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert twin.fingerprint == space.fingerprint
    assert twin.sample(5) == space.sample(5)


def test_to_describe_cells_needs_neither_torch_nor_scipy():
    script = """
import sys
from paretree.spaces import zoo
from paretree.spaces.cells import DARTS_V2, CellSpace, HyperCuboidSpace
CellSpace().space().configuration(CellSpace().decisions_of(DARTS_V2)).key
HyperCuboidSpace().space().sample(0).key
zoo.darts().sample(0)
assert not {"torch", "scipy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("name", package.__all__)
def test_everything_that_is_exported_is_there(name):
    assert getattr(package, name) is not None
