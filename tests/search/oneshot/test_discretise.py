import numpy as np
import pytest
import torch

from paretree.search.oneshot.discretise import by_magnitude, by_perturbation
from paretree.search.oneshot.learner import Mixture
from paretree.spaces.cells import DARTS, NASBENCH201_CELLS, CellSpace

CELLS = CellSpace(DARTS)
both = pytest.mark.parametrize("cells", [CELLS, NASBENCH201_CELLS], ids=["darts", "nasbench201"])


def uniform(cells):
    return Mixture({kind: torch.full(cells.shape, 1 / cells.shape[1]) for kind in cells.types})


def additive(cells, seed):
    """By how much each operation on each edge lowers the loss of a supernet that has it, by type."""
    draw = np.random.default_rng(seed)
    return {kind: torch.from_numpy(draw.random(cells.shape)) for kind in cells.types}


def judged_by(values):
    def judge(mixture):
        return -sum(float((values[kind] * (one > 0)).sum()) for kind, one in mixture.weights.items())

    return judge


def test_by_magnitude_scores_are_weights_times_the_strengths_of_their_edges():
    weights = {"edges": torch.rand(NASBENCH201_CELLS.shape)}
    plain = by_magnitude(Mixture(weights))
    assert np.allclose(plain["edges"], weights["edges"].numpy())
    strengths = torch.rand(6)
    scaled = by_magnitude(Mixture(weights, {"edges": strengths}))
    assert np.allclose(scaled["edges"], (weights["edges"] * strengths[:, None]).numpy())


def test_strengths_decide_which_edges_are_taken():
    weights = {kind: torch.full(CELLS.shape, 0.1) for kind in CELLS.types}
    strengths = {kind: torch.full((14,), 0.1) for kind in CELLS.types}
    wanted = {2: (0, 1), 3: (0, 2), 4: (1, 3), 5: (2, 4)}
    for row, (source, target) in enumerate(CELLS.edges):
        if source in wanted[target]:
            strengths["normal"][row] = 0.9
    decisions = CELLS.decisions(by_magnitude(Mixture(weights, strengths)))
    assert {decisions[f"model/normal/{target}"] for target in wanted} == {"0+1", "0+2", "1+3", "2+4"}
    assert decisions["model/normal/4"] == "1+3"


@both
def test_the_operations_are_kept_whose_absence_hurts_most(cells):
    values = additive(cells, 0)
    scores = by_perturbation(cells, uniform(cells), judged_by(values), lambda mixture: None, seed=3)
    assert cells.decisions(scores) == cells.decisions({kind: one.numpy() for kind, one in values.items()})


@both
def test_the_order_of_edges_is_drawn_and_repeats_itself(cells):
    values = additive(cells, 1)

    def order(seed):
        seen = []
        by_perturbation(cells, uniform(cells), judged_by(values), lambda now: seen.append(decided(now)), seed)
        return seen

    def decided(mixture):
        return [(kind, row) for kind in cells.types for row in np.flatnonzero(mixture.weights[kind].amax(1) == 1)]

    first = order(0)
    assert order(0) == first
    assert order(1) != first


def test_the_supernet_is_tuned_after_each_edge_and_each_node():
    calls = {"darts": 2 * 14 + 2 * 4, "nasbench201": 6}
    for cells, expected in ((CELLS, calls["darts"]), (NASBENCH201_CELLS, calls["nasbench201"])):
        tuned = []
        by_perturbation(cells, uniform(cells), judged_by(additive(cells, 0)), tuned.append, seed=0)
        assert len(tuned) == expected


def test_what_is_judged_is_the_supernet_as_it_is_by_then():
    # Whether an operation helps depends on its neighbour here: both ends of a pair are wanted, or neither.
    cells = NASBENCH201_CELLS
    conv = cells.primitives.names.index("nor_conv_3x3")

    def judge(mixture):
        table = mixture.weights["edges"]
        return 1.0 - float((table[0, conv] > 0) and (table[1, conv] > 0))

    scores = by_perturbation(cells, uniform(cells), judge, lambda mixture: None, seed=0)
    assert scores["edges"][:2].argmax(1).tolist() == [conv, conv]


@both
def test_scores_say_how_much_each_operation_was_missed(cells):
    values = additive(cells, 4)
    scores = by_perturbation(cells, uniform(cells), judged_by(values), lambda now: None, seed=0)
    columns = [cells.primitives.names.index(name) for name in cells.operations]
    for kind in cells.types:
        order = values[kind][:, columns].argsort(1, descending=True).numpy()
        ranked = np.take_along_axis(scores[kind][:, columns], order, 1)
        assert np.allclose(ranked / ranked[:, :1], 1 / np.arange(1, len(columns) + 1))


def test_given_weights_are_left_as_they_were():
    given = uniform(NASBENCH201_CELLS)
    by_perturbation(NASBENCH201_CELLS, given, judged_by(additive(NASBENCH201_CELLS, 0)), lambda now: None, seed=0)
    assert given.weights["edges"].unique().tolist() == pytest.approx([0.2])
