"""The linear surrogate, its features, and the search by it."""

import numpy as np
import pytest

import paretree as pt
from paretree.search.samplers import make_sampler
from paretree.search.samplers.features import COLUMNS, features
from paretree.search.samplers.ridge import Ridge
from paretree.search.samplers.smbo import STARTUP, SMBOSampler

both = pytest.mark.parametrize("name", ["smbo", "smbo:ensemble"])


@both
@pytest.mark.parametrize(("problem", "share"), [("edges", 0.5), ("conditional", 0.6)])
def test_it_finds_much_better_than_random_search(search, name, problem, share):
    n, seeds = 40, 3
    assert search.mean_best(name, problem, n, seeds) < share * search.mean_best("random", problem, n, seeds)


@both
def test_it_draws_at_random_until_there_is_something_to_learn_from(search, name):
    trials = search.run(name, search.conditional, lambda values: 0.0, STARTUP + 8)
    reasons = [trial.proposal["reason"] for trial in trials]
    assert all("at random" in reason for reason in reasons[:STARTUP])
    assert any("surrogate" in reason for reason in reasons[STARTUP:])


@both
def test_neither_known_nor_running_trials_are_proposed_again(search, name):
    space = pt.Space(a=pt.Choice(1, 2, 3, 4), b=pt.Choice(1, 2, 3, 4))
    trials = search.run(name, space, lambda values: values["a"] + values["b"], 12)
    proposals = make_sampler(name).propose(space, trials, 4, seed=0)
    assert len({one.configuration.key for one in [*trials, *proposals]}) == 16
    [beyond] = make_sampler(name).propose(space, search.run(name, space, lambda values: 0.0, 16), 1, seed=0)
    assert space.contains(beyond.configuration)


@both
def test_constraints_are_learned(search, name):
    trials = search.trials(constraints={"size": "<= 0.5"})
    space = pt.Space(x=pt.Float(0, 1), y=pt.Float(0, 1))
    search.run(name, space, lambda values: {"loss": -values["x"], "size": values["x"]}, 40, trials=trials)
    chosen = [trial.configuration.x for trial in trials[20:] if "surrogate" in trial.proposal["reason"]]
    assert sum(x <= 0.5 for x in chosen) > len(chosen) / 2


def test_a_sampler_may_go_from_one_space_to_another_with_the_same_decisions(search):
    narrow, wide = pt.Space(x=pt.Float(0, 1), y=pt.Float(0, 1)), pt.Space(x=pt.Float(0, 2), y=pt.Float(0, 2))
    sampler = make_sampler("smbo:ensemble")
    here = search.run(sampler, narrow, lambda values: values["x"], 12)
    there = search.trials()
    for trial in here:
        search.add(there, wide.configuration(trial.configuration.values), loss=trial.losses[0])
    moved, fresh = (one.propose(wide, there, 3, 0) for one in (sampler, make_sampler("smbo:ensemble")))
    assert [one.configuration for one in moved] == [one.configuration for one in fresh]


def test_the_same_piece_has_a_feature_in_common_wherever_it_stands():
    space = pt.Space(
        blocks=pt.Repeat({"op": pt.Choice("conv", "pool"), "act": pt.Choice("relu", "tanh")}, pt.Int(1, 3))
    )

    def row(*labels):
        values = {"blocks": len(labels) // 2}
        for i, (op, act) in enumerate(zip(labels[::2], labels[1::2], strict=True)):
            values |= {f"blocks[{i}]/op": op, f"blocks[{i}]/act": act}
        return features(space.slots, values)

    twice, once = row("conv", "relu", "pool", "tanh", "conv", "relu"), row("conv", "relu")
    assert any(twice[once > 0] == 2), "the bigram conv-relu counts twice"
    assert not np.array_equal(row("conv", "relu", "pool", "tanh"), row("pool", "tanh", "conv", "relu"))


def test_values_are_seen_and_a_number_lies_between_two_knots():
    space = pt.Space(lr=pt.Float(1e-4, 1, log=True), picks=pt.Pick("abc", "any"), size=pt.Choice(1, 2, 3, ordered=True))
    low, high = ({"lr": lr, "picks": "a+c", "size": 2} for lr in (1e-4, 3e-3))
    assert features(space.slots, low).shape == (COLUMNS,)
    assert not np.array_equal(features(space.slots, low), features(space.slots, high))
    assert features(space.slots, low).sum() == pytest.approx(features(space.slots, high).sum())


def test_ridge_is_least_squares_for_a_small_penalty_and_weights_are_repetitions():
    generator = np.random.default_rng(0)
    x, counts = generator.normal(size=(30, 4)), generator.integers(0, 3, 30)
    y = x @ [1.0, -2.0, 0.5, 0.0] + 3 + generator.normal(size=30) / 10
    fitted = Ridge.fit(x, y, counts, 1e-9)
    rows, targets = np.repeat(x, counts, axis=0), np.repeat(y, counts)
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(rows)), rows]), targets)[0]
    assert [fitted.intercept, *fitted.slope] == pytest.approx(list(expected))
    repeated = Ridge.fit(rows, targets, np.ones(len(rows)), 2.0)
    assert Ridge.fit(x, y, counts, 2.0).predict(x) == pytest.approx(repeated.predict(x))


def test_ridge_with_more_columns_than_rows_shrinks_to_the_mean():
    x = np.eye(3, 50)
    assert Ridge.fit(x, np.array([1.0, 2.0, 3.0]), np.ones(3), 1e9).predict(x) == pytest.approx([2, 2, 2], abs=1e-6)


def test_a_surrogate_of_no_models_is_refused():
    with pytest.raises(pt.SweepError, match=r"^A surrogate cannot consist of 0 models; give 1 or more\.$"):
        SMBOSampler(models=0)
