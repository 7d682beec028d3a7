"""What `fit_law` finds in trials made up from a known law."""

import warnings

import numpy as np
import pandas as pd
import pytest

from paretree.spaces import Float, Space
from paretree.spaces.laws import FittedLaw, LawError, LawWarning, Porian, StepLaw, fit_law

from .twin import BATCH_SIZE, LEARNING_RATE, SEQUENCE, optimum, twin

COLUMNS = {"learning_rate": "lr", "batch_size": "bs", "loss": "smooth loss", "seq_len": SEQUENCE}
LARGE = (1e9, 50e9)


def sampled(trials: int, seed: int = 0, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Random trials of each group."""
    whole = twin() if table is None else table
    return whole.groupby(["N", "D"]).sample(trials, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="module")
def law() -> FittedLaw:
    return fit_law(twin(), **COLUMNS)


@pytest.fixture(scope="module")
def small() -> FittedLaw:
    return fit_law(sampled(16), **COLUMNS)


def test_whole_grids_give_the_exponents_back(law):
    rate, batch = law.learning_rate_formula.exponents, law.batch_size_formula.exponents

    assert rate["N"] == pytest.approx(LEARNING_RATE[1], abs=0.08), "learning rate by N"
    assert rate["D"] == pytest.approx(LEARNING_RATE[2], abs=0.08), "learning rate by D"
    assert batch["N"] == pytest.approx(0, abs=0.08), "batch size by N, which it does not depend on"
    assert batch["D"] == pytest.approx(BATCH_SIZE[1], abs=0.08), "batch size by D"


def test_the_fitted_bowl_has_the_curvature_of_the_trials(law):
    assert law.basin.learning_rate == pytest.approx(0.0127, rel=0.35)
    assert law.basin.batch_size == pytest.approx(0.0122, rel=0.35)
    assert law.basin.tilt == pytest.approx(0.40, abs=0.15)
    assert law.evidence.noise == pytest.approx(0.001, rel=0.35), "0.1 % of noise went in"


def test_sixteen_random_trials_of_a_group_foretell_a_larger_one(small):
    errors = np.array(small.log_optimum(*LARGE)) - np.log(optimum(*LARGE))

    assert np.abs(errors).max() < 0.35, f"ln errors of learning rate and batch size: {errors}"


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(12):
        fitted = fit_law(sampled(10, seed, twin(seed=seed)), **COLUMNS)
        prediction = fitted.predict(*LARGE)
        intervals = (prediction.learning_rate_interval, prediction.batch_size_interval)
        held += [low <= best <= high for (low, high), best in zip(intervals, optimum(*LARGE), strict=True)]

    assert np.mean(held) > 0.7, f"80 % intervals held {np.mean(held):.0%} of the optima"


def test_an_interval_is_wider_far_beyond_the_trials(small):
    inside, outside = small.optimum_spread(80e6, 4e9), small.optimum_spread(2e9, 100e9)

    assert outside[0] > inside[0] * 1.2, "ln learning rate"
    assert outside[1] > inside[1] * 1.2, "ln batch size"


def test_an_interval_is_narrower_than_the_belief_that_a_search_starts_from(small):
    prediction, carried = small.predict(80e6, 4e9), small.predict(80e6, 4e9, transfer="published")
    low, high = prediction.learning_rate_interval
    wide_low, wide_high = carried.learning_rate_interval

    assert np.log(high / low) / 2 < 1.2816 * small.learning_rate(80e6, 4e9).spread
    assert wide_low < low < high < wide_high, "carried to another recipe, the law is less sure"
    assert prediction.expected_penalty < carried.expected_penalty


def test_a_law_far_from_what_was_believed_is_found():
    table = twin().assign(lr=lambda rows: rows["lr"] / 20, bs=lambda rows: rows["bs"] * 16)
    fitted = fit_law(table, **COLUMNS)
    rate, batch = optimum(80e6, 4e9)

    found = fitted.predict(80e6, 4e9)
    assert found.learning_rate == pytest.approx(rate / 20, rel=0.15)
    assert found.batch_size == pytest.approx(batch * 16, rel=0.2)


def test_diverged_trials_do_no_harm(law):
    table = twin()
    diverged = table["lr"] > 6 * optimum(table["N"], table["D"])[0]
    kept = table["smooth loss"].where(~diverged)

    assert diverged.sum() > 20, "the twin has diverged trials"
    for losses in (kept, kept.fillna(np.inf)):
        other = fit_law(table.assign(**{"smooth loss": losses}), **COLUMNS)
        assert other.log_optimum(*LARGE) == pytest.approx(law.log_optimum(*LARGE), abs=1e-3)
        assert sum(group.diverged for group in other.evidence.groups) == diverged.sum(), "they are counted"


def test_one_absurd_loss_changes_little(law):
    table = twin()
    near = table["smooth loss"].sub(table.groupby(["N", "D"])["smooth loss"].transform("min")).lt(0.05)
    table.loc[table[near].index[7], "smooth loss"] *= 1.03

    assert fit_law(table, **COLUMNS).log_optimum(*LARGE) == pytest.approx(law.log_optimum(*LARGE), abs=0.02)


def test_the_order_of_the_rows_and_the_index_do_not_matter(small):
    shuffled = sampled(16).sample(frac=1, random_state=3)
    fitted = fit_law(shuffled, **COLUMNS)

    assert fitted.log_optimum(*LARGE) == pytest.approx(small.log_optimum(*LARGE), abs=1e-3)
    assert fitted.evidence.data_hash == small.evidence.data_hash, "the same trials have one hash"


def test_the_same_seed_gives_the_same_law_and_another_one_other_draws(small):
    again, other = fit_law(sampled(16), **COLUMNS), fit_law(sampled(16), seed=1, **COLUMNS)

    assert again == small, "nothing is random but the draws"
    assert other.draws != small.draws, "seed= draws anew"
    assert other.log_optimum(*LARGE) == small.log_optimum(*LARGE), "the law itself is no draw"


def test_batch_sizes_in_tokens_and_in_sequences_give_one_law(small):
    in_tokens = sampled(16).assign(bs=lambda rows: rows["bs"] * SEQUENCE)
    fitted = fit_law(in_tokens, **{**COLUMNS, "seq_len": None})

    assert fitted.log_optimum(*LARGE) == pytest.approx(small.log_optimum(*LARGE), abs=1e-9)


def test_a_fixed_batch_size_leaves_a_law_of_the_learning_rate_alone():
    table = twin()
    middle = table.groupby(["N", "D"])["bs"].transform("median")
    nearest = (table["bs"] - middle).abs().groupby([table["N"], table["D"]]).transform("min")
    fitted = fit_law(table[(table["bs"] - middle).abs() == nearest], **COLUMNS)

    assert fitted.batch_size_formula is None, "nothing was learned of the batch size"
    assert fitted.learning_rate_formula.exponents["N"] == pytest.approx(LEARNING_RATE[1], abs=0.15)
    assert any("batch size was not searched" in note for note in fitted.evidence.notes)
    assert all(group.batch_size is None for group in fitted.evidence.groups)
    assert fitted.covariance.names == ("lr", "lr N", "lr D")
    with pytest.raises(LawError, match="says nothing of the batch size"):
        fitted.best_batch_size(80e6, 4e9)


def test_a_fixed_learning_rate_leaves_a_law_of_the_batch_size_alone():
    table = twin()
    best = table.groupby(["N", "D"])["lr"].transform("median")
    nearest = (table["lr"] - best).abs().groupby([table["N"], table["D"]]).transform("min")
    fitted = fit_law(table[(table["lr"] - best).abs() == nearest], **COLUMNS)

    assert fitted.learning_rate_formula is None, "nothing was learned of the learning rate"
    assert fitted.batch_size_formula.exponents["D"] == pytest.approx(BATCH_SIZE[1], abs=0.15)


def test_trials_without_a_column_of_batch_sizes_are_fitted_with_none_named():
    fitted = fit_law(sampled(16).drop(columns="bs"), learning_rate="lr", batch_size=None, loss="smooth loss")

    assert fitted.batch_size_formula is None


def test_an_exponent_that_the_sizes_leave_open_is_named():
    two_sizes = twin(((20e6, 0.4e9), (20e6, 2e9), (25e6, 1e9), (25e6, 4e9)))
    fitted = fit_law(sampled(16, table=two_sizes), **COLUMNS)

    open_ones = " ".join(fitted.evidence.unidentified)
    assert "The exponent of N in the learning rate is not identified (N spans a factor of 1.25)" in open_ones
    assert "The exponent of D in the batch size" not in open_ones, "D spans a factor of ten"
    assert open_ones in str(fitted).replace("\n", " ") or fitted.evidence.unidentified[0] in str(fitted)


def test_sizes_that_grow_together_are_said_to(law):
    ladder = twin(tuple((N, 20 * N) for N in (20e6, 40e6, 80e6, 160e6)))
    fitted = fit_law(sampled(16, table=ladder), **COLUMNS)

    assert any("N and D grow together" in sentence for sentence in fitted.evidence.unidentified)
    assert not law.evidence.unidentified, f"the whole twin tells all exponents: {law.evidence.unidentified}"


def test_an_optimum_beyond_what_was_tried_is_flagged():
    table = twin()
    first = table["N"].eq(20e6) & table["D"].eq(0.4e9)
    low = table["lr"] < 0.5 * optimum(20e6, 0.4e9)[0]
    fitted = fit_law(table[~first | low], **COLUMNS)

    edges = {(group.N, group.D): group.edge for group in fitted.evidence.groups}
    assert edges.pop((20e6, 0.4e9)) == "learning rate above"
    assert set(edges.values()) == {None}, "the others were searched on both sides"
    assert any("widen the range" in note for note in fitted.evidence.notes)


def test_leaving_groups_out_tells_the_error_and_its_cost(small):
    frame = small.evidence.frame

    assert len(frame) == 12, "one row for each group"
    assert frame["left_out_gap"].between(0, 0.6).all(), "per cent of the loss"
    assert small.evidence.left_out.learning_rate == pytest.approx(
        np.sqrt((frame["left_out_learning_rate"] ** 2).mean())
    )
    largest = frame.loc[(frame["N"] * frame["D"]).idxmax()]
    assert small.evidence.largest_out.gap == largest["left_out_gap"], "the group with the most compute"


def test_the_error_of_a_group_left_out_does_not_know_that_group():
    table = twin()
    odd = table["N"].eq(160e6) & table["D"].eq(16e9)
    fitted = fit_law(table.assign(lr=table["lr"].where(~odd, table["lr"] * 8)), **COLUMNS)

    assert fitted.evidence.largest_out.learning_rate == pytest.approx(-np.log(8), abs=0.35)


def test_a_law_comes_back_from_json_as_it_was(small):
    back = FittedLaw.from_json(small.to_json())

    assert back == small
    assert str(back) == str(small)


def test_a_law_tells_in_words_what_it_rests_on(small):
    text = str(small)

    assert "192 in 12 groups" in text, "16 trials of 12 groups"
    assert "largest left out" in text
    assert "(80 %)" in text, "intervals of the exponents"


def test_a_law_stands_as_prior_in_a_space(small):
    with pytest.warns(LawWarning, match="was not fitted for N = 1B"):
        prior = small.learning_rate(*LARGE)
    space = Space(lr=Float(1e-5, 1e-1, log=True, prior=prior))
    drawn = np.log([space.sample(seed, measure="prior").lr for seed in range(60)])

    assert np.median(drawn) == pytest.approx(small.log_optimum(*LARGE)[0], abs=0.3)
    assert prior.source == "own law"
    assert 0.25 <= small.learning_rate(80e6, 4e9).spread < 0.3, "the spread of one's own recipe, and that of the fit"


def test_a_law_of_ones_own_can_start_from_a_published_one():
    few = sampled(8, table=twin(((20e6, 0.4e9), (20e6, 2e9), (40e6, 2e9))))
    free, led = fit_law(few, **COLUMNS), fit_law(few, prior=StepLaw(), **COLUMNS)

    published = StepLaw().learning_rate_formula.exponents["N"]
    off = [abs(law.learning_rate_formula.exponents["N"] - published) for law in (free, led)]
    assert off[1] < off[0], f"with few trials the exponent stays near that of the prior: {off}"


def test_a_prior_that_does_not_reach_says_so():
    with pytest.raises(LawError, match="Porian-like cannot be the prior of this fit"):
        fit_law(sampled(8), prior=lossy(), **COLUMNS)


def lossy():
    """A law that computes with a loss that nobody gave."""
    from paretree.spaces.laws import PowerLaw, ScalingLaw

    return ScalingLaw(name="Porian-like", learning_rate_formula=Porian().learning_rate_formula,
                      batch_size_formula=PowerLaw(1.0, {"L": -4.0}))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="lr"), r"no column 'lr'; they have .*learning_rate= says which"),
        (lambda rows: rows.assign(lr=-1.0), "Column 'lr' holds -1"),
        (lambda rows: rows.assign(N=0), "Column 'N' holds 0"),
        (lambda rows: rows.assign(N=8e7), "All trials have N = 80M"),
        (lambda rows: rows.assign(D=1e9), "All trials have D = 1B"),
        (lambda rows: rows[rows["N"] == 20e6].query("D < 1.5e9"), "needs 3 groups .* these trials have 2"),
        (lambda rows: rows.groupby(["N", "D"]).head(3), "needs 3 groups .* these trials have 0"),
        (lambda rows: rows.assign(lr=1e-3, bs=64), "Neither learning rate nor batch size"),
        (lambda rows: rows.assign(**{"smooth loss": np.nan}), "No trial has a finite loss"),
    ],
)
def test_what_is_wrong_with_the_trials_is_said_in_a_sentence(change, message):
    with pytest.raises(LawError, match=message) as caught:
        fit_law(change(sampled(8)), **COLUMNS)

    assert str(caught.value).count(".") <= str(caught.value).count("=") + 2, "one sentence"


def test_batch_sizes_in_sequences_taken_for_tokens_are_warned_of():
    with pytest.warns(LawWarning, match="looks like sequences; give seq_len="):
        fit_law(sampled(8), **{**COLUMNS, "seq_len": None})


def test_batch_sizes_in_tokens_taken_for_sequences_are_warned_of():
    in_tokens = sampled(8).assign(bs=lambda rows: rows["bs"] * SEQUENCE)
    with pytest.warns(LawWarning, match="looks like tokens; leave seq_len out"):
        fit_law(in_tokens, **COLUMNS)


def test_right_units_are_not_warned_of():
    with warnings.catch_warnings(action="error"):
        fit_law(sampled(8), **COLUMNS)
