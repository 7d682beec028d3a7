"""Fitting a law of the loss to trials."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from paretree.spaces.laws import LawError, LawWarning, fit_loss_law
from paretree.spaces.laws.loss_fit import EXPONENTS, Points, objective
from paretree.spaces.laws.loss_trials import read_trials

CHINCHILLA = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""Besiroglu et al. 2024, arXiv:2404.10102: what the trainings of Hoffmann et al. 2022 really say."""


def chinchilla_loss(N, D):
    return CHINCHILLA["E"] + CHINCHILLA["A"] / N ** CHINCHILLA["alpha"] + CHINCHILLA["B"] / D ** CHINCHILLA["beta"]


def made_up(trainings=240, noise=1e-3, seed=0, N=(4.4e7, 1.6e10), D=(2e8, 5e11)):
    """Tuned trainings that follow Chinchilla's law, as many and as large as those that it was fitted to."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(*np.log(N), trainings))
    tokens = np.exp(rng.uniform(*np.log(D), trainings))
    loss = chinchilla_loss(sizes, tokens) * np.exp(noise * rng.standard_normal(trainings))
    return pd.DataFrame({"N": sizes, "D": tokens, "loss": loss})


def ladder(trials=16, noise=1e-3, seed=0, sizes=(2e7, 6e7, 2e8, 6e8), ratios=(10, 40, 160)):
    """Random trials around the optimum of each size and ratio of tokens to parameters: a tilted bowl with noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for N in sizes:
        for D in (N * ratio for ratio in ratios):
            rate, batch = rng.uniform(-2, 2, (2, trials))
            gap = 0.0063 * rate**2 - 0.005 * rate * batch + 0.0061 * batch**2
            loss = chinchilla_loss(N, D) * np.exp(gap + noise * rng.standard_normal(trials))
            rows.append(
                pd.DataFrame({"N": N, "D": D, "learning_rate": np.exp(rate), "batch_size": np.exp(batch), "loss": loss})
            )
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def chinchilla():
    return fit_loss_law(made_up(), best_of_group=False, bootstrap=30)


def test_the_published_constants_are_found_again(chinchilla):
    assert pytest.approx(CHINCHILLA["E"], rel=0.01) == chinchilla.E
    assert chinchilla.alpha == pytest.approx(CHINCHILLA["alpha"], rel=0.03)
    assert chinchilla.beta == pytest.approx(CHINCHILLA["beta"], rel=0.02)
    assert chinchilla.exponent == pytest.approx(0.5126, abs=0.005), "N grows as C^(beta / (alpha + beta))"
    assert chinchilla.evidence.unidentified == (), "three orders of magnitude in N and in D tell everything"
    assert chinchilla.evidence.scatter == pytest.approx(1e-3, rel=0.3)


def test_intervals_hold_the_truth(chinchilla):
    intervals = chinchilla.intervals()
    width = intervals["exponent"][1] - intervals["exponent"][0]
    assert 1e-4 < width < 0.02, f"neither certain nor useless, not {width}"
    held = [low <= CHINCHILLA[name] <= high for name, (low, high) in intervals.items() if name in CHINCHILLA]
    assert sum(held) >= 3, f"80 % intervals hold {sum(held)} of 5 true constants"


def test_the_fit_is_the_bottom_and_not_an_early_stop(chinchilla):
    """Fitted to the mean of the Huber losses, L-BFGS stops where alpha is 0.30; the gradient here is that of a sum."""
    points = Points.of(read_trials(made_up(), "N", "D", "loss", (), False))
    theta = theta_of(chinchilla, points)
    weights = np.ones_like(points.x)
    value, gradient = objective(theta, points, weights)
    assert np.abs(gradient).max() < 1e-3 * value, f"the slope is {gradient} at {value}"
    truth, _ = objective(theta_of_constants(CHINCHILLA, points), points, weights)
    assert value < truth, "the fit is no worse than the law that the trials were made with"


def test_the_number_of_trials_does_not_change_where_the_fit_stops():
    few = made_up(40)
    once, many = (fit_loss_law(trials, best_of_group=False, bootstrap=1) for trials in (few, pd.concat([few] * 20)))
    assert once.coefficients == pytest.approx(many.coefficients, rel=1e-3)


def test_the_gradient_is_the_derivative():
    points = Points.of(read_trials(made_up(30, noise=2e-3), "N", "D", "loss", (), False))
    theta = theta_of_constants({**CHINCHILLA, "alpha": 0.33}, points)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(points.x))
    _, gradient = objective(theta, points, weights)
    off = check_grad(
        lambda x: objective(x, points, weights)[0], lambda x: objective(x, points, weights)[1], theta, epsilon=1e-8
    )
    assert off < 1e-3 * np.linalg.norm(gradient), f"{off} off at a slope of {np.linalg.norm(gradient)}"


def test_outliers_hardly_move_the_law(chinchilla):
    trials = made_up()
    trials.loc[trials.index[::40], "loss"] *= 1.2
    robust = fit_loss_law(trials, best_of_group=False, bootstrap=1)
    assert robust.exponent == pytest.approx(chinchilla.exponent, abs=0.005)
    assert pytest.approx(chinchilla.E, rel=0.01) == robust.E


def test_the_law_of_small_sweeps_predicts_a_larger_training():
    law = fit_loss_law(ladder(), bootstrap=50)
    predicted, truth = law.predict(6e9, 1.2e11), chinchilla_loss(6e9, 1.2e11)
    assert predicted.loss == pytest.approx(truth, rel=0.01), f"ten times the size, hence 100 times the compute: {law}"
    assert predicted.low < truth < predicted.high, str(predicted)
    assert len(law.evidence.groups) == 12
    assert law.evidence.groups[0].trials == 16
    assert law.evidence.left_out < 1, str(law)
    assert abs(law.evidence.largest_out) < 1, str(law)


def test_only_the_best_trial_of_a_group_counts_unless_all_are_tuned():
    trials = ladder()
    assert fit_loss_law(trials, bootstrap=1).evidence.scatter < 0.01
    assert fit_loss_law(trials, bootstrap=1, best_of_group=False).evidence.scatter > 0.01, "untuned trials count here"


def test_trials_with_a_last_batch_more_or_less_are_one_group():
    trials = ladder()
    trials["D"] *= 1 + 0.002 * np.random.default_rng(0).uniform(-1, 1, len(trials))
    assert len(fit_loss_law(trials, bootstrap=1).evidence.groups) == 12


def test_diverged_trials_are_dropped_and_counted():
    trials = ladder()
    diverged = trials.iloc[[3, 40, 41]].assign(loss=[np.nan, np.inf, -1.0])
    law = fit_loss_law(pd.concat([trials, diverged]), bootstrap=1)
    assert law.evidence.dropped == 3
    assert law.coefficients == fit_loss_law(trials, bootstrap=1).coefficients


def test_what_a_narrow_ladder_cannot_tell_is_said():
    law = fit_loss_law(ladder(sizes=(2e8, 3e8, 4e8)), bootstrap=50)
    assert any(sentence.startswith("E is not identified") for sentence in law.evidence.unidentified), str(law)
    assert any(
        sentence.startswith("alpha is not identified") and "N spans a factor of 2" in sentence
        for sentence in law.evidence.unidentified
    ), str(law)
    assert law.evidence.unidentified[0] in str(law)


def test_a_loss_that_seems_to_fall_to_nothing_leaves_its_end_open():
    trials = made_up(60)
    trials["loss"] = 3 * (trials["N"] / 1e9) ** -0.1 + 0.5 * (trials["D"] / 1e10) ** -0.1
    law = fit_loss_law(trials, best_of_group=False, bootstrap=5)
    assert any(sentence.startswith("E is not identified") for sentence in law.evidence.unidentified), str(law)


def test_data_that_grow_with_the_model_leave_the_allocation_open():
    law = fit_loss_law(ladder(sizes=(1e7, 3e7, 1e8, 3e8, 1e9, 3e9), ratios=(20,)), bootstrap=10)
    assert "N and D grow together" in law.evidence.unidentified[-1], str(law)


def test_tuned_groups_raise_no_doubt_and_others_do():
    trials = ladder(trials=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_loss_law(trials, bootstrap=1)
    first = trials["N"].eq(trials["N"].min()) & trials["D"].eq(trials["D"].min())
    few = trials.drop(trials.index[first][3:])
    with pytest.warns(LawWarning, match="1 of 12 groups may not be tuned .1 with fewer than 4 trials"):
        law = fit_loss_law(few, bootstrap=1)
    assert [group.doubt for group in law.evidence.groups if group.doubt] == ["with fewer than 4 trials"]
    with pytest.warns(LawWarning, match="best at the edge of the learning rate"):
        fit_loss_law(trials[trials["learning_rate"] > 2], bootstrap=1)


def test_the_same_seed_gives_the_same_law():
    trials = ladder()
    first, second, other = (fit_loss_law(trials, bootstrap=5, seed=seed).to_json() for seed in (1, 1, 2))
    assert json.dumps(first) == json.dumps(second)
    assert first["draws"] != other["draws"]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (ladder().rename(columns={"N": "params"}), "no column 'N'; they have 'params', 'D'"),
        (ladder(sizes=(2e7,)), "trials of 3 pairs of N and D; run sweeps at 5 or more"),
        (ladder(sizes=(2e7,), ratios=(5, 10, 20, 40, 80)), "All trials have N = 2e\\+07"),
        (ladder().assign(D=0), "Column 'D' holds 0, and the law takes its logarithm"),
        (ladder().assign(loss=np.nan), "trials of 0 pairs of N and D"),
    ],
)
def test_trials_that_tell_no_law_are_refused(trials, message):
    with pytest.raises(LawError, match=message):
        fit_loss_law(trials)


def test_the_starts_cover_steep_and_flat_laws():
    for alpha in (0.12, 0.9):
        trials = made_up(60, noise=1e-4)
        trials["loss"] = 1.5 + 3 * (trials["N"] / 1e9) ** -alpha + 0.5 * (trials["D"] / 1e10) ** -0.3
        law = fit_loss_law(trials, best_of_group=False, bootstrap=1)
        assert law.alpha == pytest.approx(alpha, rel=0.01), f"from starts at {EXPONENTS}"


def theta_of(law, points):
    return theta_of_constants(law.coefficients, points)


def theta_of_constants(constants, points):
    """(e, a, b, alpha, beta) at the centre of the points."""
    E, A, B, alpha, beta = constants.values()
    return np.array([np.log(E), np.log(A) - alpha * points.center[0], np.log(B) - beta * points.center[1], alpha, beta])
