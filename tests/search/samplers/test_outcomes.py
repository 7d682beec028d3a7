"""How trials compare."""

import math
import random

import numpy as np
import pytest

import paretree as pt
from paretree.search.samplers.outcomes import Outcomes, standing
from paretree.search.store import TrialState

SPACE = pt.Space(x=pt.Float(0, 1))


def outcomes_of(search, rows, objectives=("loss",), constraints=None):
    trials = search.trials(objectives, constraints)
    for row in rows:
        search.add(trials, SPACE.sample(0), **row)
    return trials, Outcomes.of(trials, trials.goals)


def test_the_merit_of_a_trial_is_the_share_of_others_it_beats(search):
    _, outcomes = outcomes_of(search, [{"loss": loss} for loss in (3.0, 1e300, -1e-9, 3.0, 7.0)])
    assert list(outcomes.merits(random.Random(0))) == pytest.approx([0.625, 0.0, 1.0, 0.625, 0.25])


def test_what_failed_or_has_no_finite_result_is_worst_and_what_runs_is_left_out(search):
    trials, _ = outcomes_of(search, [{"loss": 5.0}, {"loss": math.nan}, {"loss": -math.inf}, {"loss": 9.0}])
    for state in (TrialState.FAILED, TrialState.STOPPED, TrialState.RUNNING, TrialState.WAITING):
        search.add(trials, SPACE.sample(0), state=state)
    outcomes = Outcomes.of(trials, trials.goals)
    assert [trial.number for trial in outcomes.trials] == [0, 1, 2, 3, 4, 5]
    merits = outcomes.merits(random.Random(0))
    assert merits[0] > merits[3] > merits[1] == merits[2] == merits[4] == merits[5]


def test_constraints_come_before_losses_whatever_their_units(search):
    rows = [
        {"loss": 9.0, "ms": 5.0, "bytes": 1e9},
        {"loss": 0.0, "ms": 6.0, "bytes": 1e9},  # a tenth of the greatest excess in ms
        {"loss": 0.0, "ms": 15.0, "bytes": 1e9},
        {"loss": 0.0, "ms": 5.0, "bytes": 1.5e9},  # half of the greatest excess in bytes
        {"loss": 0.0, "ms": 5.0, "bytes": 2e9},
        {"loss": 0.0, "ms": math.nan, "bytes": 1.0},
    ]
    _, outcomes = outcomes_of(search, rows, constraints={"ms": "<= 5", "bytes": "<= 1e9"})
    assert list(np.argsort(-outcomes.merits(random.Random(0)), kind="stable")) == [0, 1, 3, 2, 4, 5]


def test_no_scalarisation_puts_a_trial_before_one_that_dominates_it(search):
    draw = random.Random(1)
    points = [(draw.random(), draw.random(), draw.random()) for _ in range(40)]
    _, outcomes = outcomes_of(search, [dict(zip("abc", point, strict=True)) for point in points], objectives="abc")
    for seed in range(5):
        merits = outcomes.merits(random.Random(seed))
        for one, first in enumerate(points):
            for other, second in enumerate(points):
                if one != other and all(a <= b for a, b in zip(first, second, strict=True)):
                    assert merits[one] > merits[other]


def test_scalarisations_differ_so_that_all_of_a_front_is_sought(search):
    _, outcomes = outcomes_of(search, [{"a": i / 10, "b": 1 - i / 10} for i in range(11)], objectives="ab")
    assert len({int(np.argmax(outcomes.merits(random.Random(seed)))) for seed in range(30)}) >= 5


def test_without_ended_trials_there_is_nothing_to_compare(search):
    assert len(outcomes_of(search, [])[1].merits(random.Random(0))) == 0
    assert list(standing(np.array([[1.0]]))) == [0.0]
