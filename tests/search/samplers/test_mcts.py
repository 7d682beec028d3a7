"""Monte Carlo tree search."""

import math

import pytest

import paretree as pt
from paretree.search.samplers import make_sampler
from paretree.search.samplers.mcts import MCTSSampler

OPTIONS = pt.Space(op=pt.Choice(*"abcde"), x=pt.Float(0, 1))
both = pytest.mark.parametrize("name", ["mcts", "mcts:plain"])


@both
def test_options_that_were_never_tried_come_first(search, name):
    trials = search.run(name, OPTIONS, lambda values: 0.0, 5)
    assert {trial.configuration.op for trial in trials} == set("abcde")


@both
def test_it_finds_better_than_random_search(search, name):
    n, seeds = 80, 8
    assert search.mean_best(name, "edges", n, seeds) < 0.75 * search.mean_best("random", "edges", n, seeds)


def test_bisection_homes_in_on_the_best_part_of_a_range(search):
    trials = search.run("mcts", pt.Space(x=pt.Float(0, 1)), lambda values: abs(values["x"] - 0.83), 80)
    near = [abs(trial.configuration.x - 0.83) < 0.1 for trial in trials[40:]]
    assert sum(near) > 24, "a random search has 8 of 40 there"


@both
def test_the_scale_of_the_loss_does_not_matter(search, name):
    def keys(scale):
        trials = search.run(name, OPTIONS, lambda values: scale(values["x"] + (values["op"] != "c")), 30)
        return [trial.configuration.key for trial in trials]

    assert keys(lambda loss: loss) == keys(lambda loss: math.exp(20 * loss) - 1e6)


@both
def test_walks_at_the_same_time_part(search, name):
    trials = search.run(name, OPTIONS, lambda values: values["x"] + (values["op"] != "c"), 40)
    proposals = make_sampler(name).propose(OPTIONS, trials, 8, seed=1)
    assert len({proposal.configuration.op for proposal in proposals}) > 1
    for proposal in proposals:
        search.add(trials, proposal.configuration, proposal)
    [next_one] = make_sampler(name).propose(OPTIONS, trials, 1, seed=2)
    assert trials.same_as(next_one.configuration) is None


@both
def test_a_small_space_is_walked_through_without_repeating(search, name):
    space = pt.Space(a=pt.Choice(1, 2, 3), b=pt.Choice(c={"n": pt.Int(1, 3)}, d={}))
    trials = search.run(name, space, lambda values: values["a"], space.count())
    assert len({trial.configuration.key for trial in trials}) == space.count()


@both
def test_constraints_keep_walks_where_they_are_kept(search, name):
    trials = search.trials(constraints={"size": "<= 0.5"})
    space = pt.Space(x=pt.Float(0, 1))
    search.run(name, space, lambda values: {"loss": -values["x"], "size": values["x"]}, 80, trials=trials)
    late = [trial.configuration.x for trial in trials[40:]]
    assert sum(x <= 0.5 for x in late) > 28
    assert max(x for x in late if x <= 0.5) > 0.45


def test_several_objectives_are_sought_along_the_front(search):
    trials = search.trials(["a", "b"])
    space = pt.Space(y=pt.Float(0, 1), x=pt.Float(0, 1))
    search.run("mcts", space, lambda v: {"a": v["x"] + v["y"], "b": 1 - v["x"] + v["y"]}, 100, trials=trials)
    late = [trial.configuration for trial in trials[50:]]
    assert sum(one.y < 0.5 for one in late) > 33
    assert min(one.x for one in late) < 0.2 < 0.8 < max(one.x for one in late)


def test_more_exploration_spreads_more(search):
    def spread(exploration):
        sampler = MCTSSampler(exploration=exploration)
        trials = search.run(sampler, OPTIONS, lambda values: float(values["op"] != "c"), 60)
        return sum(trial.configuration.op != "c" for trial in trials)

    assert spread(5.0) > spread(0.05)


@both
def test_what_the_space_requires_is_kept_where_few_walks_keep_it(search, name):
    a, b = pt.Int(1, 40), pt.Int(1, 40)
    space = pt.Space(a=a, b=b).require(a == b)
    trials = search.run(name, space, lambda values: values["a"], 20)
    assert all(space.contains(trial.configuration) for trial in trials)
