"""Cosine power annealing: published values, its limits, and as a scheduler that is resumed anywhere."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces.cells.annealing import CosinePowerAnnealingLR, cosine_power

SETTINGS = {
    "A": (120, 2.0, 0.025, 1e-4, 5),
    "B": (120, 2.0, 0.025, 1e-4, 0),
    "C": (120, 1.0, 0.025, 1e-4, 0),
    "D": (300, 10.0, 0.1, 7.5e-4, 0),
    "E": (300, 10.0, 0.1, 7.5e-4, 5),
    "F": (2000, 2.0, 0.025, 1e-8, 5),
}
"""Epochs, power, highest and lowest learning rate, epochs of warm-up."""

GOLDEN = {
    "A": {
        1: 0.00425,
        6: 0.025,
        7: 0.02497425229432575,
        30: 0.02127555001138036,
        60: 0.011256689634255402,
        90: 0.0029958436450596604,
        119: 0.00010322010440279812,
        120: 0.0001,
    },
    "B": {
        1: 0.025,
        30: 0.020197728758638563,
        60: 0.010416367944911223,
        90: 0.002760946511028481,
        119: 0.00010295805480184295,
        120: 0.0001,
    },
    "C": {
        1: 0.025,
        30: 0.021357121568098984,
        60: 0.012552133517578754,
        90: 0.0037471454670585194,
        119: 0.00010426703515750056,
        120: 0.0001,
    },
    "D": {
        1: 0.1,
        150: 0.024596790093926593,
        100: 0.05173955021670784,
        200: 0.009333294397158028,
        250: 0.0025892920648873793,
        299: 0.0007506962114152505,
        300: 0.00075,
    },
    "E": {
        1: 0.017291666666666667,
        6: 0.1,
        7: 0.0999712070417224,
        150: 0.025680448971898005,
        100: 0.05394638625943027,
        200: 0.00968461382163695,
        250: 0.002655570279571677,
        299: 0.0007507199618572949,
        300: 0.00075,
    },
    "F": {
        1: 0.004166675,
        6: 0.025,
        7: 0.02499991405739671,
        500: 0.02023887931574439,
        1000: 0.010403616603078241,
        1500: 0.0026843719717569345,
        1999: 2.074284361411008e-08,
        2000: 1e-08,
    },
}
"""By epoch, what the code of sharpDARTS (ahundt/sharpDARTS, Apache-2.0) computes."""

LOGGED = {47: "1.580315e-02", 116: "1.515235e-04", 117: "1.289815e-04", 119: "1.032201e-04"}
"""What the logs of its searches print, of setting A."""


def rate(setting, epoch):
    epochs, power, highest, lowest, warmup = SETTINGS[setting]
    return lowest + (highest - lowest) * cosine_power(epoch, epochs, power, warmup)


def scheduled(setting, last_epoch=-1, optimizer=None):
    epochs, power, highest, lowest, warmup = SETTINGS[setting]
    made = optimizer or torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=highest)
    return made, CosinePowerAnnealingLR(made, epochs, power, lowest, warmup, last_epoch)


def run(optimizer, scheduler, epochs):
    """The learning rates of so many epochs, and the step to the next one."""
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("setting", "epoch"), [(name, epoch) for name, column in GOLDEN.items() for epoch in column])
def test_learning_rates_are_the_published_ones(setting, epoch):
    assert rate(setting, epoch) == pytest.approx(GOLDEN[setting][epoch], rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("epoch", LOGGED)
def test_learning_rates_are_those_in_the_logs_of_the_authors(epoch):
    assert f"{rate('A', epoch):.6e}" == LOGGED[epoch]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_scheduler_has_the_learning_rate_of_each_epoch_and_stays_at_the_last(setting):
    optimizer, scheduler = scheduled(setting)
    epochs = SETTINGS[setting][0]
    rates = run(optimizer, scheduler, epochs + 3)
    assert rates[:epochs] == [rate(setting, epoch) for epoch in range(1, epochs + 1)]
    assert rates[epochs:] == [SETTINGS[setting][3]] * 3


@given(st.integers(1, 400), st.floats(1, 1e6), st.data())
@settings(deadline=None)
def test_it_rises_to_one_in_the_warm_up_and_falls_to_zero_after_it(epochs, power, data):
    warmup = data.draw(st.integers(0, epochs - 1))
    shares = [cosine_power(epoch, epochs, power, warmup) for epoch in range(1, epochs + 1)]
    assert shares[warmup] == 1
    assert all(earlier < later for earlier, later in pairwise(shares[: warmup + 1]))
    assert all(earlier >= later for earlier, later in pairwise(shares[warmup:]))
    assert min(shares) >= 0
    if epochs > warmup + 1:
        assert shares[-1] == 0


@pytest.mark.parametrize(("power", "published"), [(2, 0.4142), (10, 0.2403), (100, 0.0909)])
def test_half_way_it_is_one_over_one_and_the_root_of_the_power(power, published):
    """With a warm-up, after which values are not divided by that of the first epoch."""
    half_way = cosine_power(1 + 1000, 2001, power, warmup=1)
    assert half_way == pytest.approx(1 / (1 + math.sqrt(power)), rel=1e-12)
    assert half_way == pytest.approx(published, abs=5e-5)


def test_a_power_near_one_is_the_cosine():
    """To first order they differ by c (1 - c) (p - 1) / 2, which is greatest half-way: (p - 1) / 8."""
    for epoch in range(1, 121):
        cosine = cosine_power(epoch, 120, 1.0)
        assert cosine_power(epoch, 120, 1.0001) == pytest.approx(cosine, abs=1.26e-5)
        assert cosine_power(epoch, 120, 1 + 1e-12) == pytest.approx(cosine, abs=1e-12)


def test_a_great_power_is_low_at_once():
    """It goes to power^(c - 1), c being the cosine."""
    cosine = (1 + math.cos(math.pi * 9 / 19)) / 2
    assert cosine_power(10, 20, 1e300, warmup=1) == pytest.approx(1e300 ** (cosine - 1), rel=1e-9)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("stopped", [1, 3, 5, 6, 60, 119])
def test_what_is_resumed_goes_on_as_if_nothing_had_happened(setting, stopped):
    """Also in the warm-up, which sharpDARTS' own code refuses to resume."""
    uninterrupted = run(*scheduled(setting), SETTINGS[setting][0])
    optimizer, scheduler = scheduled(setting)
    before = run(optimizer, scheduler, stopped)
    saved = optimizer.state_dict(), scheduler.state_dict()

    optimizer, scheduler = scheduled(setting)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert before + run(optimizer, scheduler, SETTINGS[setting][0] - stopped) == uninterrupted


def test_it_may_begin_after_some_epoch():
    optimizer, _ = scheduled("A")
    optimizer, scheduler = scheduled("A", 9, optimizer)
    assert run(optimizer, scheduler, 2) == [rate("A", 11), rate("A", 12)]


def test_each_group_comes_down_from_its_own_learning_rate():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (0.1, 0.02)]
    optimizer = torch.optim.SGD(groups)
    scheduler = CosinePowerAnnealingLR(optimizer, 10, eta_min=0.01, warmup=2)
    seen = []
    for _ in range(10):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert seen[2] == pytest.approx([0.1, 0.02])
    assert seen[-1] == [0.01, 0.01]
    assert all((first - 0.01) == pytest.approx(9 * (second - 0.01)) for first, second in seen)


def test_a_learning_rate_that_is_a_tensor_stays_one():
    """As graphs of kernels need it."""
    lr = torch.tensor(0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = CosinePowerAnnealingLR(optimizer, 4)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert float(lr) == pytest.approx(0.1 * cosine_power(2, 4))


@pytest.mark.parametrize("power", [0.5, -1.0, math.nan, math.inf])
def test_powers_below_one_are_refused(power):
    with pytest.raises(ValueError, match=r"power=.* is no power to anneal by; give 1 \(the cosine\) or more\."):
        cosine_power(1, 10, power)


@pytest.mark.parametrize(("epochs", "warmup"), [(10, 10), (10, -1), (0, 0)])
def test_a_warm_up_that_does_not_fit_is_refused(epochs, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ValueError, match=f"A warm-up of {warmup} epochs does not fit into {epochs}; give 0 or more"):
        CosinePowerAnnealingLR(optimizer, epochs, warmup=warmup)


@pytest.mark.parametrize("epoch", [0, 11])
def test_epochs_that_there_are_not_are_refused(epoch):
    with pytest.raises(ValueError, match=f"There is no epoch {epoch}; epochs are numbered from 1 to 10"):
        cosine_power(epoch, 10)
