"""A law of the loss: what it predicts, and how compute is best spent by it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces.laws import LawError, LossLaw
from paretree.spaces.laws.loss import LossEvidence, LossGroup

CHINCHILLA = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""Besiroglu et al. 2024, arXiv:2404.10102."""


def law_of(spread=0.02, scatter=1e-3, **changed):
    """A law with these constants, and draws whose constants scatter by a share of them."""
    constants = {**CHINCHILLA, **changed}
    scatters = 1 + spread * np.random.default_rng(0).standard_normal((200, 5))
    evidence = LossEvidence((LossGroup(1e8, 2e9, 5, 3.4, 3.3, "with fewer than 4 trials"),), scatter, 0.3, -0.2)
    return LossLaw(**constants, draws=np.array(list(constants.values())) * scatters, evidence=evidence)


def test_the_loss_is_the_sum_of_three_terms():
    predicted = law_of().predict(1e9, 2e10)
    expected = 1.8172 + 482.01 / 1e9**0.3478 + 2085.43 / 2e10**0.3658
    assert predicted.loss == pytest.approx(expected), "L = E + A / N^alpha + B / D^beta"
    assert predicted.low < predicted.loss < predicted.high
    assert str(predicted).startswith(f"loss {expected:.4g} (80 %:"), str(predicted)


def test_losses_and_bands_of_arrays_have_the_shape_of_both_together():
    law = law_of()
    N, D = np.geomspace(1e7, 1e10, 4)[:, None], np.geomspace(1e9, 1e11, 3)
    low, high = law.band(N, D)
    assert law.loss(N, D).shape == low.shape == high.shape == (4, 3)
    assert law.loss(N, D)[2, 1] == pytest.approx(law.predict(float(N[2, 0]), float(D[1])).loss)
    assert low[2, 1] == pytest.approx(law.predict(float(N[2, 0]), float(D[1])).low)


def test_an_interval_is_never_narrower_than_single_trainings_scatter():
    sure = law_of(spread=0.0, scatter=0.01).predict(1e9, 2e10)
    assert math.log(sure.high / sure.low) == pytest.approx(2 * 1.2816 * 0.01), "80 % of a normal scatter of 1 %"
    unsure = law_of(spread=0.02, scatter=0.01).predict(1e9, 2e10)
    assert unsure.low < sure.low, "draws that disagree widen it"
    assert unsure.high > sure.high, "draws that disagree widen it"


@given(
    compute=st.floats(1e17, 1e26),
    alpha=st.floats(0.1, 0.8),
    beta=st.floats(0.1, 0.8),
    A=st.floats(10, 1e4),
    B=st.floats(10, 1e4),
    flops=st.sampled_from([2.0, 6.0, 7.5]),
)
def test_no_other_use_of_the_compute_gives_a_smaller_loss(compute, alpha, beta, A, B, flops):
    law = law_of(alpha=alpha, beta=beta, A=A, B=B)
    best = law.allocate(compute, flops)
    assert best.N * best.D * flops == pytest.approx(compute, rel=1e-9), "it spends all of the compute"
    for factor in (0.5, 0.9, 1.1, 2.0):
        other = float(law.loss(best.N * factor, best.D / factor))
        assert best.loss <= other * (1 + 1e-12), f"{factor} times the size is better"


def test_the_compute_of_chinchilla_is_split_as_published():
    best = law_of().allocate(5.76e23)
    assert 5e10 < best.N < 1e11, f"about 70 billion parameters, not {best.N:.3g}"
    assert 15 < best.D / best.N < 25, f"about 20 tokens for each parameter, not {best.D / best.N:.3g}"
    assert best.exponent == pytest.approx(0.3658 / (0.3478 + 0.3658))
    assert best.N_interval[0] < best.N < best.N_interval[1]
    assert best.D_interval[0] * best.N_interval[1] == pytest.approx(best.N * best.D), "a larger model sees less data"


def test_an_isoflop_curve_is_lowest_at_the_allocation():
    law = law_of()
    curve, best = law.isoflop(1e21), law.allocate(1e21)
    assert np.allclose(curve["N"] * curve["D"] * 6, 1e21), "all points cost the same"
    assert curve["N"][curve["loss"].idxmin()] == pytest.approx(best.N, rel=0.05)
    assert ((curve["low"] < curve["loss"]) & (curve["loss"] < curve["high"])).all()


@pytest.mark.parametrize("compute", [0, -1e21, math.inf, math.nan])
def test_compute_that_cannot_be_spent_is_refused(compute):
    with pytest.raises(LawError, match="cannot be spent; give two positive numbers"):
        law_of().allocate(compute)


def test_a_law_survives_json():
    law = law_of()
    again = LossLaw.from_json(json.dumps(law.to_json()))
    assert again.to_json() == law.to_json()
    assert again.predict(1e9, 2e10) == law.predict(1e9, 2e10)
    assert again.evidence == law.evidence


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"format": "paretree.law", "version": 1}, "no stored law of the loss"),
        ({"format": "paretree.loss_law", "version": 2}, "version 2, and this package reads up to 1"),
    ],
)
def test_data_of_another_kind_are_no_law(data, message):
    with pytest.raises(LawError, match=message):
        LossLaw.from_json(data)


def test_a_law_prints_its_constants_their_intervals_and_how_well_it_predicts():
    text = str(law_of())
    assert text.startswith("L = 1.817 + 482 / N^0.348 + 2085 / D^0.366"), text
    assert "compute-optimal N grows as C^0.513" in text, text
    assert "groups left out of the fit are missed by 0.3 %" in text, text
    assert "the largest one, left out, came -0.2 % from what was predicted" in text, text


def test_the_evidence_is_a_table():
    row = law_of().evidence.frame.iloc[0]
    assert row["off"] == pytest.approx(100 * (3.4 / 3.3 - 1)), "per cent above the law"
    assert list(row.index) == ["N", "D", "trials", "loss", "fitted", "doubt", "off"]
