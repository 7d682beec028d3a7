import math
import random

import pandas as pd
import pytest

import paretree as pt
from paretree.search.analysis import decision_importance
from paretree.search.analysis.decided import decisions_of
from paretree.search.goals import Goals

FLAT = pt.Space(
    x=pt.Float(0, 1),
    lr=pt.Float(1e-4, 1, log=True),
    width=pt.Int(1, 256, log=True),
    kernel=pt.Choice(3, 5, 7),
    size=pt.Choice("s", "m", "l", ordered=True),
    order=pt.Pick(["a", "b", "c"], 2, ordered=True),
    only=pt.Choice("one"),
)
BRANCHES = pt.Space(
    kind=pt.Choice(conv={"width": pt.Float(0, 1)}, dense={"width": pt.Float(0, 1)}), other=pt.Float(0, 1)
)
LOSS = Goals.of({"loss": "minimize"})
BOTH = Goals.of({"loss": "minimize", "gain": "maximize"})
METHODS = ["ped-anova", "fanova"]

every_method = pytest.mark.parametrize("method", METHODS)


def trials(space, train, n=150):
    draw = random.Random(0)
    configurations = [space.sample(draw) for _ in range(n)]
    rows = [
        {"number": number, "state": "finished", **train(configuration), **configuration.values}
        for number, configuration in enumerate(configurations)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("method", "path"),
    [*(("ped-anova", path) for path in ("x", "lr", "width", "kernel", "size", "order")), ("fanova", "kernel")],
)
def test_the_only_decision_that_matters_has_nearly_all_importance(method, path):
    domain = next(slot.domain for slot in FLAT.slots if slot.path == path)
    frame = trials(FLAT, lambda configuration: {"loss": domain.share(configuration[path])}, 300)
    table = decision_importance(frame, LOSS, FLAT, method)
    assert table.index[0] == path
    assert table.loc[path, "loss"] > 0.6
    assert set(table.index) == {slot.path for slot in FLAT.slots} - {"only"}


@every_method
def test_each_objective_has_its_own_importance_which_sums_to_one_and_follows_its_direction(method):
    frame = trials(FLAT, lambda configuration: {"loss": configuration.x, "gain": math.log(configuration.lr)})
    table = decision_importance(frame, BOTH, FLAT, method)
    assert table.sum().tolist() == pytest.approx([1.0, 1.0])
    assert table["loss"].idxmax() == "x"
    assert table["gain"].idxmax() == "lr"
    assert (table >= 0).all(axis=None)


@every_method
def test_a_conditional_decision_matters_where_it_is_made(method):
    def train(configuration):
        values = configuration.values
        return {"loss": values.get("kind=conv/width", 1.0)}

    table = decision_importance(trials(BRANCHES, train, 300), LOSS, BRANCHES, method)["loss"]
    assert table.idxmax() == "kind=conv/width"
    assert table["kind=conv/width"] > 0.5
    assert table["kind"] > table["kind=dense/width"]
    assert table["kind=dense/width"] < 0.05


def test_a_decision_of_a_branch_that_is_never_good_does_not_matter():
    def train(configuration):
        values = configuration.values
        return {"loss": values["other"] if values["kind"] == "conv" else 5 + values["kind=dense/width"]}

    table = decision_importance(trials(BRANCHES, train, 300), LOSS, BRANCHES)["loss"]
    assert table["other"] > 0.5
    assert table["kind=dense/width"] < 0.01


def test_trials_that_failed_or_are_not_finite_do_not_count_and_infeasible_ones_do():
    goals = Goals.of({"loss": "minimize"}, {"latency": "<= 0"})
    frame = trials(FLAT, lambda configuration: {"loss": configuration.x, "latency": 1.0})
    expected = decision_importance(frame.iloc[:100], goals, FLAT)
    frame.loc[100:119, "state"] = "failed"
    frame.loc[120:139, "loss"] = math.nan
    frame.loc[140:, "loss"] = -math.inf
    assert decision_importance(frame, goals, FLAT).equals(expected)


@every_method
def test_the_same_trials_give_the_same_importance(method):
    frame = trials(FLAT, lambda configuration: {"loss": configuration.x}, 30)
    assert decision_importance(frame, LOSS, FLAT, method).equals(decision_importance(frame, LOSS, FLAT, method))


def test_decisions_are_read_back_from_a_frame_as_they_were_made():
    space = pt.Space(
        part=pt.Maybe({"k": pt.Int(1, 4), "label": pt.Choice(None, 3, "x"), "kernel": pt.Choice(3, 5, 7)}),
        mixed=pt.Choice(1, 1.5, "one", None),
        step=pt.Float(0, 1, step=0.1),
        items=pt.Pick({"a": pt.Int(0, 1), "b": 0}, "any"),
    )
    draw = random.Random(0)
    made = [space.sample(draw).values for _ in range(60)]
    frame = pd.DataFrame([{"number": number, **values} for number, values in enumerate(made)])
    read = decisions_of(frame, space)
    assert [list(map(repr, values.items())) for values in read] == [list(map(repr, values.items())) for values in made]


def test_what_cannot_be_told_is_refused():
    frame = trials(FLAT, lambda configuration: {"loss": configuration.x}, 9)
    with pytest.raises(pt.SweepError, match="needs 10 finished trials, and 9 have a finite 'loss' so far; run some"):
        decision_importance(frame, LOSS, FLAT)
    frame = trials(FLAT, lambda configuration: {"loss": configuration.x}, 20)
    with pytest.raises(pt.SweepError, match="no method 'shapley'; use 'ped-anova' or 'fanova'"):
        decision_importance(frame, LOSS, FLAT, "shapley")
    with pytest.raises(pt.SweepError, match=r"Trial 0 has .* for the decision 'kernel', which is none of its values"):
        decision_importance(frame, LOSS, pt.Space(kernel=pt.Choice("3x3", "5x5")))
    with pytest.raises(pt.SweepError, match="has a single value, so none can matter"):
        decision_importance(frame, LOSS, pt.Space(only=pt.Choice("one")))
