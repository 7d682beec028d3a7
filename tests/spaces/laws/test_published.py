"""Published laws, against values worked out by hand from the papers' formulas."""

import math

import pytest

from paretree.spaces.laws import (
    PUBLISHED,
    DeepSeek,
    Kaplan,
    LawError,
    Microsoft,
    MiniCPM,
    ModelSize,
    Porian,
    StepLaw,
)


@pytest.mark.parametrize(
    ("law", "N", "D", "rate", "batch"),
    [
        (StepLaw(), 1.07e9, 1e11, 1.79 * 1.07e9**-0.713 * 1e11**0.307, 0.58 * 1e11**0.571),
        (StepLaw(), 7e9, 1.4e12, 9.17e-4, 5.0e6),
        (Kaplan(target_loss=2.5), 1e9, 2e10, 3.239e-3 - 1.395e-4 * math.log(1e9), 2e8 / 2.5 ** (1 / 0.21)),
        (DeepSeek(), 1e9, 2e10, 0.3118 * 1.2e20**-0.125, 0.2920 * 1.2e20**0.3271),
        (Porian(), 1e9, 2e10, 3.7 * 1e9**-0.36, 0.7576 * 1e9**0.703),
        (Porian.rounded(), 108e6, 20 * 108e6, 0.0047, 160 * 2048),
        (Porian.rounded(), 8 * 108e6, 160 * 108e6, 0.0047 / 2, 640 * 2048),
    ],
)
def test_a_law_gives_the_values_of_its_formulas(law, N, D, rate, batch):
    prediction = law.predict(N, D)

    assert prediction.learning_rate == pytest.approx(rate, rel=0.01)
    assert prediction.batch_size == pytest.approx(batch, rel=0.01)


def test_microsoft_gives_the_rates_that_were_read_off_the_figure():
    assert Microsoft().predict(429e6, 40e9).learning_rate == pytest.approx(5.8e-4, rel=0.02)
    assert Microsoft().predict(1.07e9, 100e9).learning_rate == pytest.approx(3.5e-4, rel=0.02)


def test_minicpm_gives_a_batch_size_from_the_loss():
    assert MiniCPM(target_loss=2.5).predict(1e9, 2e10).batch_size == pytest.approx(1.2110e9 / 2.5**6.2393)


@pytest.mark.parametrize(
    ("N", "D", "rate", "batch"),
    [
        (5e8, 2e10, 0.023, 0.024),
        (1.07e9, 1e11, 0.045, 0.043),
        (7e9, 1.4e12, 0.104, 0.088),
        (7e10, 1.5e13, 0.171, 0.132),
    ],
)
def test_the_step_law_has_the_spread_of_its_bootstrap_fits(N, D, rate, batch):
    of_rate, of_batch, shared = StepLaw().fit_variance(N, D)

    assert math.sqrt(of_rate) == pytest.approx(rate, abs=0.001)
    assert math.sqrt(of_batch) == pytest.approx(batch, abs=0.001)
    assert 0.1 < shared / math.sqrt(of_rate * of_batch) < 0.35, "the two errors are hardly correlated"


def test_experts_widen_the_step_law_and_do_not_move_it():
    dense, experts = StepLaw(), StepLaw.mixture_of_experts()

    assert experts.log_optimum(1e9, 2e10) == dense.log_optimum(1e9, 2e10)
    assert experts.log_spread(1e9, 2e10, "same recipe") > dense.log_spread(1e9, 2e10, "same recipe")


def test_what_a_law_says_nothing_of_is_an_error_that_names_it():
    with pytest.raises(LawError, match="Microsoft says nothing of the batch size"):
        Microsoft().batch_size(1e9, 2e10)
    with pytest.raises(LawError, match="MiniCPM says nothing of the learning rate"):
        MiniCPM(target_loss=2.5).learning_rate(1e9, 2e10)


@pytest.mark.parametrize("law", [Kaplan(), MiniCPM()])
def test_a_batch_size_that_needs_the_loss_asks_for_it(law):
    with pytest.raises(LawError, match=rf"{type(law).__name__}\(target_loss=2.5\)"):
        law.batch_size(1e9, 2e10)
    assert law.predict(1e9, 2e10).batch_size is None, "a prediction leaves out what it cannot know"


def test_deepseek_counts_compute_as_it_is_told():
    size = ModelSize.from_config(960, 9368, 7)
    counted = DeepSeek(flops_per_token=size.flops_per_token(2048))

    more = 0.3118 * (size.flops_per_token(2048) * 4e9) ** -0.125
    assert counted.predict(size.N, 4e9).learning_rate == pytest.approx(more)
    assert more < DeepSeek().predict(size.N, 4e9).learning_rate, "more compute, lower rate"


def test_porian_warns_where_there_are_not_twenty_tokens_for_a_parameter():
    assert "100 tokens per parameter" in Porian().predict(1e8, 1e10).warnings[0]
    assert Porian().predict(1e8, 2e9).warnings == ()


@pytest.mark.parametrize("short", PUBLISHED)
def test_every_law_says_where_it_comes_from_and_how_it_counts(short):
    law = PUBLISHED[short]()

    assert law.source
    assert law.units
    assert law.recipe
    assert law.name in str(law)
