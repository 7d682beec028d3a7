"""muP: what a tensor of a wide model gets, against tables 3 and 8 of Tensor Programs V."""

import pytest

from paretree.spaces import Choice, Float, Space
from paretree.spaces.laws import LawError, MuTransfer, attention_scale

FAN = 8
"""Inputs of a tensor whose width grows; its multiplier is taken to a base of one."""

TABLE_3 = {  # initial variance, Adam's rate, SGD's rate, for a fan-in of FAN where it grows, and a fan-out of FAN
    "input": (1, 1, FAN),
    "hidden": (1 / FAN, 1 / FAN, 1),
    "output": (1 / FAN**2, 1 / FAN, 1 / FAN),
}


@pytest.mark.parametrize("tensor", TABLE_3)
def test_table_3_is_met(tensor):
    variance, adam, sgd = TABLE_3[tensor]

    of_adam = MuTransfer(0.01, "adam", table=3).multipliers(tensor, FAN)
    of_sgd = MuTransfer(0.01, "sgd", table=3).multipliers(tensor, FAN)

    assert of_adam.initial_std**2 == pytest.approx(variance)
    assert of_adam.learning_rate == pytest.approx(adam)
    assert of_sgd.learning_rate == pytest.approx(sgd)
    assert of_adam.forward == of_sgd.forward == 1, "table 3 has no multipliers"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_both_tables_train_the_output_layer_alike(optimizer):
    """A factor f on what a tensor computes, with its values and steps divided by f, is the same function.

    Adam's steps do not see the scale of the gradient: it is enough to divide the rate by f. SGD's gradient is f times
    as large, so its rate is divided by f twice.
    """
    third = MuTransfer(0.01, optimizer, table=3).multipliers("output", FAN)
    eighth = MuTransfer(0.01, optimizer, table=8).multipliers("output", FAN)
    times = 1 if optimizer == "adam" else 2

    assert eighth.initial_std * eighth.forward == pytest.approx(third.initial_std)
    assert eighth.learning_rate * eighth.forward**times == pytest.approx(third.learning_rate)


@pytest.mark.parametrize("tensor", ["input", "hidden", "output"])
def test_rate_times_weight_decay_stays(tensor):
    multipliers = MuTransfer(0.01).multipliers(tensor, 4)

    assert multipliers.learning_rate * multipliers.weight_decay == pytest.approx(1)


def test_at_the_tuned_width_nothing_changes():
    for tensor in ("input", "hidden", "output"):
        multipliers = MuTransfer(0.01).multipliers(tensor, 1)
        assert set(vars(multipliers).values()) == {1}, tensor


def test_under_mup_the_rate_is_believed_to_stay():
    prior = MuTransfer(0.01).prior(8)

    assert (prior.center, prior.spread, prior.freedom) == (0.01, 0.35, 3.0)


def test_without_mup_the_rate_of_adam_falls_with_the_width_and_is_less_sure():
    prior = MuTransfer(0.01).prior(8, mup=False)

    assert (prior.center, prior.spread) == (pytest.approx(0.01 / 8), 0.5)
    assert MuTransfer(0.01, "sgd").prior(8, mup=False).center == pytest.approx(0.01), "hidden layers of SGD keep theirs"


def test_a_searched_width_moves_the_prior():
    width = Choice(256, 512)
    rate = Float(1e-5, 1e-1, log=True, prior=MuTransfer(0.01).prior(width / 256, mup=False))
    space = Space(
        width=width, rate=rate, hidden=0.01 * MuTransfer(0.01).multipliers("hidden", width / 256).learning_rate
    )
    (slot,) = [slot for slot in space.slots if slot.path == "rate"]

    assert space.believed(slot, {"width": 256}).prior.center == pytest.approx(0.01)
    assert space.believed(slot, {"width": 512}).prior.center == pytest.approx(0.005)
    assert {round(space.sample(seed).hidden, 6) for seed in range(20)} == {0.01, 0.005}


def test_attention_is_scaled_by_the_width_of_a_head_and_not_by_its_root():
    assert attention_scale(64) == pytest.approx(1 / 64)
    assert attention_scale(64, 64) == pytest.approx(1 / 8), "the tuned model keeps its usual factor"
    assert attention_scale(256, 64) == pytest.approx(8 / 256)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MuTransfer(0.0), "learning_rate is positive"),
        (lambda: MuTransfer(0.1, "lion"), "optimizer is one of 'adam', 'sgd'"),
        (lambda: MuTransfer(0.1, table=4), "table is one of 3, 8"),
        (lambda: MuTransfer(0.1).multipliers("norm", 2), "tensor is one of 'input', 'hidden', 'output'"),
        (lambda: MuTransfer(0.1).multipliers("hidden", -2), "width_multiplier is positive"),
        (lambda: MuTransfer(0.1).prior(0), "width_multiplier is positive"),
    ],
)
def test_what_is_none_of_the_rules_is_refused(make, said):
    with pytest.raises(LawError, match=said):
        make()
