"""Samples follow the measure asked for, and are the same in every process."""

import math
import random
import statistics
import subprocess
import sys
from collections import Counter

import pytest
from scipy.stats import chisquare, kstest, truncnorm

from paretree.spaces import Build, Choice, Float, Int, Maybe, Normal, Repeat, Space

DRAWS = 4000
TOO_UNLIKELY = 1e-3


def drawn(space: Space, path: str, measure="branch", draws=DRAWS) -> list:
    generator = random.Random(7)
    samples = (space.sample(generator, measure).values for _ in range(draws))
    return [values[path] for values in samples if path in values]


def assert_shares(values, shares: dict) -> None:
    counts = Counter(values)
    assert set(counts) == set(shares), f"other values than expected: {set(counts) ^ set(shares)}"
    expected = [share * len(values) / sum(shares.values()) for share in shares.values()]
    p = chisquare([counts[value] for value in shares], expected).pvalue
    assert p > TOO_UNLIKELY, f"counts {counts} do not follow {shares} (p = {p:.2g})"


def test_branches_have_equal_shares_however_much_is_below_them():
    large = Build("builtins:dict", a=Choice(*range(10)), b=Int(1, 100))
    space = Space(op=Choice(small="small", large=large, none=None))

    assert_shares(drawn(space, "op"), {"small": 1, "large": 1, "none": 1})


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (Int(3, 9), range(3, 10)),
        (Int(0, 10, step=4), (0, 4, 8)),
        (Float(0, 1, step=0.3), (0.0, 0.3, 0.6, 0.9)),
        (Maybe(1), (False, True)),
        (Choice("a", 2, None), ("a", 2, None)),
        (Repeat(1, Int(0, 3)), range(4)),
    ],
    ids=repr,
)
def test_each_value_of_a_finite_decision_has_an_equal_share(node, values):
    assert_shares(drawn(Space(x=node.fresh()), "x"), dict.fromkeys(values, 1))


def test_copies_decide_independently():
    space = Space(x=Repeat(Choice(0, 1), 2))

    pairs = list(zip(drawn(space, "x[0]"), drawn(space, "x[1]"), strict=True))

    assert_shares(pairs, dict.fromkeys([(0, 0), (0, 1), (1, 0), (1, 1)], 1))


def test_a_real_log_range_is_even_on_the_logarithm():
    logs = [math.log(value) for value in drawn(Space(x=Float(1e-5, 1e-1, log=True)), "x")]

    p = kstest(logs, "uniform", (math.log(1e-5), math.log(1e4))).pvalue
    assert p > TOO_UNLIKELY, f"not uniform on the log scale (p = {p:.2g})"


def test_an_integer_log_range_gives_each_integer_the_share_of_its_interval():
    shares = {k: math.log((k + 0.5) / (k - 0.5)) for k in range(1, 17)}

    assert_shares(drawn(Space(x=Int(1, 16, log=True)), "x"), shares)


def test_a_prior_lives_on_the_log_scale():
    node = Float(1e-6, 1.0, log=True, prior=Normal(1e-3, spread=1.0))

    logs = [math.log(value) for value in drawn(Space(x=node), "x", "prior")]

    low, high, center = math.log(1e-6), 0.0, math.log(1e-3)
    p = kstest(logs, truncnorm(low - center, high - center, center, 1.0).cdf).pvalue
    assert p > TOO_UNLIKELY, f"not normal on the log scale (p = {p:.2g})"


def test_a_prior_given_as_a_number_has_a_quarter_of_the_range_as_spread():
    values = drawn(Space(x=Float(0, 4, prior=2)), "x", "prior")

    p = kstest(values, truncnorm(-2, 2, 2, 1.0).cdf).pvalue
    assert p > TOO_UNLIKELY, f"not the normal belief around 2 (p = {p:.2g})"


@pytest.mark.parametrize("node", [Int(0, 10, prior=10), Float(0, 1, prior=0), Float(0, 1, step=0.1, prior=1)], ids=repr)
def test_a_prior_at_the_edge_favours_the_edge(node):
    values = drawn(Space(x=node.fresh()), "x", "prior", draws=500)

    edge = node.prior
    assert abs(statistics.median(values) - edge) < 0.35 * (node.high - node.low), "the median is far from the centre"


def test_weights_count_under_the_prior_only():
    space = Space(x=Choice("a", "b", "c", weights=(6, 3, 1)), y=Maybe(1, weight=0.9))

    assert_shares(drawn(space, "x", "prior"), {"a": 6, "b": 3, "c": 1})
    assert_shares(drawn(space, "y", "prior"), {True: 9, False: 1})
    assert_shares(drawn(space, "x"), {"a": 1, "b": 1, "c": 1})


def test_an_option_of_weight_zero_is_never_drawn_under_the_prior():
    space = Space(x=Choice("a", "b", "c", weights=(0, 1, 0)))

    assert set(drawn(space, "x", "prior")) == {"b"}


def test_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match="no measure 'leaves'; use 'branch', 'leaf' or 'prior'"):
        Space().sample(0, measure="leaves")


def test_a_generator_goes_on_where_a_number_starts_again():
    space = Space(x=Float(0, 1))
    generator = random.Random(3)

    assert space.sample(3) == space.sample(3)
    assert space.sample(generator) == space.sample(3), "the generator's first draw is that of its seed"
    assert space.sample(generator) != space.sample(3), "the generator did not go on"


SCRIPT = """
from paretree.spaces import Choice, Float, Int, Maybe, Repeat, Space, share
act = share("act", Choice("relu", "gelu"))
space = Space(net=Repeat({"act": act, "w": Int(1, 99), "d": Maybe(Float(0, 1))}, Int(1, 4)), b={"a": act})
print([space.sample(seed, measure).key for seed in range(5) for measure in ("branch", "prior")])
"""


def test_the_same_seed_gives_the_same_configuration_in_every_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "77")
    }

    assert len(outputs) == 1, f"samples differ between processes: {outputs}"
