"""Grid search."""

from collections import Counter

import pytest

import paretree as pt
from paretree.search.samplers import make_sampler
from paretree.search.samplers.grid import GridSampler
from paretree.spaces import zoo

FINITE = pt.Space(
    kind=pt.Choice(conv={"kernel": pt.Choice(3, 5, 7)}, dense={"width": pt.Int(1, 4), "norm": pt.Maybe(pt.Int(0, 1))}),
    depth=pt.Repeat(pt.Choice("relu", "gelu"), pt.Int(0, 2)),
)


def nothing(values):
    return 0.0


def test_every_configuration_is_proposed_once_and_then_no_more(search):
    count = FINITE.count()
    trials = search.run("grid", FINITE, nothing, count + 5)
    assert len(trials) == count
    assert {trial.configuration.key for trial in trials} == {one.key for one in FINITE.enumerate()}


def test_an_ask_for_more_than_is_left_gets_what_is_left(search):
    trials = search.run("grid", FINITE, nothing, FINITE.count() - 3)
    assert len(make_sampler("grid").propose(FINITE, trials, 8, 0)) == 3


def test_another_process_goes_on_where_the_grid_stands(search):
    trials = search.run("grid", FINITE, nothing, 10)
    search.run("grid", FINITE, nothing, FINITE.count(), trials=trials)
    assert len(trials) == FINITE.count()


def test_what_others_tried_is_not_proposed_again(search):
    trials = search.run("random", FINITE, nothing, 20)
    search.run("grid", FINITE, nothing, FINITE.count(), trials=trials)
    assert len(trials) == FINITE.count()


def test_numbers_without_a_step_have_as_many_levels_as_asked_for(search):
    space = pt.Space(lr=pt.Float(1e-4, 1, log=True), x=pt.Choice(a={"y": pt.Float(0, 1)}, b={}))
    trials = search.run(GridSampler(levels=4), space, nothing, 100)
    assert len(trials) == 4 * (4 + 1)
    rates = sorted({trial.configuration.lr for trial in trials})
    assert rates == pytest.approx([10**-3.5, 10**-2.5, 10**-1.5, 10**-0.5])


def test_only_what_the_space_requires_is_on_the_grid(search):
    width, heads, rate = pt.Int(1, 30), pt.Choice(1, 2, 3), pt.Float(0, 1)
    space = pt.Space(width=width, heads=heads, rate=rate).require(width % heads == 0).require(rate * width < 15)
    trials = search.run(GridSampler(levels=2), space, nothing, 1000)
    expected = [(w, h, r) for w in range(1, 31) for h in (1, 2, 3) for r in (0.25, 0.75) if w % h == 0 and r * w < 15]
    assert sorted(tuple(trial.configuration.values.values()) for trial in trials) == sorted(expected)


def test_the_beginning_of_a_vast_grid_is_spread_over_the_space(search):
    space = zoo.deepconv()
    proposals = make_sampler("grid").propose(space, search.trials(), 60, 0)
    for path, share in {"model/0/channels": 10, "model/1": 10, "model/0/kernel_size": 20}.items():
        counts = Counter(proposal.configuration[path] for proposal in proposals)
        assert all(share / 2 <= count <= share * 2 for count in counts.values()), (path, counts)
        assert sum(counts.values()) == 60


def test_a_grid_without_levels_is_refused():
    with pytest.raises(pt.SweepError, match=r"^A grid cannot have 0 levels; give 1 or more\.$"):
        GridSampler(levels=0)
