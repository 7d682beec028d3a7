"""A configuration is an immutable point of a space, and its parts are found by name."""

import copy
import inspect
import math
import pickle

import pytest

from paretree.spaces import (
    Build,
    Choice,
    Configuration,
    ConfigurationError,
    Float,
    Int,
    Maybe,
    Part,
    Repeat,
    Space,
    nn,
    share,
)
from paretree.spaces.configuration import RESERVED

LAYER = Build("builtins:dict", width=Int(1, 9), kernel=Choice(3, 5))
SPACE = Space(
    model=Build("builtins:dict", layers=Repeat(LAYER, Int(0, 3)), head=Maybe(Build("builtins:dict", p=Float(0, 1)))),
    optimizer=Choice(sgd={"lr": Float(0, 1), "nesterov": Choice(True, False)}, adam={"lr": Float(0, 1)}),
    lr=Float(1e-4, 1e-1, log=True),
    clip=Choice(None, 1.0),
    sizes=[Int(1, 2), 7],
    seed=3,
)
VALUES = {
    "model/layers": 2,
    "model/layers[0]/width": 4,
    "model/layers[0]/kernel": 3,
    "model/layers[1]/width": 8,
    "model/layers[1]/kernel": 5,
    "model/head": False,
    "optimizer": "sgd",
    "optimizer=sgd/lr": 0.5,
    "optimizer=sgd/nesterov": True,
    "lr": 0.01,
    "clip": None,
    "sizes/0": 1,
}


@pytest.fixture
def configuration() -> Configuration:
    return SPACE.configuration(VALUES)


def changed(**changes) -> dict:
    return {**VALUES, **changes}


def test_decisions_are_read_by_path(configuration):
    assert dict(configuration.values) == VALUES
    assert list(configuration.values) == [slot.path for slot in SPACE.slots if slot.path in VALUES], "wrong order"
    assert configuration["model/layers[1]/kernel"] == 5


def test_the_order_in_which_decisions_are_given_does_not_matter(configuration):
    turned = SPACE.configuration(dict(reversed(VALUES.items())))

    assert list(turned.values) == list(configuration.values)
    assert turned.key == configuration.key


@pytest.mark.parametrize(
    ("path", "why"), [("model/layers[2]/width", "is not active here"), ("model/layer", "does not exist")]
)
def test_a_decision_that_is_not_there_is_told_from_one_that_does_not_exist(configuration, path, why):
    with pytest.raises(KeyError, match=why):
        configuration[path]


def test_plain_parts_are_values(configuration):
    assert (configuration.lr, configuration.clip, configuration.sizes, configuration.seed) == (0.01, None, [1, 7], 3)


def test_parts_with_names_of_their_own_are_looked_into(configuration):
    assert isinstance(configuration.optimizer, Part)
    assert (configuration.optimizer.lr, configuration.optimizer["nesterov"]) == (0.5, True)
    assert configuration.optimizer.build() == {"lr": 0.5, "nesterov": True}


def test_an_absent_part_is_none(configuration):
    assert configuration.model.head is None
    there = SPACE.configuration(changed(**{"model/head": True, "model/head=True/p": 0.25}))
    assert there.model.head.p == 0.25


def test_copies_are_found_by_position(configuration):
    layers = configuration.model.layers

    assert len(layers) == 2
    assert [layer.width for layer in layers] == [4, 8]
    assert (layers[0].kernel, layers[-1].kernel) == (3, 5)
    with pytest.raises(IndexError):
        layers[2]


def test_copies_of_no_layer_are_an_empty_part_that_is_still_there():
    without = {path: value for path, value in VALUES.items() if not path.startswith("model/layers[")}
    layers = SPACE.configuration({**without, "model/layers": 0}).model.layers

    assert (len(layers), list(layers), layers.build(), bool(layers)) == (0, [], [], True)


def test_layers_of_a_sequence_are_found_by_position_and_name():
    space = Space(model=nn.Seq(Repeat(nn.Linear(Int(1, 9)), 2, tied=True), nn.Linear(3, name="head")))
    configuration = space.configuration({"model/0[*]/out_features": 4})

    assert configuration.model[0][1].out_features == 4
    assert configuration.model.head.out_features == 3
    assert configuration.model["head"].out_features == 3


def test_an_argument_called_like_a_method_is_found_in_brackets():
    configuration = Space(x=Build("builtins:dict", build=Int(1, 2))).sample(0)

    assert configuration.x["build"] == configuration["x/build"]


def test_a_part_that_does_not_exist_is_refused_naming_those_that_do(configuration):
    with pytest.raises(AttributeError, match="the space has no part 'rate'; it has model, optimizer, lr, clip"):
        configuration.rate  # noqa: B018
    with pytest.raises(AttributeError, match="'optimizer=sgd' has no part 'rate'; it has lr, nesterov"):
        configuration.optimizer.rate  # noqa: B018
    with pytest.raises(KeyError, match="has no part 'rate'"):
        configuration.optimizer["rate"]


def test_completion_offers_the_parts(configuration):
    assert {"model", "lr", "build", "values"} <= set(dir(configuration))
    assert {"lr", "nesterov", "build"} <= set(dir(configuration.optimizer))


def test_a_part_shows_its_own_decisions_only():
    space = Space(a={"x": Int(1, 1)}, ab={"x": Int(2, 2)})

    assert repr(space.sample(0).a) == "Part('a', {'a/x': 1})"


def test_everything_is_built_by_name(configuration):
    assert configuration.build() == {
        "model": {"layers": [{"width": 4, "kernel": 3}, {"width": 8, "kernel": 5}], "head": None},
        "optimizer": {"lr": 0.5, "nesterov": True},
        "lr": 0.01,
        "clip": None,
        "sizes": [1, 7],
        "seed": 3,
    }


def test_what_is_built_is_owned_by_whom_it_was_built_for():
    given = [[1], {"a": [2]}]
    space = Space(x=Build("builtins:list", given))
    given.append("changed later")

    first = space.sample(0).build()["x"]
    first[0].append("changed")

    assert space.sample(0).build()["x"] == [[1], {"a": [2]}]


def test_an_error_while_building_tells_its_place():
    space = Space(model=[Build("builtins:int", Choice("a", "b"))])

    with pytest.raises(ValueError, match="invalid literal") as caught:
        space.configuration({"model/0/0": "b"}).build()

    assert caught.value.__notes__ == ["This arose in the space at 'model/0', building int with ['b'] {}."]


def test_a_configuration_cannot_be_changed(configuration):
    with pytest.raises(AttributeError, match=r"cannot be changed; make another with space.configuration"):
        configuration.lr = 1
    with pytest.raises(TypeError):
        configuration.values["lr"] = 1
    configuration.to_json()["lr"] = 1
    assert configuration["lr"] == 0.01


def test_every_attribute_of_a_configuration_is_reserved():
    attributes = {name for name, _ in inspect.getmembers(Configuration) if not name.startswith("_")}

    assert attributes == RESERVED


def test_equal_decisions_make_equal_configurations(configuration):
    twin = SPACE.configuration(VALUES)
    other = SPACE.configuration(changed(lr=0.02))

    assert twin == configuration
    assert {twin: 1}[configuration] == 1
    assert other != configuration
    assert len({twin, configuration, other}) == 2


def test_the_key_is_the_hash_of_the_decisions_and_nothing_else():
    assert Space(x=Int(1, 2)).configuration({"x": 2}).key == Space(x=Int(0, 9), y=1).configuration({"x": 2}).key
    assert Space(x=Choice(1, 2)).configuration({"x": 1}).key != Space(x=Float(0, 2)).configuration({"x": 1}).key
    known = Space(x=Float(0, 1), y=Choice("a")).configuration({"x": 0.1, "y": "a"}).key
    assert known == "0bedac6200b90ebf061e8c2818eb035ce9db55b7e0eac20fabfc923504ecfdff"


def test_diff_lists_what_was_decided_differently(configuration):
    adam = {path: value for path, value in VALUES.items() if not path.startswith("optimizer")}
    other = SPACE.configuration({**adam, "optimizer": "adam", "optimizer=adam/lr": 0.5, "clip": 1.0})

    assert configuration.diff(other) == {
        "optimizer": ("sgd", "adam"),
        "optimizer=sgd/lr": (0.5, None),
        "optimizer=sgd/nesterov": (True, None),
        "clip": (None, 1.0),
        "optimizer=adam/lr": (None, 0.5),
    }
    assert configuration.diff(configuration) == {}


def test_diff_tells_a_decision_for_none_from_no_decision():
    space = Space(a=Maybe(Choice(None, 1)))

    assert "a=True" in space.configuration({"a": True, "a=True": None}).diff(space.configuration({"a": False}))


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda original: pickle.loads(pickle.dumps(original))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal_and_usable(configuration, twin_of):
    twin = twin_of(configuration)

    assert (twin, hash(twin), twin.space) == (configuration, hash(configuration), SPACE)
    assert twin.build() == configuration.build()
    assert twin_of(configuration.model).build() == configuration.model.build()
    assert twin_of(SPACE) == SPACE


def test_the_cost_is_known_once_a_model_was_built():
    configuration = Space(model=nn.Linear(3)).sample(0)

    with pytest.raises(ConfigurationError, match=r"call config.model.build\(input_shape="):
        configuration.cost  # noqa: B018
    configuration.model.build(input_shape=(4,))
    assert configuration.cost.params == 15


WRONG = {
    "missing": ({"lr": None}, r"Decision 'lr' is missing; give a number from 0.0001 to 0.1"),
    "unknown": ({"rate": 1}, r"There is no decision 'rate' in the space; leave it out"),
    "not active": ({"model/layers[2]/width": 1}, r"'model/layers\[2\]/width' = 1 is not active under the others"),
    "out of range": ({"lr": 1.0}, r"Decision 'lr' cannot be 1.0; give a number from 0.0001 to 0.1"),
    "no label": ({"optimizer": "adamw"}, r"cannot be 'adamw'; give one of 'sgd', 'adam'"),
    "a bool for an int": ({"model/layers[0]/width": True}, r"cannot be True; give an integer from 1 to 9"),
    "an int for a bool": ({"model/head": 0}, r"cannot be 0; give one of False, True"),
    "a float for an int": ({"model/layers": 2.0}, r"cannot be 2.0; give an integer from 0 to 3"),
    "nan": ({"lr": math.nan}, r"cannot be nan; give a number"),
    "a list": ({"optimizer": ["sgd"]}, r"cannot be \['sgd'\]; give one of"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_decisions_that_are_no_configuration_are_refused(wrong):
    changes, message = WRONG[wrong]
    values = changed(**changes)
    if wrong == "missing":
        del values["lr"]

    assert not SPACE.contains(values)
    with pytest.raises(ConfigurationError, match=message):
        SPACE.configuration(values)


def test_a_whole_number_is_read_as_a_float_and_a_grid_point_without_its_noise():
    space = Space(x=Float(0, 2), y=Float(0, 1, step=0.1))

    values = space.configuration({"x": 1, "y": 0.1 + 0.2}).values

    assert (repr(values["x"]), repr(values["y"])) == ("1.0", "0.3")


def test_an_empty_space_has_one_configuration():
    configuration = Space().sample(0)

    assert (dict(configuration.values), configuration.build()) == ({}, {})


def test_shared_parts_are_found_where_they_stand():
    space = Space(a={"act": share("act", Build("builtins:dict", kind=Choice("relu")))})

    assert space.sample(0).a.act.kind == "relu"
