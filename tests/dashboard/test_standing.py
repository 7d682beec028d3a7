from __future__ import annotations

import math

import pandas as pd

from paretree.dashboard.standing import Standing, standing
from paretree.search import Goals
from paretree.search.analysis import pareto_front

GOALS = Goals.of({"accuracy": "maximize", "params": "minimize"}, {"latency": "<= 5"})


def place_of(number: int, *rows: tuple[float, float, float]) -> Standing:
    frame = pd.DataFrame(rows, columns=["accuracy", "params", "latency"], dtype=float)
    frame.insert(0, "state", "finished")
    return standing(frame, pareto_front(frame, GOALS), GOALS, number)


def test_ranks_follow_the_directions() -> None:
    place = place_of(1, (0.9, 100, 1), (0.8, 50, 1), (0.7, 10, 1))
    assert place.ranks == {"accuracy": 2, "params": 2}
    assert place.among == 3


def test_equal_values_share_the_better_place() -> None:
    assert place_of(1, (0.9, 10, 1), (0.9, 10, 1), (0.1, 99, 1)).ranks == {"accuracy": 1, "params": 1}


def test_equal_trials_do_not_dominate_each_other() -> None:
    assert place_of(1, (0.9, 10, 1), (0.9, 10, 1)).on_front


def test_a_dominated_trial_names_those_that_dominate_it() -> None:
    place = place_of(2, (0.9, 100, 1), (0.8, 50, 1), (0.7, 60, 1))
    assert not place.on_front
    assert place.dominated_by == (1,)


def test_an_infeasible_or_not_finite_trial_has_no_place() -> None:
    for row in ((0.9, 10, 9), (math.nan, 10, 1), (math.inf, 10, 1)):
        place = place_of(0, row, (0.5, 20, 1))
        assert not place.counts, row
        assert not place.on_front, row
        assert place.ranks == {}, row
        assert place.among == 1, "the other one counts"
