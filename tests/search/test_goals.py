import math

import pytest

from paretree.search.errors import SweepError
from paretree.search.goals import Goals
from paretree.workers.results import ResultError

GOALS = Goals.of({"accuracy": "maximize", "params": "minimize"}, {"latency": "<= 5", "recall": ">= .9"})


def test_losses_are_smaller_where_a_trial_is_better():
    assert GOALS.losses({"accuracy": 0.9, "params": 10}) == (-0.9, 10)


def test_a_violation_is_positive_where_a_bound_is_broken():
    assert GOALS.violations({"latency": 7, "recall": 0.95}) == (2, pytest.approx(-0.05))


def test_values_are_labelled_by_what_they_are_for():
    returned = {"accuracy": 0.9, "params": 10, "latency": 1.0, "recall": 1.0, "seconds": 3.0}
    kinds = {name: kind for name, (kind, _) in GOALS.label(returned).items()}
    assert kinds == {
        "accuracy": "objective", "params": "objective", "latency": "constraint", "recall": "constraint",
        "seconds": "metric",
    }  # fmt: skip


def test_a_bare_number_is_the_only_objective():
    assert Goals.of({"loss": "minimize"}).label({"": 2.0}) == {"loss": ("objective", 2.0)}


def test_what_the_store_keeps_is_read_back():
    assert Goals.read(*GOALS.rows()) == GOALS


def test_a_constraint_never_holds_for_nan():
    assert not GOALS.constraints[0].holds(math.nan)


@pytest.mark.parametrize(
    ("objectives", "constraints", "message"),
    [
        ({}, None, "A sweep needs an objective; give objectives={'loss': 'minimize'}."),
        ({"a": "max"}, None, "Objective 'a' cannot go 'max'; write 'minimize' or 'maximize'."),
        ({"a": "minimize"}, {"b": "< 5"}, "Constraint 'b' cannot be read from '< 5'; write it as '<= 5' or '>= 0.9'."),
        ({"a": "minimize"}, {"b": 5}, "Constraint 'b' cannot be read from 5; write it as '<= 5' or '>= 0.9'."),
        ({"a": "minimize"}, {"a": "<= 5"}, "'a' is an objective and a constraint; return it under two names."),
    ],
)
def test_goals_that_make_no_sense_are_refused_in_one_sentence(objectives, constraints, message):
    with pytest.raises(SweepError) as error:
        Goals.of(objectives, constraints)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            {"acuracy": 0.9, "params": 1.0},
            "train returned 'acuracy', 'params', but not the objective 'accuracy'; rename 'acuracy'",
        ),
        (
            {"accuracy": 0.9, "params": 1.0, "recall": 1.0},
            "train returned 'accuracy', 'params', 'recall', but not the constraint 'latency'; "
            "add it to the returned dict",
        ),
        (
            {"": 0.9},
            "train returned one number for 'accuracy', 'params', 'latency', 'recall'; "
            "return a dict with a number for each of them",
        ),
    ],
)
def test_a_result_without_an_objective_or_constraint_is_refused(returned, message):
    with pytest.raises(ResultError) as error:
        GOALS.label(returned)
    assert str(error.value) == message
