"""Priors say what is likely, also where their centres follow other decisions and budgets."""

import copy
import json
import math
import pickle
import re
import warnings
from statistics import NormalDist, correlation

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paretree.spaces import (
    Choice,
    ConfigurationError,
    Fidelity,
    Float,
    Int,
    Maybe,
    Normal,
    PriorWarning,
    Repeat,
    Space,
    SpaceError,
    StudentT,
    apply,
    nn,
    share,
)
from paretree.spaces.domains import Integer, Real
from paretree.spaces.literals import lift

U = st.floats(0, 1, exclude_max=True)
SHAPES = st.sampled_from([Normal, StudentT, lambda center, spread: StudentT(center, spread, freedom=1.0)])


@st.composite
def domains(draw):
    """Ranges with a prior somewhere inside, on either scale."""
    kind, log = draw(st.sampled_from([Real, Integer])), draw(st.booleans())
    low = draw(st.integers(1, 1000))
    high = low + draw(st.integers(0, 10_000))
    prior = draw(SHAPES)(float(draw(st.integers(low, high))), draw(st.none() | st.floats(0.01, 100)))
    return kind(low, high, log, prior=prior)


@given(domains(), U, U)
def test_quantiles_of_a_prior_lie_in_the_range_and_grow(domain, u, v):
    below, above = domain.likely(min(u, v)), domain.likely(max(u, v))

    assert domain.contains(below), f"{below} is outside of {domain}"
    assert below <= above, "a greater share has a smaller quantile"


@pytest.mark.parametrize(
    ("prior", "shape"),
    [(Normal(2.0, 0.5), stats.norm), (StudentT(2.0, 0.5), stats.t(3)), (StudentT(2, 0.5, 1), stats.t(1))],
)
def test_a_prior_is_its_shape_cut_off_at_the_bounds(prior, shape):
    domain = Real(1.0, 6.0, prior=prior)
    low, high = shape.cdf((1.0 - 2.0) / 0.5), shape.cdf((6.0 - 2.0) / 0.5)

    for u in (0.001, 0.1, 0.5, 0.9, 0.999):
        expected = 2.0 + 0.5 * shape.ppf(low + u * (high - low))
        assert domain.likely(u) == pytest.approx(expected, rel=1e-6), f"the {u}-quantile differs from SciPy's"


def test_the_tails_of_student_t_are_heavier_than_those_of_the_normal():
    spreads = [Real(-10, 10, prior=shape(0.0, 1.0)).likely(0.99) for shape in (Normal, StudentT)]

    assert spreads[1] > 1.5 * spreads[0], spreads


@pytest.mark.parametrize("log", [False, True])
def test_an_integer_gets_the_mass_of_what_is_rounded_to_it(log):
    domain = Integer(1, 9, log, prior=StudentT(3.0, 0.7))
    scale = math.log if log else float
    ends = [stats.t(3).cdf((scale(k + 0.5) - scale(3.0)) / 0.7) for k in range(10)]
    drawn = [domain.likely((i + 0.5) / 20_000) for i in range(20_000)]

    for k in range(1, 10):
        expected = (ends[k] - ends[k - 1]) / (ends[-1] - ends[0])
        assert drawn.count(k) / len(drawn) == pytest.approx(expected, abs=2e-4), f"share of {k}"


def test_options_get_the_mass_between_geometric_midpoints():
    space = Space(batch=Choice(64, 128, 256, ordered=True, prior=Normal(128, math.log(2))))

    beyond = NormalDist().cdf(-0.5)
    assert space.slots[0].domain.weights == pytest.approx((beyond, 1 - 2 * beyond, beyond))


def test_options_may_be_written_in_any_order():
    up, down = ((64, 128, 512), (512, 128, 64))
    weights = [
        Space(b=Choice(*options, ordered=True, prior=StudentT(100))).slots[0].domain.weights for options in (up, down)
    ]

    assert weights[0] == pytest.approx(weights[1][::-1])


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=12, unique=True),
    SHAPES,
    st.floats(0, 1),
    st.none() | st.floats(1e-3, 10),
)
def test_the_chances_of_options_sum_to_one_and_none_is_given_up(options, shape, share_of_range, spread):
    center = min(options) + share_of_range * (max(options) - min(options))
    weights = Space(b=Choice(*options, ordered=True, prior=shape(center, spread))).slots[0].domain.weights

    assert sum(weights) == pytest.approx(1.0)
    assert min(weights) >= 0.01 / len(options) / 1.01 - 1e-12, "an option is all but excluded"


TOKENS = Fidelity(10**8, 10**10, log=True, unit="tokens")


def scaled() -> Space:
    """A learning rate whose prior follows a width, the batch size and a budget, written before all of them."""
    tokens, width = TOKENS.fresh(), Int(64, 1024, log=True)
    batch = Choice(64, 256, 1024, ordered=True, prior=StudentT(1e-3 * tokens**0.5, 0.6, source="a law"))
    center = 1e-6 * tokens**0.3 * (batch / 256) ** 0.5 * apply("math:sqrt", 512 / width)
    return Space(lr=Float(1e-6, 1e-1, log=True, prior=StudentT(center, 0.3)), batch=batch, width=width, tokens=tokens)


def test_what_a_prior_follows_is_decided_before_it():
    assert [slot.path for slot in scaled().slots] == ["batch", "width", "lr"]


def test_a_learning_rate_follows_the_decisions_that_its_prior_names():
    space = scaled()
    drawn = [space.sample(seed, "prior") for seed in range(1000)]
    uniform = [space.sample(seed) for seed in range(1000)]

    def together(configurations, path):
        return correlation(*([math.log(one[key]) for one in configurations] for key in ("lr", path)))

    assert together(drawn, "batch") > 0.4, "larger batches should go with greater learning rates"
    assert together(drawn, "width") < -0.3, "larger widths should go with smaller learning rates"
    assert abs(together(uniform, "batch")) < 0.1, "without priors nothing follows anything"


def test_a_budget_shifts_the_priors_that_name_it():
    space = scaled()
    full, cheap = space.most_likely(0), space.most_likely(0, {"tokens": 10**8})

    assert (full.batch, cheap.batch) == (64, 64)
    few, many = ({"tokens": tokens} for tokens in (10**8, 10**10))
    slot = next(slot for slot in space.slots if slot.path == "lr")
    values = {"batch": 256, "width": 512}
    centers = [space.believed(slot, values, budget).prior.center for budget in (few, many, None)]
    assert centers == pytest.approx([1e-6 * 1e8**0.3, 1e-6 * 1e10**0.3, 1e-6 * 1e10**0.3])
    medians = [sorted(space.sample(seed, "prior", budget).lr for seed in range(99))[49] for budget in (few, many)]
    assert medians[0] < medians[1]


def test_a_budget_that_is_not_there_is_refused():
    for draw in (lambda: scaled().sample(0, "prior", {"token": 1}), lambda: scaled().most_likely(0, {"token": 1})):
        with pytest.raises(ConfigurationError, match="There is no fidelity 'token' in the space; it has 'tokens'"):
            draw()


def test_a_shared_budget_and_a_shared_decision_may_be_named():
    tokens, width = share("tokens", TOKENS.fresh()), share("width", Int(1, 9))
    space = Space(
        lr=Float(0, 1, prior=Normal(tokens * 1e-11 + 0.1 * width - 0.1, 0.01)), model={"width": width, "tokens": tokens}
    )

    assert [slot.path for slot in space.slots] == ["width", "lr"]
    for seed in range(20):
        drawn = space.sample(seed, "prior", {"tokens": 10**8})
        assert drawn.lr == pytest.approx(0.001 + 0.1 * drawn["width"] - 0.1, abs=0.06)


def test_a_decision_itself_may_be_the_centre():
    width = Int(10, 90)
    space = Space(low=Int(1, 100, prior=Normal(width, 0.1)), width=width, high=Float(0, 100, prior=width))

    for seed in range(10):
        drawn = space.most_likely(seed)
        assert drawn.low == drawn.width == drawn.high


def test_the_prior_of_each_copy_follows_the_decisions_of_that_copy():
    width = Int(1, 9)
    space = Space(layers=Repeat({"rate": Float(0, 10, prior=Normal(width, 0.01)), "width": width}, 3))

    for seed in range(10):
        values = space.sample(seed, "prior").values
        for copy_ in range(3):
            assert values[f"layers[{copy_}]/rate"] == pytest.approx(values[f"layers[{copy_}]/width"], abs=0.1)


def test_a_fresh_copy_of_a_part_follows_its_own_decisions():
    width, base = Int(1, 9), Int(10, 90, step=10)
    part = lift({"rate": Float(0, 100, prior=Normal(base + width, 0.01)), "width": width})
    space = Space(a=part, b=part.fresh(), base=base)

    values = space.sample(3, "prior").values
    assert values["a/width"] != values["b/width"], "the seed should tell the two apart"
    for name in "ab":
        assert values[f"{name}/rate"] == pytest.approx(values["base"] + values[f"{name}/width"], abs=0.1)


def test_a_prior_in_a_branch_may_follow_which_branch_it_is():
    kind = Choice(small={"depth": Int(1, 4)}, large={"depth": Int(5, 9)})
    lr = Float(0, 10, prior=Normal(apply(len, kind), 0.01))

    space = Space(lr=lr, kind=kind)

    assert [slot.path for slot in space.slots] == ["kind", "kind=small/depth", "kind=large/depth", "lr"]
    assert space.sample(0, "prior").lr == pytest.approx(1, abs=0.1), "a dict of one entry has length 1"


def test_a_configuration_is_most_likely_where_every_prior_and_weight_is():
    space = Space(
        lr=Float(1e-5, 1, log=True, prior=StudentT(1e-3)),
        depth=Int(1, 9, prior=4),
        batch=Choice(64, 128, 256, ordered=True, prior=StudentT(140, 0.6)),
        kind=Choice("a", "b", weights=(1, 3)),
        extra=Maybe(Float(0, 1, prior=0.25), weight=0.9),
        free=Float(0, 1),
    )

    ones = [space.most_likely(seed) for seed in range(3)]

    believed = {"lr": 1e-3, "depth": 4, "batch": 128, "kind": "b", "extra": True, "extra=True": 0.25}
    for one in ones:
        assert {path: one[path] for path in believed} == believed
    assert len({one.free for one in ones}) == 3, "what nothing is believed of should be drawn"


def test_the_most_likely_option_is_the_one_nearest_to_the_centre():
    """Not the outer one, which has the chance of all that lies beyond it."""
    batch = Choice(64, 96, 128, 256, ordered=True, prior=StudentT(86, 0.6))
    weights = Space(batch=batch).slots[0].domain.weights
    assert weights[0] == max(weights), "this does not test what it says"
    assert Space(batch=batch.fresh()).most_likely(0).batch == 96


def test_there_is_no_most_likely_configuration_where_it_breaks_what_is_required():
    width = Int(1, 9, prior=4)

    assert Space(width=width).require(width > 5).most_likely(0) is None
    assert Space(width=width).require(width < 5).most_likely(0).width == 4


def test_a_space_knows_whether_anything_is_believed():
    assert not Space(x=Float(0, 1), y=Maybe(Choice(1, 2))).has_priors
    for node in (
        Float(0, 1, prior=0.5),
        Choice(1, 2, weights=(1, 2)),
        Choice(1, 2, ordered=True, prior=1),
        Maybe(1, 0.9),
    ):
        assert Space(x=node).has_priors, node


def test_what_is_believed_is_the_range_itself_where_nothing_follows_anything():
    space = Space(x=Float(0, 1, prior=0.5), y=Int(1, 2), z=Choice(1, 2))

    for slot in space.slots:
        assert space.believed(slot, {}) is slot.domain


def test_what_is_believed_is_told_in_plain_numbers_within_the_range():
    width = Int(1, 100)
    space = Space(
        width=width,
        lr=Float(1e-3, 1e-1, log=True, prior=StudentT(1e-2 * width, 0.5)),
        batch=Choice(1, 10, ordered=True, prior=Normal(width, 0.1)),
    )
    lr, batch = (next(slot for slot in space.slots if slot.path == path) for path in ("lr", "batch"))

    assert space.believed(lr, {"width": 5}).prior == StudentT(0.05, 0.5)
    assert space.believed(lr, {"width": 99}).prior == StudentT(0.1, 0.5), "the centre should be moved into the range"
    assert space.believed(batch, {"width": 2}).weights == pytest.approx((1 / 1.005, 0.005 / 1.005), rel=1e-4)
    with pytest.raises(TypeError, match=re.escape("follows other decisions; ask Space.believed(slot, values) for it")):
        lr.domain.likely(0.5)


def written(space: Space) -> Space:
    return Space.from_json(json.dumps(space.to_json(), allow_nan=False))


SPACES = {
    "numbers": lambda: Space(
        a=Float(0, 1, prior=StudentT(0.5)),
        b=Int(1, 9, log=True, prior=StudentT(3, 0.5, 1.5, source="me")),
        c=Choice(1, 2.5, ordered=True, prior=2),
    ),
    "expressions": scaled,
    "a decision": lambda: Space(x=(x := Int(1, 9)), y=Int(1, 9, prior=x), z=Float(0, 9, prior=Normal(x, 0.1))),
    "shared": lambda: Space(x=share("w", Int(1, 9)), y=Float(0, 99, prior=2 * share("w", Int(1, 9)))),
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("through", [written, copy.deepcopy, lambda space: pickle.loads(pickle.dumps(space))])
def test_a_space_with_priors_is_stored_and_draws_the_same_again(name, through):
    space = SPACES[name]()
    twin = through(space)

    assert twin == space
    assert not twin.diff(space), str(twin.diff(space))
    for seed in range(5):
        assert twin.sample(seed, "prior") == space.sample(seed, "prior")
    assert twin.most_likely(0) == space.most_likely(0)


@pytest.mark.parametrize(
    "text",
    [
        "Normal(0.5)",
        "Normal(0.5, 2.0, source='Step Law')",
        "StudentT(0.5)",
        "StudentT(0.5, 0.1)",
        "StudentT(0.5, None, freedom=5.0)",
        "StudentT(share('n', Int(1, 9)), 0.1)",
        "StudentT((0.1 * share('n', Int(1, 9))), 0.1)",
    ],
)
def test_a_prior_prints_as_it_was_typed(text):
    prior = eval(text)

    assert repr(prior) == text
    assert prior == eval(text)
    assert hash(prior) == hash(eval(text))
    assert prior != Normal(0.25)


def test_the_tree_of_a_space_names_who_says_so():
    lines = str(scaled()).splitlines()

    assert lines[1].startswith("├─ lr: Float(1e-06, 0.1, log=True), prior around (((1e-06 * (Fidelity("), lines[1]
    assert lines[2] == "├─ batch: Choice(64, 256, 1024, ordered=True), prior by a law"


def test_another_prior_is_a_difference_but_no_hindrance():
    old, new = (Space(x=Float(0, 1, prior=prior), y=Int(1, 2)) for prior in (Normal(0.1), StudentT(0.1)))

    assert list(new.diff(old).changed) == ["x"]
    configuration = old.sample(0)
    assert new.migrate(configuration).values == configuration.values


WRONG_UNIT = (
    "The prior of 'lr' by Step Law (3.2e+02) lies outside 1e-05 to 0.1, which is almost always a wrong unit: N counts "
    "parameters, D and the batch size tokens; it is moved to 0.1."
)


def test_a_centre_of_a_law_outside_the_range_is_moved_with_a_warning():
    with pytest.warns(PriorWarning, match=re.escape(WRONG_UNIT)) as warned:
        space = Space(lr=Float(1e-5, 1e-1, log=True, prior=StudentT(320, 0.5, source="Step Law")))

    assert warned[0].filename == __file__, "the warning should point to where the space is written"
    assert space.most_likely(0).lr == 0.1
    assert space.sample(0, "prior").lr > 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = [written(space), pickle.loads(pickle.dumps(space)), space.require(space.parts["lr"] > 0)]
    assert written(space) == space
    assert all(one.most_likely(0).lr == 0.1 for one in again)


def test_a_centre_that_is_outside_whatever_is_decided_is_warned_of():
    width = Int(2, 4)
    with pytest.warns(PriorWarning, match=r"prior of 'batch' by a law \(2e-06 to 4e-06\) .* it is moved to 64\."):
        Space(width=width, batch=Choice(64, 128, ordered=True, prior=StudentT(1e-6 * width, source="a law")))


def test_a_centre_that_is_outside_for_some_decisions_is_moved_without_a_warning():
    width = Int(1, 1000, log=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = Space(width=width, lr=Float(0, 1, prior=StudentT(0.01 * width, 0.1, source="a law")))
    assert max(space.sample(seed, "prior").lr for seed in range(100)) <= 1


ERRORS = {
    "zero": (
        lambda: Space(k=(k := Int(0, 3)), lr=Float(1e-5, 1, log=True, prior=1 / k)),
        "at 'lr': its centre cannot be computed (division by zero) for {'k': 0}; write it so that it is a positive",
    ),
    "logarithm": (
        lambda: Space(k=(k := Int(1, 3)), lr=Float(1e-5, 1, log=True, prior=Normal(-1 * k))),
        "which has no logarithm, for {'k': ",
    ),
    "domain": (
        lambda: Space(k=(k := Int(0, 3)), lr=Float(0, 1, prior=apply(math.log, k))),
        "at 'lr': its centre cannot be computed (math domain error) for {'k': 0}; write it so that it is a number",
    ),
    "text": (
        lambda: Space(k=(k := Choice("a")), e=Fidelity(1, 9), lr=Float(0, 1, prior=k)),
        "at 'lr': its centre is 'a' for {'k': 'a'}; write it so that it is a number",
    ),
    "budget": (
        lambda: Space(e=(e := Fidelity(1, 9)), lr=Float(0, 1, prior=e * math.inf)),
        "at 'lr': its centre is inf for {'e': 9}; write it so that it is a number",
    ),
    "nowhere": (
        lambda: Space(lr=Float(0, 1, prior=0.1 * Int(1, 2))),
        "at 'lr/?prior/0': it uses Int(1, 2), which stands nowhere in the space; put that node in the tree, or write",
    ),
    "another branch": (
        lambda: Space(o=Choice(a={"k": (k := Int(1, 3))}, b=1), lr=Float(0, 1, prior=0.1 * k)),
        "it uses the decision at 'o=a/k', which is not made whenever this is needed; let both stand in the same branch",
    ),
    "another meaning": (
        lambda: Space(k=share("k", Int(1, 3)), lr=Float(0, 1, prior=0.1 * share("k", Int(1, 4)))),
        "at 'lr/1': 'k' already names Int(1, 3); give one of the two another name",
    ),
    "model": (
        lambda: Space(model=nn.Linear(1), lr=Float(0, 1, prior=1 / nn.measured((3,)).params)),
        "the prior's centre asks for the size of a model, which is known only once all is decided; compute it from",
    ),
    "unordered": (
        lambda: Space(b=Choice(1, 2, prior=1)),
        "at 'b': a prior needs ordered positive numbers to choose from; write Choice(64, 128, ordered=True, prior=...)",
    ),
    "labelled": (lambda: Space(b=Choice(x=1, ordered=True, prior=1)), "a prior needs ordered positive numbers"),
    "not positive": (lambda: Space(b=Choice(0, 1, ordered=True, prior=1)), "a prior needs ordered positive numbers"),
    "weights": (
        lambda: Space(b=Choice(1, 2, ordered=True, prior=1, weights=(1, 2))),
        "both a prior and weights tell what is likely; leave out one of them",
    ),
    "outside": (
        lambda: Space(b=Choice(1, 2, ordered=True, prior=5)),
        "at 'b': the prior's centre (5) lies outside the range; check its unit, move it, or widen the range",
    ),
    "freedom": (
        lambda: Space(x=Float(0, 1, prior=StudentT(0.5, freedom=0))),
        "the prior's freedom (0) must be positive; use 3, or more",
    ),
    "source": (lambda: Space(x=Float(0, 1, prior=Normal(0.5, source=7))), "the prior's source cannot be 7; name it as"),
    "not a number": (lambda: Space(x=Float(0, 1, prior=StudentT("a"))), "the prior cannot be StudentT('a'); give the"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_makes_no_prior_is_refused_in_words(name):
    make, message = ERRORS[name]
    with pytest.raises(SpaceError, match=re.escape(message)) as error:
        make()
    assert str(error.value).endswith("."), "the message should be one sentence"


def test_a_prior_of_an_unknown_shape_is_refused_by_older_readers():
    data = Space(x=Float(0, 1, prior=StudentT(0.5))).to_json()
    data["parts"][0][1]["prior"]["shape"] = "cauchy"

    with pytest.raises(ValueError, match="a prior 'cauchy', which this package cannot read; update paretree"):
        Space.from_json(data)
