"""Grammars: parts that contain themselves, and always end."""

import random

import pytest

from paretree.spaces import Again, Build, Choice, Int, Maybe, Recursive, Repeat, Space, SpaceError, require


def expression(depth):
    """Sums and negations of x and of 1 to 3."""
    body = Choice(x=0, num=Int(1, 3), add=Build("operator:add", Again("e"), Again("e")), neg=[Again("e")])
    return Space(f=Recursive("e", body, depth))


def test_configurations_are_counted_level_by_level():
    count = 4
    for depth in range(4):
        assert expression(depth).count() == count
        count = 4 + count**2 + count


def test_every_configuration_ends_and_none_is_listed_twice():
    space = expression(2)
    found = list(space.enumerate())
    assert len({configuration.key for configuration in found}) == space.count() == 604
    assert all(space.contains(configuration) for configuration in found)


def test_deep_grammars_are_drawn_without_end_in_sight():
    chain = Space(s=Recursive("s", Maybe([Choice("a", "b"), Again("s")]), 60))
    assert chain.count() == sum(2**length for length in range(61))
    assert all(chain.contains(chain.sample(seed, measure)) for seed in range(20) for measure in ("branch", "leaf"))


def test_what_is_built_follows_the_nesting():
    space = Space(f=Recursive("e", Choice(num=Int(1, 3), add=Build("operator:add", Again("e"), Again("e"))), 2))
    decisions = {
        "f": "add", "f=add/0": "add", "f=add/0=add/0": "num", "f=add/0=add/0=num": 1, "f=add/0=add/1": "num",
        "f=add/0=add/1=num": 2, "f=add/1": "num", "f=add/1=num": 3,
    }  # fmt: skip
    assert space.configuration(decisions).f.build() == (1 + 2) + 3


def test_moves_and_vectors_stay_inside():
    space, draw = expression(2), random.Random(0)
    for _ in range(200):
        a, b = space.sample(draw), space.sample(draw)
        assert space.decode(space.encode(a)) == a
        assert all(space.contains(c) for c in (space.mutate(a, draw), space.crossover(a, b, draw)))


def test_each_level_decides_for_itself_and_expressions_mean_their_own_level():
    width = Int(1, 4)
    space = Space(m=Recursive("m", {"w": width, "double": 2 * width, "inner": Maybe(Again("m"))}, 1))
    configuration = space.configuration({"m/w": 1, "m/inner": True, "m/inner=True/w": 4, "m/inner=True/inner": False})
    assert configuration.m.build() == {"w": 1, "double": 2, "inner": {"w": 4, "double": 8, "inner": None}}


def test_conditions_hold_at_every_level():
    a, b = Int(1, 4), Int(1, 4)
    space = Space(m=Recursive("m", require({"a": a, "b": b, "inner": Maybe(Again("m"))}, a < b), 1))
    assert space.count() == 6 + 6 * 6


def test_two_grammars_may_contain_each_other():
    inner = Recursive("b", Choice(one=1, back=[Again("a")]), 1)
    space = Space(m=Recursive("a", Choice(zero=0, down=inner), 1))
    assert space.count() == len(list(space.enumerate())) == 1 + (1 + (1 + 1)) == len({c.key for c in space.enumerate()})


def test_grammars_are_stored_and_printed():
    space = expression(1)
    assert Space.from_json(space.to_json()) == space
    assert "f: Recursive 'e', depth 1: Choice" in repr(space)
    part = space.parts["f"]
    names = {"Recursive": Recursive, "Choice": Choice, "Int": Int, "Build": Build, "Again": Again}
    assert repr(eval(repr(part), names)) == repr(part)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Recursive("e", [Again("e")], 2), "Again('e') at 'f/0/0/0': the recursion has no end here"),
        (Recursive("e", Choice(a=[Again("e")]), 1), "at 'f=a/0': no option ends the recursion; add one without Again"),
        (Recursive("e", Repeat(Again("e"), 2), 1), "the recursion has no end here; put a Choice or Maybe around it"),
        (Again("e"), "Again('e') at 'f': no part around it is called 'e'; write Recursive('e', ..., depth)"),
        (Recursive("e", Choice(1, 2), -1), "depth cannot be -1; use a whole number from 0 on"),
        (Recursive("a/b", Choice(1, 2), 1), "'a/b' cannot be a name in a path"),
        ([Recursive("e", Int(1, 2), 1), Recursive("e", Int(1, 3), 1)], "another part is called 'e' too"),
        (Recursive("e", Choice(a=1, b=[Again("e")] * 8), 6), "this is one of over 100000 decisions"),
    ],
)
def test_grammars_that_do_not_end_or_are_not_there_are_refused(node, message):
    with pytest.raises(SpaceError) as error:
        Space(f=node)
    assert message in str(error.value)
