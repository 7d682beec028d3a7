"""What a scaling law predicts, how sure it is of it, and what it says of doubtful questions."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces import Int, Space
from paretree.spaces.laws import (
    Basin,
    Covariance,
    Domain,
    LawError,
    LinearInLog,
    PowerLaw,
    ScalingLaw,
    StepLaw,
)
from paretree.spaces.laws.amounts import human

LAW = ScalingLaw(
    name="mine",
    learning_rate_formula=PowerLaw(2.0, {"N": -0.5, "D": 0.25}),
    batch_size_formula=PowerLaw(3.0, {"D": 0.5}),
    domain=Domain(N=(1e6, 1e8), D=(1e8, 1e10)),
)
INSIDE = (1e7, 1e9)


def test_a_prediction_is_what_the_formulas_say_in_tokens_and_sequences():
    prediction = LAW.predict(1e8, 1e8, seq_len=100)

    assert prediction.learning_rate == pytest.approx(2.0 * 1e-4 * 1e2), "2 N^-0.5 D^0.25"
    assert prediction.batch_size == pytest.approx(3e4), "3 D^0.5 tokens"
    assert prediction.batch_sequences == pytest.approx(300), "tokens by the length of a sequence"
    assert prediction.batch_sequences_interval == pytest.approx(tuple(x / 100 for x in prediction.batch_size_interval))


def test_an_interval_holds_eighty_per_cent_of_a_normal_belief_about_the_logarithm():
    from scipy.stats import norm

    prediction = LAW.predict(*INSIDE)
    low, high = prediction.learning_rate_interval
    spread = LAW.log_spread(*INSIDE)[0]

    inside = norm.cdf(math.log(high), math.log(prediction.learning_rate), spread) - norm.cdf(
        math.log(low), math.log(prediction.learning_rate), spread
    )
    assert inside == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(
    ("transfer", "spread"),
    [("same recipe", (0.25, 0.25)), ("published", (0.5, 0.6)), ("outside domain", (0.8, 1.0))],
)
def test_the_spread_of_a_dense_model_is_that_of_the_transfer(transfer, spread):
    assert LAW.log_spread(*INSIDE, transfer) == pytest.approx(spread)


def test_the_spread_grows_with_the_compute_beyond_the_domain():
    tenfold = LAW.log_spread(1e8, 1e11, "published")
    thousandfold = LAW.log_spread(1e10, 1e11, "published")

    assert tenfold == pytest.approx((0.5 * 1.15, 0.6 * 1.15)), "15 % for each factor of ten"
    assert thousandfold == pytest.approx((0.5 * 1.45, 0.6 * 1.45))


def test_far_from_its_domain_a_law_takes_itself_for_carried_beyond_it():
    assert LAW.predict(*INSIDE).transfer == "published"
    assert LAW.predict(2e8, 1e10).transfer == "published", "twice the compute is near"
    assert LAW.predict(1e9, 1e11).transfer == "outside domain", "a hundred times the compute is far"
    assert LAW.predict(1e5, 1e9).transfer == "outside domain", "smaller models than any fitted are far"


def test_the_uncertainty_of_the_fit_is_that_of_all_coefficients_together():
    covariance = Covariance(("lr", "lr N"), ((0.04, -0.002), (-0.002, 1.1e-4)), "made up")
    law = ScalingLaw(name="fitted", learning_rate_formula=PowerLaw(1.0, {"N": -0.5}), covariance=covariance)
    n = math.log(1e6)

    assert law.fit_variance(1e6, 1e8) == pytest.approx((0.04 - 2 * 0.002 * n + 1.1e-4 * n**2, 0.0, 0.0))
    assert law.log_spread(1e6, 1e8, "same recipe")[0] > 0.25, "the fit adds to the transfer"


def test_the_expected_penalty_is_half_the_curvature_times_the_variance():
    assert Basin().penalty(0.5, 0.6) == pytest.approx(0.4, abs=0.03), "0.4 % for 0.5 and 0.6"
    assert Basin().tilt == pytest.approx(0.40, abs=0.01)


def test_an_expected_penalty_counts_only_what_the_law_predicts():
    only_rate = ScalingLaw(name="rate", learning_rate_formula=PowerLaw(1.0, {"N": -0.5})).predict(1e8, 1e9)

    assert only_rate.batch_size is None
    assert only_rate.expected_penalty == pytest.approx(50 * 0.0127 * 0.5**2)


@given(st.floats(1e5, 1e12), st.floats(1e6, 1e14))
def test_a_size_outside_the_domain_never_narrows_the_spread(N, D):
    inside, anywhere = LAW.log_spread(*INSIDE, "published"), LAW.log_spread(N, D, "published")

    assert all(one >= other - 1e-12 for one, other in zip(anywhere, inside, strict=True))


def test_no_warning_within_the_domain():
    assert LAW.predict(*INSIDE, seq_len=128).warnings == ()


@pytest.mark.parametrize(
    ("N", "D", "said"),
    [
        (215, 4e9, "N = 215 is very few"),
        (215e6, 4, "D = 4 is very few"),
        (4e9, 215e6, "check that they are not swapped"),
        (1e9, 1e10, "not fitted for N = 1B"),
        (1e8, 1e12, "not fitted for D = 1T"),
    ],
)
def test_a_doubtful_size_is_warned_of_in_one_sentence(N, D, said):
    warnings = LAW.predict(N, D).warnings

    assert len(warnings) == 1, "one sentence for one mistake"
    assert said in warnings[0]


def test_a_tiny_model_gets_one_warning_and_not_five():
    warnings = StepLaw().predict(2e5, 3e6, seq_len=128).warnings

    assert len(warnings) == 1
    assert "N = 200k (only 60M to 1.08B parameters), D = 3M" in warnings[0]


def test_few_parameters_are_no_wrong_unit_for_a_law_that_was_fitted_to_fewer():
    small = replace(LAW, domain=Domain(N=(6e3, 55e3), D=(1.3e5, 5.2e5)))

    assert small.predict(3e4, 3e5).warnings == ()
    assert "not fitted for N = 98k" in small.predict(98e3, 3e5).warnings[0], "it should speak of its own domain"
    assert "N = 215 is very few" in small.predict(215, 3e5).warnings[0]


def test_a_batch_below_one_sequence_is_warned_of():
    warnings = LAW.predict(*INSIDE, seq_len=1_000_000).warnings

    assert any("less than one sequence of 1000000" in warning for warning in warnings)


@pytest.mark.parametrize("seq_len", [0, -5, 4_000_000_000])
def test_what_is_no_length_of_a_sequence_is_warned_of(seq_len):
    assert "seq_len" in LAW.predict(*INSIDE, seq_len=seq_len).warnings[0]


@pytest.mark.parametrize("wrong", [0, -1.0, math.nan, math.inf])
def test_a_size_that_is_no_number_of_anything_is_refused(wrong):
    with pytest.raises(LawError, match="D is positive and finite"):
        LAW.predict(1e8, wrong)


def test_a_prediction_needs_numbers():
    with pytest.raises(LawError, match="N is a node of a space"):
        LAW.predict(Int(1, 3), 1e9)


def test_a_law_without_formulas_is_refused():
    with pytest.raises(LawError, match="no formula at all"):
        ScalingLaw(name="empty")


def test_an_unknown_transfer_is_refused_with_those_that_there_are():
    with pytest.raises(LawError, match="'same recipe', 'published', 'outside domain'"):
        LAW.predict(*INSIDE, transfer="somewhere")
    with pytest.raises(LawError, match="no transfer 'afar'"):
        ScalingLaw(name="x", batch_size_formula=PowerLaw(1.0, {"D": 0.5}), transfer="afar")


@pytest.mark.parametrize("law", [LAW, StepLaw()])
def test_a_law_comes_back_from_json_as_it_was(law):
    text = json.dumps(law.to_json())

    assert ScalingLaw.from_json(text) == law


def test_a_law_of_the_wrong_kind_version_or_format_is_refused():
    data = LAW.to_json()

    with pytest.raises(LawError, match="no stored law"):
        ScalingLaw.from_json({})
    with pytest.raises(LawError, match="version 99"):
        ScalingLaw.from_json({**data, "version": 99})
    with pytest.raises(LawError, match="kind 'Other'"):
        ScalingLaw.from_json({**data, "kind": "Other"})


def test_a_law_that_computes_with_a_node_cannot_be_stored():
    law = ScalingLaw(name="x", batch_size_formula=PowerLaw(1.0, {"C": 0.5}), flops_per_token=6.0 * Int(1, 9))

    with pytest.raises(LawError, match="flops_per_token of x is a node"):
        law.to_json()


def test_a_formula_that_is_not_positive_any_more_says_so():
    with pytest.raises(LawError, match="does not reach so far"):
        LinearInLog(0.003, -0.0001)({"N": 1e20})


@pytest.mark.parametrize("make", [lambda: PowerLaw(-1.0, {"N": 1}), lambda: PowerLaw(1.0, {"width": 1})])
def test_a_formula_that_makes_no_sense_is_refused(make):
    with pytest.raises(LawError):
        make()


@given(st.floats(0.1, 10), st.floats(-1, 1), st.floats(-1, 1), st.integers(1_000, 10**9), st.integers(1_000, 10**12))
def test_a_formula_of_nodes_has_the_value_of_the_formula_of_numbers(coefficient, n, d, N, D):
    formula = PowerLaw(coefficient, {"N": n, "D": d})
    node = Int(N, N + 1)
    space = Space(N=node, rate=formula({"N": node, "D": D}))
    configuration = space.sample(0)

    assert configuration.rate == pytest.approx(formula({"N": configuration.N, "D": D}))


def test_a_logarithm_of_a_node_is_an_expression():
    node = Int(1000, 2000)
    space = Space(N=node, rate=LinearInLog(0.003, -0.0001)({"N": node}))
    configuration = space.sample(3)

    assert configuration.rate == pytest.approx(0.003 - 0.0001 * math.log(configuration.N))


def test_a_law_and_a_prediction_are_readable_as_text_and_in_notebooks():
    law, prediction = StepLaw(), StepLaw().predict(215e6, 4e9, seq_len=2048)

    assert "1.79 N^-0.713 D^0.307" in str(law)
    assert "0.58 D^0.571" in law._repr_html_()
    assert "learning rate:" in str(prediction)
    assert "0.00182" in str(prediction)
    assert "<td>batch size (sequences of 2048)</td><td>86.1</td>" in prediction._repr_html_()


def test_what_is_shown_in_notebooks_is_escaped():
    law = ScalingLaw(name="<b>", batch_size_formula=PowerLaw(1.0, {"D": 0.5}))

    assert "<b>" not in law._repr_html_() + law.predict(1e8, 1e9)._repr_html_()


def test_a_prediction_is_plain_data_for_others_to_print():
    data = json.loads(json.dumps(LAW.predict(*INSIDE, seq_len=128).to_data()))

    assert data["batch_sequences"] == pytest.approx(data["batch_size"] / 128)
    assert data["law"] == "mine"


@pytest.mark.parametrize(
    ("value", "text"),
    [(215e6, "215M"), (1.4e12, "1.4T"), (999.6e6, "1B"), (0.00182, "0.00182"), (12, "12"), (2e15, "2,000T")],
)
def test_numbers_are_written_as_people_say_them(value, text):
    assert human(value) == text
