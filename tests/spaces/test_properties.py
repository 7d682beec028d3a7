"""What holds for every space, on random trees of all nodes."""

import copy
import json
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paretree.spaces import Build, Choice, Float, Int, Maybe, Normal, Repeat, Space, apply, share, where
from paretree.spaces.references import Reference

NAMES = {
    "Build": Build,
    "Choice": Choice,
    "Float": Float,
    "Int": Int,
    "Maybe": Maybe,
    "Normal": Normal,
    "Reference": Reference,
    "Repeat": Repeat,
    "apply": apply,
    "share": share,
    "where": where,
}

keys = st.sampled_from(["a", "b", "c", "3x3", "in", "größe"])
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | st.sampled_from(["relu", "a/b=c"])
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2))


@st.composite
def floats(draw):
    low, high = sorted(draw(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=2)))
    prior = draw(st.none() | st.floats(low, high) | st.builds(Normal, st.floats(low, high), st.floats(0.1, 10)))
    if draw(st.booleans()):
        return Float(low, high, log=True, prior=prior)
    return Float(low, high, step=draw(st.none() | st.sampled_from([0.1, 0.25, 3])), prior=prior)


@st.composite
def ints(draw):
    low, high = sorted(draw(st.lists(st.integers(1, 100), min_size=2, max_size=2)))
    prior = draw(st.none() | st.integers(low, high))
    if draw(st.booleans()):
        return Int(low, high, log=True, prior=prior)
    return Int(low, high, step=draw(st.integers(1, 7)), prior=prior)


@st.composite
def plain_choices(draw):
    options = draw(st.lists(scalars, min_size=1, max_size=4, unique_by=(str, lambda value: value)))
    weights = draw(st.none() | st.lists(st.floats(0.1, 1), min_size=len(options), max_size=len(options)))
    return Choice(*options, ordered=draw(st.booleans()), weights=weights)


def shared_parts():
    """Written anew each time, in the same words for the same name."""
    return st.one_of(
        st.builds(lambda: share("width", Int(1, 9))),
        st.builds(lambda: share("act", Choice("relu", "gelu"))),
        st.builds(lambda: share("extra", Choice(deep={"width": share("width", Int(1, 9))}, flat=0))),
    )


@st.composite
def blocks_with_expressions(draw):
    """Expressions on a bare node, which `repr` cannot write down."""
    width, kind = Int(1, 9), Choice("thin", "wide")
    uses = {"twice": 2 * width, "which": where(kind == "wide", width + 1, width), "inner": draw(children())}
    return {**uses, "width": width, "kind": kind}


def children():
    return ints() | plain_choices() | shared_parts()


def containers(inner):
    counts = st.integers(0, 2) | st.builds(Int, st.integers(0, 1), st.integers(1, 2)) | st.builds(lambda: Choice(0, 2))
    options = st.dictionaries(keys, inner, min_size=1, max_size=3)
    return st.one_of(
        options.map(lambda given: Choice(**given)),
        inner.map(lambda node: Choice("plain", Build(dict, body=node))),
        st.builds(Maybe, inner, st.floats(0, 1)),
        st.builds(Repeat, inner, counts, st.booleans()),
        st.builds(lambda node: Repeat(node, share("copies", Int(0, 2))), inner),
        options.map(lambda given: Build("builtins:dict", **given)),
        inner.map(lambda node: Build(list, (node, 1))),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(keys, inner, max_size=2),
    )


leaves = floats() | ints() | plain_choices() | shared_parts() | data
shared_expressions = st.builds(lambda: {"root": apply("math:sqrt", share("width", Int(1, 9)) * 2)})
writable = st.recursive(leaves | shared_expressions, containers, max_leaves=8)
anything = st.recursive(leaves | shared_expressions | blocks_with_expressions(), containers, max_leaves=8)


def spaces(parts=anything):
    return st.dictionaries(st.sampled_from(["model", "lr", "größe"]), parts, max_size=3).map(Space)


quickly = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@quickly
@given(spaces())
def test_a_space_written_as_json_is_read_as_the_same_space(space):
    read = Space.from_json(json.dumps(space.to_json(), allow_nan=False))

    assert read.fingerprint == space.fingerprint
    assert read.slots == space.slots
    for seed in range(3):
        assert read.sample(seed) == space.sample(seed)
        assert read.sample(seed).build() == space.sample(seed).build()


@quickly
@given(spaces(), st.integers(0, 1000), st.sampled_from(["branch", "leaf", "prior"]))
def test_every_sample_is_contained_and_comes_back_from_json(space, seed, measure):
    configuration = space.sample(seed, measure)

    assert space.contains(configuration)
    assert space.configuration(json.loads(json.dumps(configuration.to_json()))).key == configuration.key


@quickly
@given(writable)
def test_a_node_prints_as_python_that_makes_it_again(node):
    space = Space(part=node)

    again = Space(part=eval(repr(space.parts["part"]), dict(NAMES)))

    assert again.to_json() == space.to_json()


@pytest.mark.parametrize(
    "twin_of", [copy.deepcopy, lambda space: pickle.loads(pickle.dumps(space))], ids=["copy", "pickle"]
)
@quickly
@given(space=spaces())
def test_a_twin_of_a_space_is_the_same_space(twin_of, space):
    twin = twin_of(space)

    assert twin == space
    assert twin.slots == space.slots
    assert twin.sample(0).build() == space.sample(0).build()


@quickly
@given(anything)
def test_a_fresh_copy_may_stand_beside_the_original(node):
    original = Space(part=node).parts["part"]

    space = Space(first=original, second=original.fresh())

    assert repr(space.parts["second"]) == repr(original)
    for seed in range(3):
        space.sample(seed).build()


@quickly
@given(spaces(), st.integers(0, 1000))
def test_a_configuration_lacks_no_decision_and_has_none_to_spare(space, seed):
    values = dict(space.sample(seed).values)

    for path in values:
        without = {other: value for other, value in values.items() if other != path}
        assert not space.contains(without), f"{path} may be left out"
    for slot in space.slots:
        if slot.path not in values:
            assert not space.contains({**values, slot.path: slot.domain.at(0.0)}), f"{slot.path} may be added"
    assert not space.contains({**values, "nowhere": 1})


@quickly
@given(spaces())
def test_parents_stand_before_their_children(space):
    seen = set()
    for slot in space.slots:
        assert all(literal.path in seen for literal in slot.when), f"{slot.path} stands before its parent"
        seen.add(slot.path)
    assert len(seen) == len(space.slots), "a path stands twice"


@quickly
@given(spaces(), st.integers(0, 1000))
def test_every_part_of_a_configuration_can_be_looked_at(space, seed):
    configuration = space.sample(seed)

    for name, built in configuration.build().items():
        part = getattr(configuration, name)
        assert (part.build() if hasattr(part, "build") else part) == built
