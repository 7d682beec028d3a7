import copy
import pickle

import pytest

from paretree.spaces import Choice, ConfigurationError, Fidelity, Float, Int, Maybe, Space, SpaceError, share

SPACE = Space(lr=Float(0, 1), training={"epochs": Fidelity(1, 81, log=True), "data": Fidelity(0.1, 1.0, unit="share")})


def test_a_budget_is_no_decision_and_no_part_of_the_key():
    full = SPACE.sample(0)
    cheap = full.at({"training/epochs": 3, "training/data": 0.5})
    assert list(full.values) == ["lr"]
    assert (cheap.key, cheap) == (full.key, full)
    assert SPACE.encode(cheap).tolist() == SPACE.encode(full).tolist()


def test_a_configuration_has_the_full_budget_unless_another_is_asked_for():
    full = SPACE.sample(0)
    assert (full.training.epochs, full.training.data) == (81, 1.0)
    cheap = full.at({"training/epochs": 3})
    assert (cheap.training.epochs, cheap.training.data) == (3, 1.0)
    assert cheap.fidelity == {"training/epochs": 3, "training/data": 1.0}
    for twin in (pickle.loads(pickle.dumps(cheap)), copy.copy(cheap), cheap.at()):
        assert twin.fidelity == cheap.fidelity


def test_a_budget_at_the_root_is_asked_for_by_name():
    assert Space(x=Int(1, 2), epochs=Fidelity(1, 9)).sample(0).at(epochs=4).epochs == 4


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"epoch": 3}, "There is no fidelity 'epoch' in the space; it has 'epochs'."),
        ({"epochs": 0}, "Fidelity 'epochs' cannot be 0; give 1 to 9 epochs."),
        ({"epochs": 2.5}, "Fidelity 'epochs' cannot be 2.5; give 1 to 9 epochs."),
        ({"epochs": True}, "Fidelity 'epochs' cannot be True; give 1 to 9 epochs."),
    ],
)
def test_a_budget_that_is_not_there_or_out_of_bounds_is_refused(budget, message):
    with pytest.raises(ConfigurationError) as error:
        Space(epochs=Fidelity(1, 9)).sample(0).at(budget)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"e": Fidelity(0, 9)}, r"Fidelity\(0, 9\) at 'e': low must be a positive number, not 0; give a budget"),
        ({"e": Fidelity(9, 1)}, r"Fidelity\(9, 1\) at 'e': low \(9\) is above high \(1\); swap them"),
        ({"e": Fidelity(1, "9")}, r"high must be a positive number, not '9'"),
        ({"x": Maybe(Fidelity(1, 9))}, r"at 'x=True': a budget that not every configuration has; let it stand where"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(parts, message):
    with pytest.raises(SpaceError, match=message):
        Space(parts)


def test_budgets_are_stored_and_read_back_and_expressions_may_use_them():
    twin = Space.from_json(SPACE.to_json())
    assert twin == SPACE
    assert twin.fidelities.keys() == SPACE.fidelities.keys()
    assert twin.sample(0).at({"training/epochs": 9}).training.epochs == 9


@pytest.mark.parametrize("wrap", [lambda node: node, lambda node: share("epochs", node)], ids=["bare", "shared"])
def test_an_expression_that_holds_a_budget_means_the_one_of_the_space(wrap):
    epochs = wrap(Fidelity(1, 81))
    space = Space(warmup=epochs // 10, epochs=epochs, x=Int(1, 9)).require(epochs > 80)

    assert list(space.fidelities) == ["epochs"], "an expression should not bring a budget of its own"
    assert space.count() == 9
    for one in (space, Space.from_json(space.to_json())):
        assert (one.sample(0).warmup, one.sample(0).at(epochs=30).warmup) == (8, 3)


def test_a_budget_that_stands_nowhere_else_is_refused():
    with pytest.raises(
        SpaceError, match=r"at 'x': it uses Fidelity\(1, 9\), which stands nowhere in the space; put that"
    ):
        Space(x=2 * Fidelity(1, 9))


def test_one_budget_stands_in_one_place():
    epochs = Fidelity(1, 9)
    with pytest.raises(SpaceError, match=r"at 'b': the same node also stands at 'a'; write share\('name', node\)"):
        Space(a=epochs, b=epochs)


def test_a_space_of_finite_choices_is_counted_without_its_budget():
    assert Space(x=Choice(1, 2, 3), epochs=Fidelity(1, 81)).count() == 3
