"""Random search under its three measures."""

import math
from collections import Counter

import pytest

import paretree as pt
from paretree.search.samplers import make_sampler

LOPSIDED = pt.Space(branch=pt.Choice(one={}, many=pt.Choice(*range(10)), weights=(0.25, 0.75)), lr=pt.Float(0, 1))


def branches(search, name, n=2200):
    proposals = make_sampler(name).propose(LOPSIDED, search.trials(), n, seed=0)
    return Counter(proposal.configuration["branch"] for proposal in proposals), proposals


def test_leaves_have_the_same_chance_whatever_the_size_of_their_branch(search):
    _, proposals = branches(search, "random:leaf")
    leaves = Counter(tuple(proposal.configuration.values.values())[:-1] for proposal in proposals)
    assert len(leaves) == 11
    assert all(140 < count < 260 for count in leaves.values()), leaves


def test_weights_are_followed_and_without_them_branches_have_the_same_chance(search):
    even, believed = branches(search, "random:branch")[0], branches(search, "random")[0]
    assert 1000 < even["one"] < 1200
    assert 450 < believed["one"] < 650


def test_numbers_are_drawn_from_their_priors(search):
    space = pt.Space(lr=pt.Float(1e-5, 1e-1, log=True, prior=pt.Normal(1e-3, 0.5)))
    proposals = make_sampler("random").propose(space, search.trials(), 500, seed=0)[2:]  # after what all begin with
    deviations = [math.log(proposal.configuration.lr / 1e-3) / 0.5 for proposal in proposals]
    assert 310 < sum(abs(one) < 1 for one in deviations) < 370, "68 % are expected within a standard deviation"
    assert {proposal.reason for proposal in proposals} == {"drawn from the priors"}


def test_without_priors_it_draws_what_it_always_drew(search):
    space = pt.Space(op=pt.Choice("a", "b"), lr=pt.Float(1e-4, 1e-1, log=True), n=pt.Int(1, 64, log=True))
    with_priors, without = (
        make_sampler(name).propose(space, search.trials(), 50, seed=3) for name in ("random", "random:branch")
    )
    assert [one.configuration for one in with_priors] == [one.configuration for one in without]
    assert {one.reason for one in with_priors} == {"drawn at random"}


def test_what_was_drawn_before_is_drawn_again_only_when_nothing_else_is_left(search):
    space, trials = pt.Space(a=pt.Choice(1, 2, 3), b=pt.Choice(1, 2)), search.trials()
    search.add(trials, space.configuration({"a": 1, "b": 1}), loss=0.0)
    proposals = make_sampler("random").propose(space, trials, 6, seed=0)
    assert len({proposal.configuration.key for proposal in proposals[:5]} | {trials[0].configuration.key}) == 6
    assert space.contains(proposals[5].configuration)


def test_leaves_that_cannot_be_counted_are_refused_with_the_reason(search):
    width = pt.Int(1, 20_000)
    space = pt.Space(width=width).require(width % 8 == 0)
    with pytest.raises(pt.SweepError, match=r"^A constraint asks for 'width', which has over 10000 values"):
        make_sampler("random:leaf").propose(space, search.trials(), 1, 0)
