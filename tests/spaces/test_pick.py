"""Subsets, sequences and permutations."""

import math
import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces import Build, Choice, Int, Maybe, Pick, Repeat, Space, SpaceError

SPACES = {
    "two of four": Space(x=Pick(["a", "b", "c", "d"], 2)),
    "one to three of four": Space(x=Pick(["a", "b", "c", "d"], range(1, 4))),
    "any": Space(x=Pick(["a", "b", "c"], "any")),
    "a permutation": Space(x=Pick(["a", "b", "c", "d"], 4, ordered=True)),
    "sequences": Space(x=Pick(["a", "b", "c"], [0, 2], ordered=True)),
    "subtrees": Space(
        x=Pick({"conv": {"k": Choice(3, 5, 7)}, "pool": Int(2, 3), "skip": 0}, "any"), y=Maybe(Int(1, 2))
    ),
    "in copies": Space(x=Repeat(Pick(["a", "b", "c"], 2, ordered=True), Int(0, 2))),
}
COUNTS = {
    "two of four": 6,
    "one to three of four": 4 + 6 + 4,
    "any": 8,
    "a permutation": 24,
    "sequences": 1 + 6,
    "subtrees": (1 + 3) * (1 + 2) * (1 + 1) * 3,
    "in copies": 1 + 6 + 36,
}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@pytest.mark.parametrize("name", SPACES)
def test_selections_are_counted_and_enumerated_exactly(name):
    found = list(SPACES[name].enumerate())
    assert SPACES[name].count() == len({configuration.key for configuration in found}) == COUNTS[name]
    assert [SPACES[name].rank(configuration) for configuration in found] == list(range(COUNTS[name]))


@every_space
@given(seed=st.integers(0, 10**6))
def test_draws_moves_and_vectors_are_configurations_of_the_space(space, seed):
    draw = random.Random(seed)
    a, b = space.sample(draw), space.sample(draw)
    assert space.decode(space.encode(a)) == a
    for other in (space.mutate(a, draw), space.crossover(a, b, draw), *space.neighbours(a, seed)):
        assert space.contains(other)
    assert space.mutate(a, draw) != a


@every_space
def test_selections_are_stored_printed_and_read_back(space):
    twin = Space.from_json(space.to_json())
    assert twin == space
    assert [slot.path for slot in twin.slots] == [slot.path for slot in space.slots]
    assert repr(eval(repr(space.parts["x"]))) == repr(space.parts["x"])


def test_it_stands_for_the_picked_items_in_their_order():
    space = Space(x=Pick(["a", "b", "c"], 2, ordered=True), y=Pick({"one": 1, "two": 2, "three": 3}, [0, 2]))
    configuration = space.configuration({"x": "c>a", "y": "one+three"})
    assert (configuration.x, configuration.y) == (["c", "a"], [1, 3])
    assert space.configuration({"x": "c>a", "y": "()"}).y == []


def test_only_picked_subtrees_are_decided_and_built():
    space = Space(x=Pick({"small": Build(dict, size=Int(1, 2)), "large": Build(dict, size=Int(8, 9))}, 1))
    configuration = space.configuration({"x": "large", "x=large/size": 9})
    assert configuration.x.build() == [{"size": 9}]
    assert not space.contains({"x": "large", "x=small/size": 1})


def test_neighbours_of_a_permutation_are_its_transpositions_of_neighbours():
    space = SPACES["a permutation"]
    center = space.configuration({"x": "a>b>c>d"})
    assert {n["x"] for n in space.neighbours(center)} == {"b>a>c>d", "a>c>b>d", "a>b>d>c"}


def test_neighbours_of_a_subset_have_an_item_more_less_or_another_one():
    space = SPACES["one to three of four"]
    center = space.configuration({"x": "a+c"})
    assert {n["x"] for n in space.neighbours(center)} == {"a", "c", "a+b+c", "a+c+d", "a+b", "a+d", "b+c", "c+d"}


def test_mutation_reaches_every_other_selection():
    space = SPACES["a permutation"]
    parent, draw = space.configuration({"x": "a>b>c>d"}), random.Random(0)
    reached = {space.mutate(parent, draw)["x"] for _ in range(2000)}
    assert reached == {">".join(order) for order in permutations("abcd")} - {"a>b>c>d"}


def test_vectors_hold_an_entry_for_each_item():
    any_of, ordered = SPACES["any"], SPACES["a permutation"]
    assert any_of.encode(any_of.configuration({"x": "a+c"})).tolist() == [1, 0, 1]
    assert ordered.encode(ordered.configuration({"x": "c>a>d>b"})).tolist() == [0.75, 0.25, 1, 0.5]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Pick(["a", "b"], 3), "k cannot be 3; pick from 0 to 2 of the items"),
        (Pick(["a", "b"], -1), "k cannot be -1; pick from 0 to 2 of the items"),
        (Pick(["a", "b"], "some"), "k cannot be 'some'; use an int, a range or 'any'"),
        (Pick(["a", "b"], []), "k cannot be no number at all; pick from 0 to 2 of the items"),
        (Pick(["a", "a"], 1), "two items are labelled 'a'; label them"),
        (Pick(["a+b", "c"], 1), "label 'a+b' holds one of +>(); give the item another label"),
        (Pick([str(i) for i in range(40)], 20), "there are over 20000 selections; write a Maybe for each item"),
    ],
)
def test_what_cannot_be_picked_is_refused(node, message):
    with pytest.raises(SpaceError) as error:
        Space(x=node)
    assert message in str(error.value)
    assert "at 'x'" in str(error.value)


def test_a_selection_that_is_none_is_refused_with_what_it_may_be():
    with pytest.raises(ValueError, match=r"Decision 'x' cannot be 'a\+z'; give 2 of a, b, c, d, joined by '\+'"):
        SPACES["two of four"].configuration({"x": "a+z"})


def test_as_many_as_math_says():
    assert Space(x=Pick([str(i) for i in range(7)], 7, ordered=True)).count() == math.factorial(7)


def test_an_item_that_is_picked_of_several_that_cannot_be_built_is_found_by_check():
    from paretree.spaces import nn

    layers = Pick({"good": nn.Linear(3), "bad": Build("torch.nn:Linear", 7, 3)}, [0, 1], ordered=True)
    report = nn.check(Space(model=nn.Seq(nn.Linear(4), layers)), (5,))
    assert not report.ok
    assert [finding.decision for finding in report.findings] == ["bad"]
