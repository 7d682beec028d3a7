"""What a decision may be, and how it lies on the unit interval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces import Normal
from paretree.spaces.domains import Integer, Labels, Real
from paretree.spaces.text import describe

NEARLY_ONE = math.nextafter(1.0, 0.0)

shares = st.floats(0, 1, exclude_max=True)
spreads = st.none() | st.floats(1e-3, 1e3)


@st.composite
def reals(draw):
    log = draw(st.booleans())
    bound = st.floats(1e-30, 1e30) if log else st.floats(-1e12, 1e12)
    low, high = sorted([draw(bound), draw(bound)])
    prior = draw(st.none() | st.builds(Normal, st.floats(low, high), spreads))
    return Real(low, high, log, prior=prior)


@st.composite
def grids(draw):
    low = draw(st.decimals(-1000, 1000, places=3))
    width = draw(st.decimals(0, 1000, places=3))
    step = draw(st.decimals("0.001", 100, places=3))
    prior = draw(st.none() | st.builds(Normal, st.floats(float(low), float(low + width)), spreads))
    return Real(float(low), float(low + width), step=float(step), prior=prior)


@st.composite
def integers(draw):
    log = draw(st.booleans())
    low, high = sorted([draw(st.integers(1 if log else -(2**40), 2**40)) for _ in range(2)])
    prior = draw(st.none() | st.builds(Normal, st.integers(low, high), spreads))
    return Integer(low, high, log, 1 if log else draw(st.integers(1, 1000)), prior)


numbers = reals() | grids() | integers()


@given(numbers, shares)
def test_every_share_is_a_value_of_the_range(domain, u):
    assert domain.contains(domain.at(u)), domain.at(u)
    assert domain.contains(domain.likely(u)), domain.likely(u)


@given(numbers, st.tuples(shares, shares).map(sorted))
def test_larger_shares_are_larger_values(domain, ordered):
    smaller, larger = ordered

    assert domain.at(smaller) <= domain.at(larger)
    assert domain.likely(smaller) <= domain.likely(larger)


@given(grids() | integers())
def test_the_ends_of_a_grid_are_reached(domain):
    last = domain.nth(domain.size - 1) if isinstance(domain, Real) else domain.values[-1]

    assert (domain.at(0.0), domain.at(NEARLY_ONE)) == (domain.low, last)
    assert domain.low <= last <= domain.high
    assert last + domain.step > domain.high, "another step fits in"


@given(reals())
def test_the_ends_of_a_real_range_are_reached(domain):
    assert math.isclose(domain.at(0.0), domain.low, rel_tol=1e-9, abs_tol=1e-300)
    assert math.isclose(domain.at(NEARLY_ONE), domain.high, rel_tol=1e-9, abs_tol=1e-3)


@given(grids(), shares)
def test_index_and_grid_are_inverse(domain, u):
    value = domain.at(u)

    assert domain.nth(domain.position(value)) == value
    assert domain.nearest(value) == value


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (Real(0, 1, step=0.3), [0.0, 0.3, 0.6, 0.9]),
        (Real(0.1, 0.5, step=0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
        (Real(-1, 1, step=1), [-1.0, 0.0, 1.0]),
        (Real(0, 1, step=2), [0.0]),
        (Real(1e-3, 3e-3, step=1e-3), [0.001, 0.002, 0.003]),
    ],
    ids=repr,
)
def test_a_grid_has_the_values_one_would_type(domain, values):
    assert [domain.nth(index) for index in range(domain.size)] == values


def test_a_grid_takes_numbers_with_rounding_noise_and_no_others():
    domain = Real(0, 0.3, step=0.1)

    assert domain.contains(0.1 + 0.2), "0.1 + 0.2 is 0.3 but for noise"
    assert not domain.contains(0.15)
    assert not domain.contains(0.4)
    assert not domain.contains(math.nan)
    assert not domain.contains(math.inf)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, 2), (1, 1000), (999, 1000), (2**40, 2**41)])
def test_a_log_range_of_integers_reaches_its_ends_and_stays_within(low, high):
    domain = Integer(low, high, log=True)

    assert (domain.at(0.0), domain.at(NEARLY_ONE)) == (low, high)


def test_a_range_of_one_number_follows_any_prior():
    assert Real(2.0, 2.0, prior=Normal(2.0)).likely(0.5) == 2.0
    assert Integer(2, 2, prior=Normal(2)).likely(0.5) == 2


def test_a_narrow_prior_far_at_the_edge_stays_at_the_edge():
    domain = Real(1e-6, 1.0, log=True, prior=Normal(1.0, spread=1e-9))

    assert all(0.999 < domain.likely(u) <= 1.0 for u in (0.001, 0.5, 0.999))


def test_labels_are_told_apart_by_type():
    domain = Labels((1, "1", None, False))

    for label in domain.values:
        assert domain.contains(label)
    for other in (True, 1.0, 0, "None", math.nan):
        assert not domain.contains(other), f"{other!r} is taken for another label"


@given(st.lists(st.floats(0, 1e6), min_size=1).filter(any), shares)
def test_every_share_is_a_label_with_a_weight(weights, u):
    domain = Labels(tuple(range(len(weights))), weights=tuple(weights))

    assert domain.contains(domain.at(u))
    assert weights[domain.likely(u)] > 0, "an impossible label was drawn"


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (Real(0.5, 1), "a number from 0.5 to 1"),
        (Real(0.5, 1, step=0.25), "a number from 0.5 to 1 in steps of 0.25"),
        (Integer(1, 9), "an integer from 1 to 9"),
        (Integer(1, 9, step=2), "an integer from 1 to 9 in steps of 2"),
        (Labels((1, "a", None)), "one of 1, 'a', None"),
    ],
)
def test_a_domain_is_told_in_words(domain, words):
    assert describe(domain) == words
