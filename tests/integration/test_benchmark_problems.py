"""The problems of the sampler benchmark give what they are said to give."""

import math
import os
import random
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest

import paretree as pt
from paretree.spaces import nn, zoo

pytest.importorskip("botorch")
pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PARETREE_DATA", ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(ROOT / "benchmarks"))

from contenders import evaluate, make_contender  # noqa: E402
from problems import NAMES, STEPLAW, MissingTableError, make_problem  # noqa: E402
from problems.problem import dominated_volume, hypervolume, trials_until  # noqa: E402
from problems.tables import cell_parameters  # noqa: E402

BEST_TREE = {
    "block": 3,
    "block[0]/op": "conv", "block[0]/op=conv/kernel": 5, "block[0]/width": 16,
    "block[1]/op": "sep", "block[1]/op=sep/kernel": 5, "block[1]/width": 32,
    "block[2]/op": "mb", "block[2]/op=mb/expand": 4, "block[2]/width": 64,
    "optimizer": "adam", "optimizer=adam/lr": 10**-2.7,
}  # fmt: skip


@pytest.fixture
def problem(tmp_path):
    """A problem by its name; the test is skipped where its table is not there."""

    def make(name):
        try:
            return make_problem(name, DATA, tmp_path)
        except MissingTableError as missing:
            pytest.skip(str(missing))

    return make


def found(problem, values, seed=0):
    return problem.evaluate(problem.space.configuration(values), seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_returns_its_objectives_and_constraints_and_its_known_values_agree(problem, name):
    one = problem(name)
    for seed in range(3):
        configuration = one.space.sample(seed)
        values = one.evaluate(configuration, seed)
        assert one.evaluate(configuration, seed) == values, "the same seed gives the same values"
        assert {*one.objectives, *one.constraints} <= values.keys()
        assert all(math.isfinite(value) for value in values.values())
        for known, function in one.known.items():
            assert function(configuration) == values[known]
        curve = one.score.curve([values, values])
        assert len(curve) == 2
        assert curve[0] == curve[1], "the same result a second time is worth nothing"


def test_the_tree_has_its_optimum_at_zero_and_nowhere_less(problem):
    tree = problem("tree")
    assert found(tree, BEST_TREE)["exact loss"] == pytest.approx(0, abs=1e-12)
    best, draw = tree.space.configuration(BEST_TREE), random.Random(0)
    others = [*tree.space.neighbours(best), *(tree.space.sample(draw) for _ in range(500))]
    assert min(tree.evaluate(other, 0)["exact loss"] for other in others) > 0.001


def test_observations_on_the_tree_are_noisy_by_a_hundredth(problem):
    tree = problem("tree")
    observed = [found(tree, BEST_TREE, seed)["loss"] for seed in range(400)]
    assert statistics.mean(observed) == pytest.approx(0, abs=0.002)
    assert statistics.stdev(observed) == pytest.approx(0.01, rel=0.15)


def test_random_search_on_the_tree_does_about_as_well_as_reported(problem):
    tree, reported = problem("tree"), [0.331, 0.275, 0.230]
    regrets = []
    for seed in range(60):
        draw = random.Random(seed)
        curve = tree.score.curve([tree.evaluate(tree.space.sample(draw), 0) for _ in range(100)])
        regrets.append([curve[after - 1] for after in (20, 40, 100)])
    assert np.mean(regrets, axis=0) == pytest.approx(reported, abs=0.06)


def test_nas_bench_201_has_its_published_best_cell_and_the_cell_of_skips(problem):
    one = problem("nasbench201")
    assert one.score.ideal == 91.57
    skips = dict.fromkeys((slot.path for slot in one.space.slots), "skip_connect")
    assert found(one, skips)["accuracy"] == 39.98
    assert one.space.count() == 15_625


def test_parameters_of_cells_are_those_that_the_network_has():
    space = zoo.nasbench201()
    for seed in range(4):
        configuration = space.sample(seed)
        operations = [str(operation) for operation in configuration.values.values()]
        assert cell_parameters(operations) == nn.cost(configuration, (3, 32, 32)).params
    assert cell_parameters(["nor_conv_3x3"] * 6) == 1_531_546
    assert cell_parameters(["none"] * 6) == 73_306


def test_accuracy_against_size_has_the_hypervolume_of_the_whole_table_as_its_ideal(problem):
    assert problem("nasbench201_size").score.ideal == pytest.approx(15.6249, abs=1e-4)


def test_the_step_law_problem_returns_losses_of_runs_and_a_penalty_beyond_them(problem):
    one = problem("steplaw-215M-4B")
    edge = found(one, {"lr": 2.0**-5.5, "batch": 2048.0 * 192})["loss"]
    beyond = found(one, {"lr": 2.0**-5.5 * math.e, "batch": 2048.0 * 192})["loss"]
    assert beyond == pytest.approx(edge * math.exp(0.1)), "a rate e times too great costs 0.05 + 0.05"
    assert 2 < edge < 12, "the loss of a real training, diverged or not"


@pytest.mark.parametrize("name", STEPLAW)
def test_a_step_law_search_that_finds_a_good_run_is_scored_by_when_it_did(problem, name):
    one = problem(name)
    draw = random.Random(0)
    losses = [one.evaluate(one.space.sample(draw), 0) for _ in range(2000)]
    [first, *_] = one.score.curve(losses)
    assert 1 < first < 2000, "some of many random draws are within 0.25 %"
    assert one.score.curve([{"loss": 99.0}] * 30)[-1] == 31


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("zdt1", [0.25, 0, 0, 0, 0, 0], [0.25, 0.5]),
        ("zdt2", [0.5, 0, 0, 0, 0, 0], [0.5, 0.75]),
        ("zdt3", [0.25, 0, 0, 0, 0, 0], [0.25, 0.25]),
        ("dtlz2", [0, 0, 0.5, 0.5, 0.5, 0.5], [1, 0, 0]),
        ("c2dtlz2", [0, 0.5, 0.5, 0.5, 0.5, 0.5], [1, 0]),
    ],
)
def test_a_point_of_the_front_has_the_values_of_its_formula(problem, name, x, expected):
    one = problem(name)
    values = found(one, {f"x{number}": float(value) for number, value in enumerate(x)})
    assert [values[objective] for objective in one.objectives] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "reference", "ideal"),
    [
        ("zdt1", "f0 11, f1 11", 120 + 2 / 3),
        ("zdt2", "f0 11, f1 11", 120 + 1 / 3),
        ("zdt3", "f0 11, f1 11", 128.7781),
        ("dtlz2", "f0 1.1, f1 1.1, f2 1.1", 1.1**3 - math.pi / 6),
        ("c2dtlz2", "f0 1.1, f1 1.1", 0.39964),
    ],
)
def test_hypervolumes_are_taken_up_to_the_reference_points_of_botorch(problem, name, reference, ideal):
    score = problem(name).score
    assert score.title == f"hypervolume up to {reference}"
    assert score.ideal == pytest.approx(ideal, rel=1e-4)


def test_c2dtlz2_is_feasible_on_parts_of_its_front_only(problem):
    one = problem("c2dtlz2")
    on_front = {f"x{number}": 0.5 for number in range(1, 6)}
    assert found(one, {"x0": 0.0, **on_front})["violation"] <= 0
    assert found(one, {"x0": 0.5, **on_front})["violation"] <= 0
    assert found(one, {"x0": 0.25, **on_front})["violation"] > 0


def test_the_mixed_problem_trades_error_for_cost(problem):
    one = problem("mixed")
    dear = found(one, {"material": "steel", "finish": "paint", "layers": 16, "passes": 8, "curve": 0.2, "angle": 0.65,
                       "rough": 0.0, "speed": 0.1})  # fmt: skip
    cheap = found(one, {"material": "resin", "finish": "raw", "layers": 1, "passes": 1, "curve": 0.8, "angle": 0.75,
                        "rough": 1.0, "speed": 10.0})  # fmt: skip
    assert dear["error"] < 0.05 < 1 < cheap["error"]
    assert cheap["cost"] < 0.05 < 1 < dear["cost"]


def test_a_digits_network_is_trained_once_and_learns(problem, tmp_path):
    one = problem("digits")
    learns = {
        "model/0/0/channels": 16, "model/0/0/kernel_size": 3, "model/0/1": "batch", "model/deeper": 0,
        "optimizer": "adam", "optimizer=adam/lr": 0.01,
    }  # fmt: skip
    configuration = one.space.configuration(learns)
    first = one.evaluate(configuration, 0)
    assert first["accuracy"] > 0.85, "one guess in ten is right by chance"
    [file] = tmp_path.glob("*.json")
    written = file.stat().st_mtime_ns
    assert one.evaluate(configuration, 1) == first
    assert file.stat().st_mtime_ns == written


def test_infeasible_points_and_dominated_ones_add_nothing_to_the_hypervolume():
    score = hypervolume({"a": "minimize", "b": "maximize"}, {"a": 1.0, "b": 0.0}, constraints=["c"])
    values = [
        {"a": 0.0, "b": 1.0, "c": 0.1},
        {"a": 0.5, "b": 0.5, "c": 0.0},
        {"a": 0.6, "b": 0.4, "c": 0.0},
        {"a": 0.0, "b": 0.25, "c": -1.0},
        {"a": 2.0, "b": 5.0, "c": -1.0},
    ]
    assert score.curve(values) == pytest.approx([0, 0.25, 0.25, 0.375, 0.375])


def test_the_hypervolume_of_three_boxes_is_that_of_their_union():
    points = np.array([[3.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 3.0]])
    assert dominated_volume(points, np.zeros(3)) == pytest.approx(7.0)


def test_a_search_that_never_arrives_is_scored_as_one_trial_more_than_it_had():
    score = trials_until("loss", 1.0, 3, "trials")
    assert score.curve([{"loss": 2.0}, {"loss": 1.0}, {"loss": 0.0}]) == [2, 2, 2]
    assert score.curve([{"loss": 2.0}] * 3) == [4, 4, 4]


def test_a_missing_table_is_named_with_how_to_say_where_it_is(tmp_path):
    with pytest.raises(MissingTableError, match=r"^There is no table nasbench201.csv.gz in .*; say with --data or"):
        make_problem("nasbench201", tmp_path, tmp_path)


@pytest.mark.parametrize("contender", ["random", "optuna:tpe", "Optuna TPE", "Optuna NSGA-II"])
@pytest.mark.parametrize("name", ["tree", "c2dtlz2", "mixed"])
def test_a_run_repeats_itself_and_is_of_configurations_of_the_space(problem, contender, name):
    def keys(seed):
        steps = evaluate(one, make_contender(contender), seed)
        return [step.configuration.key for step, _ in zip(steps, range(14), strict=False)]

    one = problem(name)
    assert keys(1) == keys(1)
    assert keys(1) != keys(2)


def test_an_unknown_contender_is_refused():
    with pytest.raises(pt.SweepError, match="There is no sampler"):
        make_contender("Optuna T")
