"""Conditions that every configuration fulfils: in drawing, counting, moving, reading and writing."""

import json
import pickle

import pytest
from scipy.stats import chisquare

from paretree.spaces import Build, Choice, ConfigurationError, Float, Int, Repeat, Space, SpaceError, nn, require, share


def attention():
    width, heads = Int(1, 12), Choice(1, 2, 3, 4)
    return Space(width=width, heads=heads, act=Choice("relu", "gelu")).require(
        width % heads == 0, why="heads divide width"
    )


def block():
    a, b = Int(1, 6), Int(1, 3)
    return require({"a": a, "b": b}, a % b == 0)


def test_only_what_fulfils_the_condition_is_counted_and_enumerated():
    space = attention()
    expected = [(w, h) for w in range(1, 13) for h in range(1, 5) if w % h == 0]
    found = list(space.enumerate())
    assert space.count() == len(found) == 2 * len(expected)
    assert {(c.width, c.heads) for c in found} == set(expected)
    assert [space.rank(c) for c in found] == list(range(len(found)))


def test_each_copy_of_a_repeat_fulfils_a_condition_of_its_own():
    pairs = sum(a % b == 0 for a in range(1, 7) for b in range(1, 4))
    space = Space(x=Repeat(block(), Int(0, 3)))
    assert space.count() == 1 + pairs + pairs**2 + pairs**3 == len(list(space.enumerate()))


def test_a_condition_inside_a_branch_is_asked_for_only_there():
    space = Space(x=Choice(a=block(), b=Int(1, 5)))
    assert space.count() == 11 + 5
    assert all(space.sample(seed)["x"] in "ab" for seed in range(50))


def test_a_condition_may_use_what_is_shared():
    space = Space(x=share("w", Int(1, 6)), y=Int(1, 6)).require(share("w", Int(1, 6)) > 4)
    assert space.count() == 2 * 6


@pytest.mark.parametrize("measure", ["branch", "leaf", "prior"])
def test_every_draw_and_every_move_fulfils_it(measure):
    space = attention()
    for seed in range(200):
        a, b = space.sample(seed, measure), space.sample(seed + 1, measure)
        others = [
            space.mutate(a, seed),
            space.crossover(a, b, seed),
            *space.neighbours(a, seed),
            space.decode(space.encode(a)),
        ]
        assert all(c.width % c.heads == 0 for c in (a, b, *others))
        assert others[-1] == a


def test_draws_by_leaf_are_uniform_over_what_is_left():
    space, draws = attention(), 20_000
    counts = [0] * space.count()
    for seed in range(draws):
        counts[space.rank(space.sample(seed, "leaf"))] += 1
    assert chisquare(counts).pvalue > 0.01


def test_a_vector_that_breaks_it_is_decoded_to_something_that_does_not():
    space = attention()
    vector = space.encode(space.configuration({"width": 4, "heads": 4, "act": "relu"}))
    vector[0] = 0.5  # width 7
    assert space.contains(space.decode(vector))


def test_a_condition_on_continuous_decisions_is_kept_by_drawing():
    low, high = Float(0, 1), Float(0, 1)
    space = Space(low=low, high=high).require(low < high)
    for measure in ("branch", "leaf"):
        assert all(c.low < c.high for c in (space.sample(seed, measure) for seed in range(100)))


def test_decisions_that_break_it_are_refused_with_the_reason():
    with pytest.raises(ConfigurationError) as error:
        attention().configuration({"width": 5, "heads": 2, "act": "relu"})
    assert str(error.value).endswith(
        "(heads divide width) is required, but 'width' = 5, 'heads' = 2; change one of them."
    )


def test_what_nothing_fulfils_is_refused_when_it_is_defined():
    width = Int(1, 12)
    with pytest.raises(
        SpaceError, match=r"\(Int\(1, 12\) > 100\): none of 1000 draws fulfils what is required; weaken it"
    ):
        Space(width=width).require(width > 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space(x=Int(1, 2)).require(True), r"True is no condition; compare decisions"),
        (lambda: Space(x=Int(1, 2)).require(Int(1, 3) > 2), r"uses Int\(1, 3\), which stands nowhere in the space"),
    ],
)
def test_what_is_no_condition_is_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_condition_on_what_is_not_always_decided_is_refused():
    momentum = Float(0, 1)
    with pytest.raises(SpaceError, match="not made whenever this is needed; let both stand in the same branch"):
        Space(opt=Choice(sgd={"momentum": momentum}, adam={})).require(momentum > 0.5)


@pytest.mark.parametrize("make", [attention, lambda: Space(x=Repeat(block(), Int(0, 3)))])
def test_conditions_are_stored_and_read_back(make):
    space = make()
    for twin in (Space.from_json(json.dumps(space.to_json())), pickle.loads(pickle.dumps(space))):
        assert twin == space
        assert twin.count() == space.count()
        assert repr(twin) == repr(space)
    assert Space(dict(attention().parts)) != attention()


def test_the_printed_tree_shows_what_is_required():
    assert repr(attention()).splitlines()[-1] == "└─ required: ((Int(1, 12) % Choice(1, 2, 3, 4)) == 0)"
    assert "└─ required: ((Int(1, 6) % Int(1, 3)) == 0)" in repr(Space(x=Repeat(block(), 2)))


def test_a_part_with_a_condition_is_looked_at_and_built_like_any_other():
    a = Int(1, 6)
    space = Space(model=require(Build(dict, a=a, b=2 * a), a > 3))
    configuration = space.sample(0)
    assert configuration.model.build() == {"a": configuration.model.a, "b": 2 * configuration.model.a}


def network():
    block = nn.Seq(nn.Conv2d(Choice(4, 8, 16)), nn.ReLU())
    return Space(model=nn.Seq(Repeat(block, Int(1, 2)), nn.GlobalAvgPool2d(), nn.Linear(10)))


def test_the_size_of_the_model_is_required_before_anything_is_trained():
    cost = nn.measured((1, 8, 8))
    small = network().require(cost.params <= 500, why="it must fit")
    sizes = [nn.cost(configuration, (1, 8, 8)).params for configuration in network().enumerate()]
    assert small.count() == sum(size <= 500 for size in sizes)
    assert 0 < small.count() < len(sizes)
    for seed in range(5):
        configuration = small.sample(seed)
        for other in (configuration, small.mutate(configuration, seed), *small.neighbours(configuration)):
            assert nn.cost(other, (1, 8, 8)).params <= 500
    assert Space.from_json(small.to_json()).count() == small.count()


def test_a_model_that_is_too_large_is_refused_with_the_reason():
    small = network().require(nn.measured((1, 8, 8)).params <= 500, why="it must fit")
    with pytest.raises(
        ConfigurationError, match=r"Measured\('params', \(1, 8, 8\)\) <= 500\) \(it must fit\) is required"
    ):
        small.configuration({"model/0": 2, "model/0[0]/0/channels": 16, "model/0[1]/0/channels": 16})


def test_configurations_that_are_left_over_by_size_have_no_number():
    small = network().require(nn.measured((1, 8, 8)).params <= 500)
    with pytest.raises(ValueError, match="leaves configurations without a number"):
        small.rank(small.sample(0))


def test_a_condition_may_compute_with_a_shared_expression():
    width = Int(1, 9)
    space = Space(width=width).require(share("twice", 2 * width) > 6)

    assert space.count() == 6
    assert min(space.sample(seed).width for seed in range(50)) == 4
