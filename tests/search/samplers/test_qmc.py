"""Quasi-random search."""

from collections import Counter

import paretree as pt
from paretree.search.samplers import make_sampler
from paretree.search.samplers.qmc import QMCSampler

SQUARE = pt.Space(x=pt.Float(0, 1), y=pt.Float(0, 1))


def nothing(values):
    return 0.0


def cells(trials):
    return Counter(tuple(int(8 * value) for value in trial.configuration.values.values()) for trial in trials)


def test_64_points_fall_into_64_squares(search):
    assert set(cells(search.run("qmc", SQUARE, nothing, 64)).values()) == {1}


def test_another_process_with_another_seed_goes_on_with_the_same_sequence(search):
    trials = search.run("qmc", SQUARE, nothing, 20, seed=1)
    search.run("qmc", SQUARE, nothing, 44, seed=2, trials=trials)
    assert len(cells(trials)) == 64


def test_another_seed_of_the_first_proposal_scrambles_differently(search):
    first, second = (search.run("qmc", SQUARE, nothing, 4, seed) for seed in (1, 2))
    assert {trial.configuration.key for trial in first}.isdisjoint(trial.configuration.key for trial in second)


def test_a_sequence_goes_on_although_others_propose_in_between(search):
    alone, together = search.run("qmc", SQUARE, nothing, 8), search.run("qmc", SQUARE, nothing, 4)
    search.run("random", SQUARE, nothing, 3, trials=together)
    search.run("qmc", SQUARE, nothing, 4, trials=together)
    assert [trial.configuration for trial in together][7:] == [trial.configuration for trial in alone][4:]


def test_every_decision_has_its_own_dimension_whether_or_not_others_are_active(search):
    space = pt.Space(kind=pt.Choice(a={"x": pt.Float(0, 1)}, b={}), y=pt.Float(0, 1))
    trials = search.run("qmc", space, nothing, 64)
    assert set(Counter(int(64 * trial.configuration.y) for trial in trials).values()) == {1}


def test_points_that_are_known_or_break_what_is_required_are_passed_over(search):
    a, b = pt.Int(1, 6), pt.Int(1, 6)
    space = pt.Space(a=a, b=b).require(a < b)
    trials = search.run("qmc", space, nothing, 15)
    assert len({trial.configuration.key for trial in trials}) == 15
    [beyond] = make_sampler("qmc").propose(space, trials, 1, 0)
    assert space.contains(beyond.configuration)


def test_the_prior_bends_the_sequence(search):
    space = pt.Space(op=pt.Choice("a", "b", weights=(0.125, 0.875)), x=pt.Float(0, 1))
    trials = search.run(QMCSampler("prior"), space, nothing, 64)
    assert Counter(trial.configuration.op for trial in trials) == {"a": 8, "b": 56}


def test_decisions_beyond_the_dimensions_of_the_sequence_are_drawn_at_random(search, monkeypatch):
    monkeypatch.setattr("paretree.search.samplers.qmc.Sobol.MAXDIM", 1)
    trials = search.run("qmc", SQUARE, nothing, 64)
    assert len({int(64 * trial.configuration.x) for trial in trials}) == 64
    assert 30 < len({int(64 * trial.configuration.y) for trial in trials}) < 64


def test_a_space_without_decisions_has_one_point(search):
    [proposal] = make_sampler("qmc").propose(pt.Space(fixed=3), search.trials(), 1, 0)
    assert dict(proposal.configuration.values) == {}
