"""Neighbours, mutation, crossover and vectors: always configurations of the space, whatever is conditional."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces import Choice, Float, Int, Maybe, Repeat, Space, share

SPACE = Space(
    op=Choice(
        conv={"kernel": Choice(3, 5, 7), "width": Int(8, 512, log=True)},
        dense={"width": Int(8, 64, step=8), "drop": Maybe(Float(0, 0.5, step=0.1))},
        skip=0,
    ),
    depth=Repeat({"act": Choice("relu", "gelu"), "w": share("w", Int(1, 3))}, Int(0, 3)),
    size=Choice("s", "m", "l", "xl", ordered=True),
    lr=Float(1e-5, 1e-1, log=True),
)
seeds = st.integers(0, 10**6)


@given(seeds)
def test_a_mutation_is_another_configuration_that_differs_where_one_decision_leads(seed):
    parent = SPACE.sample(seed)
    child = SPACE.mutate(parent, seed)
    assert SPACE.contains(child)
    assert child != parent
    first = next(iter(parent.diff(child)))
    assert first in parent.values
    assert first in child.values


@pytest.mark.parametrize("path", ["op", "size", "op=conv/kernel", "op=dense/width", "depth", "depth[0]/act"])
def test_mutation_reaches_every_other_value_of_a_decision(path):
    draw = random.Random(0)
    parent = next(c for c in (SPACE.sample(draw) for _ in range(1000)) if path in c.values)
    slot = next(slot for slot in SPACE.slots if slot.path == path)
    reached = {SPACE.mutate(parent, draw).values.get(path) for _ in range(4000)} - {None}
    assert reached == {slot.domain.nth(index) for index in range(slot.domain.size)}


def test_unordered_labels_are_mutated_to_any_other_with_the_same_chance():
    space = Space(x=Choice(*range(10)))
    parent = space.configuration({"x": 9})
    children = [space.mutate(parent, seed)["x"] for seed in range(5000)]
    assert 9 not in children
    assert all(abs(children.count(label) / 5000 - 1 / 9) < 0.02 for label in range(9))


def test_a_mutation_keeps_what_still_stands():
    parent = SPACE.configuration(
        {"op": "skip", "depth": 2, "depth[0]/act": "gelu", "depth[1]/act": "gelu", "w": 3, "size": "m", "lr": 0.01}
    )
    for seed in range(200):
        changed = [path for path, (here, there) in parent.diff(SPACE.mutate(parent, seed)).items() if here is not None]
        assert len([path for path in changed if path in SPACE.mutate(parent, seed).values]) <= 1


@given(seeds, seeds)
def test_a_child_has_every_decision_from_a_parent_that_makes_it(seed, other):
    a, b = SPACE.sample(seed), SPACE.sample(other)
    child = SPACE.crossover(a, b, seed)
    assert SPACE.contains(child)
    for path, value in child.values.items():
        if path in a.values or path in b.values:
            assert value in [parent.values[path] for parent in (a, b) if path in parent.values]


def test_crossover_takes_from_both_parents():
    space = Space({f"x{i}": Int(0, 1) for i in range(20)})
    zeros, ones = (space.configuration({f"x{i}": bit for i in range(20)}) for bit in (0, 1))
    share_of_ones = np.mean([list(space.crossover(zeros, ones, seed).values.values()) for seed in range(200)])
    assert 0.45 < share_of_ones < 0.55


@given(seeds)
def test_neighbours_are_all_different_configurations_one_step_away(seed):
    center = SPACE.sample(seed)
    found = list(SPACE.neighbours(center))
    assert len({neighbour.key for neighbour in found}) == len(found)
    assert all(SPACE.contains(neighbour) and neighbour != center for neighbour in found)


def test_the_neighbours_of_plain_decisions_are_the_next_values_and_all_other_labels():
    space = Space(a=Choice("x", "y", "z"), b=Choice(1, 2, 3, ordered=True), c=Int(0, 10), d=Float(0, 1))
    center = space.configuration({"a": "x", "b": 2, "c": 0, "d": 0.5})
    steps = [(path, pair[1]) for n in space.neighbours(center) for path, pair in center.diff(n).items()]
    assert steps == [("a", "y"), ("a", "z"), ("b", 1), ("b", 3), ("c", 1), ("d", 0.4), ("d", 0.6)]


def test_a_space_with_nothing_to_change_says_so():
    space = Space(x=Choice("only"))
    assert list(space.neighbours(space.sample(0))) == []
    with pytest.raises(ValueError, match="Nothing can be changed"):
        space.mutate(space.sample(0))


@given(seeds)
def test_a_vector_is_decoded_to_the_configuration_it_was_made_of(seed):
    configuration = SPACE.sample(seed)
    again = SPACE.decode(SPACE.encode(configuration))
    assert again.values.keys() == configuration.values.keys()
    assert again.lr == pytest.approx(configuration.lr, rel=1e-12)
    assert {k: v for k, v in again.values.items() if k != "lr"} == {
        k: v for k, v in configuration.values.items() if k != "lr"
    }


@given(st.lists(st.floats(-1, 2), min_size=SPACE.encoding.size, max_size=SPACE.encoding.size))
@settings(max_examples=50)
def test_every_vector_is_decoded_to_a_configuration_of_the_space(vector):
    assert SPACE.contains(SPACE.decode(vector))


def test_what_is_not_active_never_varies_and_activity_is_told_where_no_label_tells_it():
    space = Space(
        kind=Choice(a={"width": Int(1, 9), "depth": Int(1, 9)}, b={"act": Choice("relu", "gelu")}),
        opt=Maybe(Float(0, 1)),
    )
    off = [
        space.encode(space.configuration({"kind": "b", "kind=b/act": act, "opt": False})) for act in ("relu", "gelu")
    ]
    on = space.encode(
        space.configuration({"kind": "a", "kind=a/width": 1, "kind=a/depth": 9, "opt": True, "opt=True": 1.0})
    )
    # kind=a, kind=b, width, depth, act=relu, act=gelu, opt=False, opt=True, value; then: is a active, is opt there
    assert off[0].tolist() == [0, 1, 0.5, 0.5, 1, 0, 1, 0, 0.5, 0, 0]
    assert off[1].tolist() == [0, 1, 0.5, 0.5, 0, 1, 1, 0, 0.5, 0, 0]
    assert on.tolist() == pytest.approx([1, 0, 0.5 / 9, 8.5 / 9, 0, 0, 0, 1, 1.0, 1, 1])
