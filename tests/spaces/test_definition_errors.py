"""Every wrong definition is refused at once, in a sentence that names the node, its path, the rule and the fix."""

import math
import pickle
from collections import namedtuple
from enum import StrEnum

import numpy as np
import pytest
import torch

from paretree.spaces import (
    Build,
    Choice,
    Expression,
    Float,
    Int,
    Maybe,
    Normal,
    Repeat,
    Space,
    SpaceError,
    UnstorableWarning,
    apply,
    nn,
    share,
    where,
)

Point = namedtuple("Point", "x y")


class Act(StrEnum):
    RELU = "relu"


width = Int(1, 4)
inner = Int(2, 3)
kind = Choice(sgd=Build("builtins:dict", momentum=(momentum := Float(0.0, 0.9))), adam=Build("builtins:dict"))

WRONG = {
    # id: (definition, node, path, rule, fix)
    "float bounds swapped": (lambda: Space(x=Float(1, 0)), "Float(1, 0)", "'x'", "low (1) is above high (0)", "swap"),
    "float bound is nan": (lambda: Space(x=Float(math.nan, 1)), "Float(nan, 1)", "'x'", "low must be a finite", "give"),
    "float bound is inf": (lambda: Space(x=Float(0, math.inf)), "Float(0, inf)", "'x'", "high must be a", "give"),
    "float bound is text": (lambda: Space(x=Float("a", 1)), "Float('a', 1)", "'x'", "not 'a'", "give a number"),
    "float bound is a bool": (lambda: Space(x=Float(False, 1)), "Float(False, 1)", "'x'", "not False", "give a number"),
    "float bound beyond floats": (lambda: Space(x=Float(0, 10**400)), "Float(0, 1", "'x'", "high must be", "give"),
    "float range too wide": (lambda: Space(x=Float(-1e308, 1e308)), "Float", "'x'", "wider than a float", "log=True"),
    "log of zero": (
        lambda: Space(x=Float(0, 1, log=True)),
        "Float(0, 1, log=True)",
        "'x'",
        "logarithm of low",
        "posit",
    ),
    "log of a negative int": (
        lambda: Space(x=Int(-2, 4, log=True)),
        "Int(-2, 4",
        "'x'",
        "logarithm of low",
        "positive",
    ),
    "log with step": (lambda: Space(x=Float(1, 2, log=True, step=0.5)), "Float", "'x'", "exclude each other", "leave"),
    "log with int step": (lambda: Space(x=Int(1, 8, log=True, step=2)), "Int", "'x'", "exclude each other", "leave"),
    "step of zero": (lambda: Space(x=Float(0, 1, step=0)), "Float(0, 1, step=0)", "'x'", "positive, not 0", "or none"),
    "step is text": (lambda: Space(x=Float(0, 1, step="a")), "Float", "'x'", "step must be positive, not 'a'", "give"),
    "step is nan": (lambda: Space(x=Float(0, 1, step=math.nan)), "Float", "'x'", "positive, not nan", "give"),
    "step too fine": (lambda: Space(x=Float(0, 1, step=1e-300)), "Float", "'x'", "too fine", "coarser"),
    "int step negative": (lambda: Space(x=Int(0, 9, step=-1)), "Int(0, 9, step=-1)", "'x'", "not -1", "use 1 or more"),
    "int bound is real": (lambda: Space(x=Int(0.5, 2)), "Int(0.5, 2)", "'x'", "low must be an integer", "use Float"),
    "int bound too large": (
        lambda: Space(x=Int(0, 2**64)),
        "Int(0, ",
        "'x'",
        "high does not fit into 64 bits",
        "expon",
    ),
    "prior outside": (lambda: Space(x=Float(0, 1, prior=2)), "Float", "'x'", "centre (2) lies outside", "widen"),
    "prior is text": (lambda: Space(x=Float(0, 1, prior="low")), "Float", "'x'", "prior cannot be 'low'", "Normal("),
    "prior is nan": (lambda: Space(x=Int(0, 1, prior=math.nan)), "Int", "'x'", "prior cannot be nan", "Normal("),
    "prior without spread": (lambda: Space(x=Int(0, 1, prior=Normal(1, 0))), "Int", "'x'", "spread (0) must", "posit"),
    "no option": (lambda: Space(x=[1, Choice()]), "Choice()", "'x/1'", "nothing to choose from", "give at least one"),
    "same option twice": (lambda: Space(x=Choice(1, 2, 1)), "Choice(1, 2, 1)", "'x'", "labelled '1'", "remove one"),
    "one and 'one'": (lambda: Space(x=Choice(1, "1")), "Choice(1, '1')", "'x'", "labelled '1'", "by keyword"),
    "1 and 1.0": (lambda: Space(x=Choice(1, 1.0)), "Choice(1, 1.0)", "'x'", "equal to Python", "label them"),
    "1 and True": (lambda: Space(x=Choice(True, 1)), "Choice(True, 1)", "'x'", "equal to Python", "label them"),
    "same module twice": (lambda: Space(x=Choice(nn.ReLU(), nn.ReLU())), "Choice(", "'x'", "labelled 'ReLU'", "label"),
    "nan option": (lambda: Space(x=Choice(math.nan, 1)), "Choice(", "'x'", "nan cannot be written", "label it"),
    "infinite option": (lambda: Space(x=Choice(1.0, math.inf)), "Choice(", "'x'", "inf cannot be written", "label it"),
    "labels on some": (lambda: Space(x=Choice(1, b=2)), "Choice(", "", "some options have labels", "all of them"),
    "label with a slash": (
        lambda: Space(x=Choice(**{"a/b": Int(1, 2)})),
        "Choice(**{'a/b': Int(1, 2)})",
        "'x'",
        "'a/b' cannot be a name",
        "without the signs",
    ),
    "empty label": (lambda: Space(x=Choice(**{"": 1})), "Choice", "'x'", "'' cannot be a name", "non-empty"),
    "an option called name": (lambda: Space(x=Choice(name=nn.ReLU())), "Choice", "'x'", "cannot be a name", "use"),
    "an option called ordered": (
        lambda: Space(x=Choice(ordered=nn.ReLU(), plain=nn.GELU())),
        "Choice",
        "'x'",
        "ordered must be True or False",
        "another label",
    ),
    "too few weights": (lambda: Space(x=Choice(1, 2, weights=[1])), "Choice", "'x'", "1 weights for 2 options", "each"),
    "negative weight": (lambda: Space(x=Choice(1, 2, weights=[2, -1])), "Choice", "'x'", "no probabilities", "0 to 1"),
    "infinite weight": (lambda: Space(x=Choice(1, 2, weights=[1, math.inf])), "Choice", "'x'", "no probabil", "0 to 1"),
    "text as weight": (lambda: Space(x=Choice(1, 2, weights=["a", 1])), "Choice", "'x'", "no probabilities", "0 to 1"),
    "weights all zero": (lambda: Space(x=Choice(1, 2, weights=[0, 0])), "Choice", "'x'", "all weights are 0", "posit"),
    "weights a number": (lambda: Space(x=Choice(1, 2, weights=0.5)), "Choice", "'x'", "must be a list", "each option"),
    "maybe weight over 1": (lambda: Space(x=Maybe(1, weight=1.5)), "Maybe(1", "'x'", "weight 1.5 is no prob", "0 to 1"),
    "maybe weight is text": (lambda: Space(x=Maybe(1, weight="a")), "Maybe(1", "'x'", "weight 'a' is no", "0 to 1"),
    "negative copies": (lambda: Space(x=Repeat(1, -1)), "Repeat(1, -1)", "'x'", "-1 copies cannot", "whole numbers"),
    "half a copy": (lambda: Space(x=Repeat(1, 0.5)), "Repeat(1, 0.5)", "'x'", "0.5 copies cannot", "whole numbers"),
    "copies by bool": (lambda: Space(x=Repeat(1, True)), "Repeat(1, True)", "'x'", "True copies cannot", "whole"),
    "copies by a float range": (
        lambda: Space(x=Repeat(1, Float(0, 1))),
        "Repeat",
        "'x'",
        "n cannot be Float",
        "an Int",
    ),
    "copies by a wrong range": (
        lambda: Space(x=Repeat(1, Int("a", 1))),
        "Int('a', 1)",
        "'x'",
        "must be an int",
        "Float",
    ),
    "copies by a wrong shared range": (
        lambda: Space(x=Repeat(1, share("n", Int(1, 2, step=0)))),
        "Int(1, 2, step=0)",
        "'x'",
        "step must be positive",
        "1 or more",
    ),
    "copies by an expression": (lambda: Space(x=Repeat(1, 2 * width)), "Repeat", "'x'", "n cannot be (2 * ", "an Int"),
    "reference without colon": (lambda: Space(x=Build("torch.nn")), "Build('torch.nn')", "'x'", "no reference", "'mod"),
    "build of a number": (lambda: Space(x=Build(3)), "Build(3)", "'x'", "3 cannot be called", "function or a class"),
    "build of an instance": (
        lambda: Space(x=Build(torch.nn.ReLU())),
        "Build(",
        "'x'",
        "a module instance stands where a class",
        "write Build(ReLU)",
    ),
    "instance as a value": (
        lambda: Space(x=nn.Seq(torch.nn.Tanh())),
        "Tanh()",
        "'x/0'",
        "shared by every model",
        "write Build(Tanh, ...)",
    ),
    "value that is no data": (lambda: Space(x={"a": [{1, 2}]}), "{'a': [{1, 2}]}", "'x'", "instance of set", "number"),
    "enum option": (lambda: Space(x=Choice(Act.RELU)), "RELU", "'x=", "instance of Act", "text"),
    "named tuple": (lambda: Space(x=Point(1, 2)), "1, 2", "'x'", "an instance of Point cannot be stored", "number"),
    "array as a value": (
        lambda: Space(x=np.zeros(2)),
        "array(",
        "'x'",
        "instance of ndarray cannot be stored",
        "number",
    ),
    "lambda as a value": (lambda: Space(x=[lambda: 0]), "<lambda>", "'x'", "instance of function", "importable"),
    "key that is no text": (lambda: Space(x={1: Int(1, 2)}), "{1: Int(1, 2)}", "'x'", "1 cannot be a name", "text"),
    "part with a slash": (lambda: Space({"a/b": 1}), "{'a/b': 1}", "", "'a/b' cannot be a name", "without the signs"),
    "part given twice": (
        lambda: Space({"a": 1}, a=2),
        "{'a': 1, 'a': 2}",
        "",
        "two of its parts are called 'a'",
        "name",
    ),
    "part hides an attribute": (lambda: Space(values=1), "{'values': 1}", "'values'", "already is an attr", "another"),
    "argument with a slash": (
        lambda: Space(x=Build("builtins:dict", **{"a/b": Int(1, 2)})),
        "Build('builtins:dict', **{'a/b': Int(1, 2)})",
        "'x'",
        "'a/b' cannot be a name",
        "without the signs",
    ),
    "name with a slash": (lambda: Space(x=Int(1, 2, name="a/b")), "Int(", "'x'", "'a/b' cannot be a name", "without"),
    "two layers of one name": (
        lambda: Space(x=nn.Seq(nn.ReLU(name="act"), nn.Tanh(name="act"))),
        "Build(",
        "'x'",
        "two of its parts are called 'act'",
        "another name",
    ),
    "reuse": (
        lambda: Space(a=width, b={"c": width}),
        "Int(1, 4)",
        "'b/c'",
        "the same node also stands at 'a'",
        "share('name', node) if both mean one decision, or node.fresh()",
    ),
    "reuse inside a block": (
        lambda: Space(a=(block := nn.Conv2d(Int(1, 4))), b=block),
        "Int(1, 4)",
        "'b/channels'",
        "also stands at 'a/channels'",
        "fresh()",
    ),
    "share with two meanings": (
        lambda: Space(a=share("s", Int(1, 2)), b=share("s", Int(1, 3))),
        "share('s', Int(1, 3))",
        "'b'",
        "'s' already names Int(1, 2)",
        "another name",
    ),
    "share named like a part": (
        lambda: Space(a=1, b=share("a", Int(1, 2))),
        "share('a', Int(1, 2))",
        "'a'",
        "a part of the space has this name too",
        "another name",
    ),
    "share with a bad name": (lambda: Space(a=share("x=1", 2)), "share('x=1', 2)", "'a'", "'x=1' cannot be", "without"),
    "expression on nothing": (
        lambda: Space(a=2 * width),
        "(2 * Int(1, 4))",
        "'a'",
        "uses Int(1, 4), which stands nowhere",
        "put that node in the tree",
    ),
    "expression on each copy": (
        lambda: Space(blocks=Repeat({"width": inner}, 2), head=2 * inner),
        "(2 * Int(2, 3))",
        "'head'",
        "each copy of a Repeat decides for itself",
        "in the same Repeat",
    ),
    "expression on another branch": (
        lambda: Space(optimizer=kind, decay=1 - momentum),
        "(1 - Float(0.0, 0.9))",
        "'decay'",
        "uses the decision at 'optimizer=sgd/momentum', which is not made whenever",
        "let both stand in the same branch",
    ),
    "apply of a number": (lambda: Space(a=apply(3, width)), "apply(3, Int(1, 4))", "'a'", "3 cannot be called", "give"),
    "apply of a bad reference": (lambda: Space(a=apply("sqrt", 4)), "apply('sqrt', 4)", "'a'", "no reference", "'mod"),
    "unknown operator": (
        lambda: Space(a=Expression("@", (share("s", 1), share("t", 2)))),
        "@",
        "'a'",
        "'@' is no operator",
        "apply(fn, ...)",
    ),
    "path too long": (
        lambda: Space({"a" * 300: {"b" * 300: Int(1, 2)}}),
        "Int(1, 2)",
        "'aaa",
        "over 512 characters",
        "shorten the names",
    ),
}


def refusal(define) -> SpaceError:
    with pytest.raises(SpaceError) as caught:
        define()
    return caught.value


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_definition_is_refused_naming_node_path_rule_and_fix(wrong):
    define, node, path, rule, fix = WRONG[wrong]

    error = refusal(define)

    message = str(error)
    before, _, after = message.partition(f"{error.rule}; ")
    assert node in before, f"the node {node} is not named: {message}"
    assert path in before, f"the path {path} is not named: {message}"
    assert rule in error.rule, f"the rule is not told: {message}"
    assert fix in after, f"the fix is not told: {message}"
    assert message.endswith("."), f"not a sentence: {message}"
    assert "\n" not in message, f"more than one line: {message}"


def test_a_message_stays_readable_however_large_the_node_is():
    error = refusal(lambda: Space(x=Choice(*range(10_000), weights=[-1] * 10_000)))

    assert len(str(error)) < 500, f"a message of {len(str(error))} characters"


def test_an_error_survives_the_way_between_processes():
    error = refusal(lambda: Space(x=Float(1, 0)))

    twin = pickle.loads(pickle.dumps(error))

    assert (str(twin), twin.path, twin.rule, twin.fix) == (str(error), error.path, error.rule, error.fix), str(twin)


@pytest.mark.parametrize("node", [Build(lambda: 1), apply(lambda: 1)], ids=["build", "apply"])
def test_a_lambda_is_accepted_with_a_warning_where_it_is_called(node):
    with pytest.warns(UnstorableWarning, match="<lambda> at .x/0. cannot be imported.*top level of a module"):
        space = Space(x=[node, Int(1, 2)])

    built = space.sample(0).build()["x"]
    assert built[0] == 1, "the lambda was not called"


def test_a_method_of_an_object_cannot_be_stored():
    with pytest.warns(UnstorableWarning, match="cannot be imported"):
        Space(x=Build("text".upper))


@pytest.mark.parametrize(
    "space",
    [
        lambda: Space(),
        lambda: Space(x=Repeat(Int(1, 2), 0)),
        lambda: Space(x=Float(1, 1)),
        lambda: Space(x=Choice("a")),
        lambda: Space(x={1: "a", (2, 3): "b"}),
        lambda: Space(x=Build("builtins:dict", fn=1, self=2)),
        lambda: Space(x=where(width == 3, 1, 2), width=width),
        lambda: Space(**{"learning rate": Float(0, 1)}),
    ],
    ids=["empty", "no copies", "one number", "one option", "dict of data", "any argument", "condition", "any name"],
)
def test_what_is_unusual_but_clear_is_accepted(space):
    configuration = space().sample(0)

    assert space().contains(configuration), "its own sample is not contained"
    configuration.build()


def test_numbers_of_numpy_become_numbers_of_python():
    space = Space(
        lr=Float(np.float64(0.1), np.float32(0.5), prior=np.float64(0.2)),
        width=Int(np.int64(1), np.int32(4), step=np.int8(1)),
        size=Choice(np.int64(3), np.bool_(True), weights=np.array([0.5, 0.5])),
        copies=Repeat([np.float64(0.5)], np.int64(2)),
    )

    assert "np." not in repr(space), repr(space)
    assert Space.from_json(space.to_json()) == space
    given = {"lr": np.float64(0.25), "width": np.int64(2), "size": np.int64(3)}
    values = space.configuration(given).values
    assert [type(value) for value in values.values()] == [float, int, int], f"not Python's own: {values}"
