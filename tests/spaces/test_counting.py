import math
import random
from functools import reduce
from operator import or_

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from paretree.spaces import Choice, Float, Int, Maybe, Pick, Repeat, Space, share


def deepconv():
    """DeepArchitect's `deepconv_ss0`: (18 * 432)^2 architectures."""

    def conv(filters):
        return {"filters": Choice(*filters), "length": Choice(1, 3, 5)}

    def stage(filters):
        dropout = Maybe(Choice(0.5, 0.9))
        body = {"filters": Choice(*filters), "length": Choice(3, 5), "order": Choice("ab", "ba"), "dropout": dropout}
        return Repeat(body, Choice(1, 2, 4, 8, 16, 32), tied=True)

    few, many = (48, 64, 80, 96, 112, 128), (96, 128, 160, 192, 224, 256)
    return Space(stem=conv(few), first=stage(few), reduce=conv(many), second=stage(many))


def darts_cell():
    """A cell of DARTS: each of four nodes takes 2 of the 2 to 5 before it, by one of 7 operations each."""
    operations = ("max", "avg", "skip", "sep3", "sep5", "dil3", "dil5")
    return Space({f"n{n}": Pick({str(i): Choice(*operations) for i in range(n + 2)}, 2) for n in range(4)})


GOLDEN = {
    "one DARTS cell": (darts_cell, 1_037_664_180),
    "deepconv_ss0 (DeepArchitect)": (deepconv, 60_466_176),
    "NAS-Bench-201": (lambda: Space(edges=Repeat(Choice("none", "skip", "conv1", "conv3", "pool"), 6)), 15_625),
    "nothing to decide": (lambda: Space(), 1),
    "a sum": (lambda: Space(x=Choice(a=Int(1, 3), b=Choice(1, 2), c=5)), 6),
    "a depth": (lambda: Space(x=Repeat(Choice(1, 2), Int(0, 3))), 1 + 2 + 4 + 8),
    "tied copies": (lambda: Space(x=Repeat(Choice(1, 2), Int(0, 3), tied=True)), 1 + 2 + 2 + 2),
    "a large range": (lambda: Space(x=Int(1, 10**12)), 10**12),
    "beyond 64 bits": (lambda: Space(x=Repeat(Int(1, 1000), 40)), 1000**40),
    "shared by two": (lambda: Space(x=share("w", Int(1, 4)), y=share("w", Int(1, 4))), 4),
    "shared by two branches": (
        lambda: Space(x=Choice(a=share("w", Int(1, 4)), b=0), y=Maybe(share("w", Int(1, 4)))),
        4 * 3 + 1,
    ),
    "a shared depth": (lambda: Space(x=[Repeat(Choice(1, 2), share("n", Int(0, 2))) for _ in "ab"]), 1 + 4 + 16),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_counts_are_exact(name):
    make, count = GOLDEN[name]
    assert make().count() == count


def test_a_number_without_a_step_makes_infinitely_many_also_where_it_is_rarely_decided():
    space = Space(x=Choice(a=1, b=Float(0, 1)))
    assert space.count() == math.inf
    for operation in (space.enumerate, lambda: space.unrank(0), lambda: space.rank(space.sample(0))):
        with pytest.raises(
            ValueError, match=r"'x=b' has infinitely many values; give the Float a step to number them\."
        ):
            operation()


def test_numbers_outside_the_count_are_refused():
    with pytest.raises(IndexError, match="There are 3 configurations, numbered from 0; there is no 3"):
        Space(x=Int(1, 3)).unrank(3)


@st.composite
def finite_nodes(draw, depth=2):
    kinds = ["int", "choice", "step"] + (["sum", "maybe", "repeat", "list", "share"] if depth else [])
    match draw(st.sampled_from(kinds)):
        case "int":
            return Int(1, draw(st.integers(1, 3)))
        case "choice":
            return Choice(*range(draw(st.integers(1, 3))), ordered=draw(st.booleans()))
        case "step":
            return Float(0, 1, step=0.5)
        case "sum":
            return Choice(a=draw(finite_nodes(depth - 1)), b=draw(finite_nodes(depth - 1)), c=None)
        case "maybe":
            return Maybe(draw(finite_nodes(depth - 1)))
        case "repeat":
            return Repeat(draw(finite_nodes(depth - 1)), Int(0, draw(st.integers(1, 2))), tied=draw(st.booleans()))
        case "list":
            return [draw(finite_nodes(depth - 1)), draw(finite_nodes(depth - 1))]
        case _:
            return share(draw(st.sampled_from("uv")), {"s": Int(1, 2), "t": Maybe(Int(1, 2))})


finite_spaces = st.builds(lambda x, y: Space(x=x, y=y), finite_nodes(), finite_nodes())


@given(finite_spaces)
@settings(max_examples=60)
def test_what_is_enumerated_is_what_is_counted_and_nothing_twice(space):
    assume(space.count() <= 3000)
    found = list(space.enumerate())
    assert len(found) == len({configuration.key for configuration in found}) == space.count()
    assert all(space.contains(configuration) for configuration in found)
    assert [space.rank(configuration) for configuration in found] == list(range(space.count()))


@given(finite_spaces, st.integers(0, 10**6))
def test_rank_and_unrank_are_each_others_inverse(space, seed):
    configuration = space.sample(seed)
    assert space.unrank(space.rank(configuration)) == configuration
    rank = seed % space.count()
    assert space.rank(space.unrank(rank)) == rank


def test_sampling_by_leaf_gives_every_configuration_the_same_chance():
    space = Space(x=Choice(few=Int(1, 2), many=Repeat(Choice(1, 2), Int(0, 3))), y=Maybe(share("w", Int(1, 2))))
    draw, counts = random.Random(0), [0] * space.count()
    for _ in range(200 * len(counts)):
        counts[space.rank(space.sample(draw, measure="leaf"))] += 1
    assert chisquare(counts).pvalue > 0.01


def test_sampling_by_leaf_counts_a_configuration_once_whatever_its_continuous_numbers_are():
    space = Space(x=Choice(a=[Float(0, 1), Float(0, 1)], b=Int(1, 9)))
    draw = random.Random(0)
    shares = [space.sample(draw, measure="leaf")["x"] for _ in range(5000)].count("a") / 5000
    assert abs(shares - 0.1) < 0.02


def test_a_deep_space_of_many_slots_is_counted_without_listing_it():
    stage = Repeat(Choice(conv={"k": Choice(3, 5), "w": Int(1, 64)}, pool={"k": Choice(2, 3)}), Int(1, 8))
    space = Space(model=Repeat(stage, Int(1, 16)))
    block = 2 * 64 + 2
    per_stage = sum(block**n for n in range(1, 9))
    assert space.count() == sum(per_stage**n for n in range(1, 17))


@given(st.lists(st.booleans(), min_size=2, max_size=6), st.data())
def test_conditions_of_alternatives_are_counted_as_they_are_enumerated(always, data):
    """They are forgotten once they hold, which must change neither the count nor the order of ranks."""
    bits = [Choice(False, True) for _ in always]
    parts = {f"x{at}": bit if made else Maybe(bit) for at, (bit, made) in enumerate(zip(bits, always, strict=True))}
    askable = [bit for bit, made in zip(bits, always, strict=True) if made]
    assume(len(askable) > 1)
    space = Space(parts).require(reduce(or_, [bit == data.draw(st.booleans()) for bit in askable]))

    found = [configuration.key for configuration in space.enumerate()]

    assert space.count() == len(found) == len(set(found)) < Space(parts).count()
    assert [space.unrank(rank).key for rank in range(len(found))] == found
