"""What a law says, as priors of the decisions of a space."""

import json
import math
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paretree as pt
from paretree.spaces import Choice, Fidelity, Float, Int, Space, StudentT
from paretree.spaces.laws import LawError, LawWarning, StepLaw
from paretree.spaces.laws.conditional import rate_factor

LAW = StepLaw()
N, D = 215e6, 4e9
RATE, BATCH = 1.79 * N**-0.713 * D**0.307, 0.58 * D**0.571


def believed(space, path, values=None, fidelity=None):
    """The prior of a decision, as plain numbers."""
    (slot,) = [slot for slot in space.slots if slot.path == path]
    return space.believed(slot, values or {}, fidelity).prior


def test_a_prior_has_the_laws_point_its_spread_heavy_tails_and_its_name():
    rate, batch = LAW.learning_rate(N, D), LAW.batch_size(N, D)

    assert rate.center == pytest.approx(RATE)
    assert batch.center == pytest.approx(BATCH)
    assert (rate.spread, batch.spread) == LAW.log_spread(N, D)
    assert rate.freedom == 3.0
    assert rate.source == "Step Law"


def test_a_batch_size_is_in_sequences_where_their_length_is_said():
    assert LAW.batch_size(N, D, seq_len=2048).center == pytest.approx(BATCH / 2048)


def test_the_transfer_decides_the_spread():
    same, other = (LAW.learning_rate(N, D, transfer=t).spread for t in ("same recipe", "outside domain"))

    assert same == pytest.approx(0.25, abs=0.005)
    assert other == pytest.approx(0.8, abs=0.005)


def test_the_priors_of_a_law_stand_in_a_space_whose_likeliest_point_is_the_laws():
    prior = LAW.prior(N=N, D=D, seq_len=2048)
    space = Space(
        lr=Float(1e-5, 1e-1, log=True, prior=prior.learning_rate),
        batch=Choice(16, 64, 256, 1024, ordered=True, prior=prior.batch_size),
    )
    likeliest = space.most_likely(0)

    assert likeliest.lr == pytest.approx(RATE)
    assert likeliest.batch == 64, "86 sequences are nearest to 64"


def test_a_space_with_a_laws_priors_comes_back_from_json():
    batch = Choice(64, 128, 256, ordered=True, prior=LAW.batch_size(N, D, seq_len=2048))
    lr = Float(1e-5, 1e-1, log=True, prior=LAW.learning_rate(N, D, batch_size=batch, seq_len=2048))
    space = Space(lr=lr, batch=batch)
    back = Space.from_json(json.loads(json.dumps(space.to_json())))

    assert back.fingerprint == space.fingerprint
    assert back.sample(7, measure="prior").values == space.sample(7, measure="prior").values


@pytest.mark.parametrize(
    ("times", "factor"),
    [(1, 1), (1 / 4, 0.5), (1 / 16, 0.25), (1.5, 1.5**0.2), (2, 2**0.2), (4, 2**0.2), (20, 2**0.2)],
)
def test_a_fixed_batch_size_moves_the_rate_down_with_its_root_and_hardly_up(times, factor):
    prior = LAW.learning_rate(N, D, batch_size=times * BATCH)

    assert prior.center == pytest.approx(RATE * factor)


@given(st.floats(0.01, 100), st.floats(1.0, 10))
def test_a_larger_batch_never_lowers_the_rate_and_never_scales_it_in_proportion(departure, growth):
    before, after = rate_factor(departure), rate_factor(departure * growth)

    assert before <= after * (1 + 1e-12), "the rate does not fall"
    assert after <= before * growth * (1 + 1e-12), "it grows by less than the batch"
    assert after <= 2**0.2


def test_a_searched_batch_size_moves_the_prior_of_the_rate():
    batch = Choice(16, 64, 1024, ordered=True)
    prior = LAW.prior(N=N, D=D, seq_len=2048)
    space = Space(lr=Float(1e-5, 1e-1, log=True, prior=prior.learning_rate_given(batch)), batch=batch)

    for option in (16, 64, 1024):
        expected = RATE * rate_factor(option * 2048 / BATCH)
        assert believed(space, "lr", {"batch": option}).center == pytest.approx(expected)


def test_the_prior_follows_a_budget_of_tokens():
    tokens = Fidelity(1e9, 4e9, log=True, unit="tokens")
    space = Space(tokens=tokens, lr=Float(1e-5, 1e-1, log=True, prior=LAW.learning_rate(N, tokens)))

    quarter, full = (believed(space, "lr", fidelity={"tokens": d}).center for d in (1e9, 4e9))

    assert full == pytest.approx(RATE)
    assert quarter == pytest.approx(RATE * 0.25**0.307)


def test_the_prior_follows_a_searched_width():
    width = Int(256, 1024, step=256)
    rate = Float(1e-5, 1e-1, log=True, prior=LAW.learning_rate(12 * 8 * width**2, 4e9))
    space = Space(width=width, lr=rate)

    for value in (256, 1024):
        expected = 1.79 * (96 * value**2) ** -0.713 * 4e9**0.307
        assert believed(space, "lr", {"width": value}).center == pytest.approx(expected)


def test_a_followed_size_has_the_spread_of_the_transfer_without_extrapolation():
    assert LAW.learning_rate(Int(10**8, 10**9), D).spread == pytest.approx(0.5)
    assert LAW.batch_size(Int(10**8, 10**9), D).spread == pytest.approx(0.6)


def test_the_joint_belief_has_the_spreads_and_the_correlation_of_the_errors():
    joint = LAW.prior(N=N, D=D).joint()
    (var_rate, shared), (_, var_batch) = joint.shape

    assert list(joint.loc) == pytest.approx([math.log(RATE), math.log(BATCH)])
    assert (math.sqrt(var_rate), math.sqrt(var_batch)) == pytest.approx(LAW.log_spread(N, D))
    assert shared / math.sqrt(var_rate * var_batch) == pytest.approx(0.17)
    assert LAW.prior(N=N, D=D, seq_len=2048).joint().loc[1] == pytest.approx(math.log(BATCH / 2048)), "in sequences"


ASKED = {
    "the learning rate": lambda: LAW.learning_rate(215, D),
    "the batch size": lambda: LAW.batch_size(4e12, D),
    "both": lambda: LAW.prior(N=N, D=4e13),
    "a rate for a batch in sequences": lambda: LAW.learning_rate(N, D, batch_size=64),
    "the same of a prior": lambda: LAW.prior(N=N, D=D).learning_rate_given(64),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_doubtful_question_is_warned_of_once_where_it_is_asked(asked):
    with pytest.warns(LawWarning) as caught:
        asked()

    assert [warning.filename for warning in caught] == [__file__]


def test_a_batch_size_in_the_wrong_unit_is_warned_of():
    with pytest.warns(LawWarning, match=r"A batch size of 64 is .* it counts tokens"):
        LAW.learning_rate(N, D, batch_size=64)
    with pytest.warns(LawWarning, match="it counts sequences"):
        LAW.learning_rate(N, D, batch_size=64 * 2048, seq_len=2048)


def test_within_the_domain_nothing_is_warned_of():
    with warnings.catch_warnings(action="error"):
        LAW.prior(N=N, D=D, seq_len=2048).learning_rate_given(128)


def test_a_centre_outside_the_users_range_is_moved_to_its_end_with_a_warning():
    with pytest.warns(pt.PriorWarning, match="Step Law"):
        space = Space(batch=Float(8, 1024, log=True, prior=LAW.batch_size(N, D)))

    assert space.most_likely(0).batch == pytest.approx(1024), "tokens asked for in a range of sequences"


def test_a_batch_size_that_is_not_positive_is_refused():
    with pytest.raises(LawError, match="A batch size is positive"):
        LAW.learning_rate(N, D, batch_size=0)


def test_laws_are_at_hand_by_their_short_name_and_not_loaded_before():
    code = "import sys, paretree as pt\nassert 'numpy' not in sys.modules\nprint(pt.laws.StepLaw().name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "Step Law"


def test_a_prior_is_a_student_t_like_any_other():
    assert isinstance(LAW.learning_rate(N, D), StudentT)
