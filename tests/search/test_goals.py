import math

import pytest

import paretree as pt
from paretree.search.errors import SweepError
from paretree.search.goals import Goals
from paretree.spaces import nn
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


SPACE = pt.Space(model=nn.Seq(nn.Linear(pt.Choice(4, 8, 16), name="hidden"), nn.Linear(2)), x=pt.Float(0, 1))
KNOWN = Goals.of(
    {"accuracy": "maximize", "params": "minimize", "speed": "maximize"},
    {"flops": "<= 50", "latency": "<= 5"},
    {
        "params": nn.measured((3,)).params,
        "speed": lambda config: 2 * config.x,
        "flops": nn.measured((3,)).flops / 2,
    },
)  # fmt: skip


def configuration(width, x=0.5):
    return SPACE.configuration({"model/hidden/out_features": width, "x": x})


def test_known_values_are_computed_from_the_configuration():
    assert KNOWN.known_values(configuration(4)) == {"params": 4 * 4 + 5 * 2, "speed": 1.0, "flops": 4 * 3 + 2 * 4}


def test_known_losses_come_by_position_and_to_be_minimised():
    assert KNOWN.known_losses(configuration(4)) == {1: 26, 2: -1.0}


@pytest.mark.parametrize("name", ["number", "state"])
def test_a_name_that_every_table_of_trials_has_is_refused(name):
    for given in ({name: "minimize"}, None), ({"loss": "minimize"}, {name: "<= 5"}):
        with pytest.raises(SweepError, match=f"^'{name}' is a column of every table of trials; call the objective or"):
            Goals.of(*given)


def test_a_configuration_that_breaks_a_known_constraint_is_found_before_it_is_tried():
    assert [KNOWN.breaks_known(configuration(width)) for width in (4, 8, 16)] == [False, False, True]


def test_what_is_known_is_computed_once_for_each_configuration():
    asked = []
    goals = Goals.of({"size": "minimize"}, {}, {"size": lambda config: asked.append(config) or 1.0})
    for _ in range(3):
        goals.known_losses(configuration(4))
    assert len(asked) == 1


def test_what_is_known_is_neither_stored_nor_compared():
    assert Goals.read(*KNOWN.rows()) == KNOWN
    assert hash(Goals.read(*KNOWN.rows())) == hash(KNOWN)
    assert not Goals.read(*KNOWN.rows()).known


def test_known_values_need_not_be_returned():
    known = {"params": 26.0, "speed": 1.0, "flops": 20.0}
    labelled = KNOWN.label({"accuracy": 0.9, "latency": 1.0, "note": 2.0}, known)
    assert {name: kind for name, (kind, _) in labelled.items()} == {
        "accuracy": "objective", "params": "objective", "speed": "objective", "flops": "constraint",
        "latency": "constraint", "note": "metric",
    }  # fmt: skip


def test_a_bare_number_is_the_only_value_that_is_not_known():
    goals = Goals.of({"accuracy": "maximize", "params": "minimize"}, {}, {"params": lambda config: 1.0})
    assert goals.label({"": 0.9}, {"params": 10.0}) == {"accuracy": ("objective", 0.9), "params": ("objective", 10.0)}


@pytest.mark.parametrize("returned", [26, 26.00001, 26.0])
def test_a_known_value_may_be_returned_as_well(returned):
    goals = Goals.of({"params": "minimize"}, {}, {"params": lambda config: 26.0})
    assert goals.label({"params": returned}, {"params": 26.0}) == {"params": ("objective", 26.0)}


@pytest.mark.parametrize("returned", [27.0, math.nan, math.inf])
def test_a_returned_value_that_differs_from_the_known_one_is_refused(returned):
    goals = Goals.of({"params": "minimize"}, {}, {"params": lambda config: 26.0})
    with pytest.raises(ResultError) as error:
        goals.label({"params": returned}, {"params": 26.0})
    assert str(error.value) == (
        f"train returned 'params'={returned}, where 26.0 is known of the configuration; "
        "correct one of the two, or return the other values only"
    )


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (
            {"parms": lambda config: 1.0},
            "'parms' is known, but neither an objective nor a constraint; did you mean 'params'?",
        ),
        (
            {"zzz": lambda config: 1.0},
            "'zzz' is known, but neither an objective nor a constraint; known can be 'params', 'latency'.",
        ),
        (
            {"params": 5},
            "'params' cannot be known from 5 (int); give a function of a configuration, "
            "or nn.measured(input_shape).params.",
        ),
        (
            {"params": 2 * pt.Int(1, 3)},
            "(2 * Int(1, 3)): decisions go into it; write a function, as lambda config: config.width.",
        ),
    ],
)
def test_what_cannot_be_known_is_refused_in_one_sentence(known, message):
    with pytest.raises((SweepError, pt.SpaceError)) as error:
        Goals.of({"params": "minimize"}, {"latency": "<= 5"}, known)
    assert str(error.value) == message


def test_a_known_value_that_is_no_number_is_refused():
    goals = Goals.of({"params": "minimize"}, {}, {"params": lambda config: None})
    with pytest.raises(ResultError, match=r"^the known 'params' is None; let its function return a number$"):
        goals.known_values(configuration(4))


def test_a_configuration_whose_known_constraint_cannot_be_computed_is_not_held_back():
    goals = Goals.of({"loss": "minimize"}, {"size": "<= 1"}, {"size": lambda config: config.sise})
    assert not goals.breaks_known(configuration(4))
    with pytest.raises(ResultError, match=r"^computing the known 'size' raised AttributeError: the space has no part"):
        goals.known_values(configuration(4))
