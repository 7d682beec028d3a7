"""Spaces read well: as a tree, and as the Python that would make them."""

import math

import pytest

from paretree.spaces import Build, Choice, Float, Int, Maybe, Normal, Repeat, Space, apply, nn, share, where
from paretree.spaces.references import Reference

NAMES = {
    "Build": Build,
    "Choice": Choice,
    "Float": Float,
    "Int": Int,
    "Maybe": Maybe,
    "Normal": Normal,
    "Reference": Reference,
    "Repeat": Repeat,
    "apply": apply,
    "share": share,
    "where": where,
}

NODES = [
    "Float(0.0001, 0.1, log=True)",
    "Float(0, 1, step=0.25, prior=Normal(0.5))",
    "Int(8, 64, name='width', log=True)",
    "Choice(3, 5, 'same', None, ordered=True)",
    "Choice(small=8, large=Int(16, 64), weights=(1, 2))",
    "Choice(**{'3x3': 3}, plain=1)",
    "Maybe(Float(0, 0.5), weight=0.9)",
    "Repeat(Choice(3, 5), Int(1, 4))",
    "Repeat([Int(1, 2), (Int(3, 4),)], 2, tied=True)",
    "Build('torch.nn:Linear', 3, bias=Choice(True, False), name='head')",
    "Build('builtins:dict', {'a': [1, (2,)]}, limit=float('inf'))",
    "[Int(1, 2), {'a': Choice(1, 2)}]",
    "share('act', Choice('relu', 'gelu'))",
    "Build('builtins:dict', twice=(2 * share('w', Int(1, 9))), big=where((share('w', Int(1, 9)) > 4), 1, 0))",
    "apply('math:sqrt', share('w', Int(1, 9)))",
    "Choice(Reference('math:sqrt'), Reference('math:log'))",
]


@pytest.mark.parametrize("text", NODES)
def test_a_node_prints_as_it_was_typed(text):
    space = Space(x=eval(text, dict(NAMES)))

    assert repr(space.parts["x"]) == text
    assert Space.from_json(space.to_json()) == space


def test_importable_functions_print_as_references():
    assert repr(Build(math.sqrt, 4)) == "Build('math:sqrt', 4)"
    assert repr(Space(x=math.sqrt).parts["x"]) == "Reference('math:sqrt')"


def test_a_space_prints_as_a_tree():
    space = Space(
        model=nn.Seq(
            Repeat(nn.Conv2d(Int(8, 64), stride=2), Int(1, 4)),
            Choice(conv=nn.Conv2d(4), skip=None),
            Maybe(nn.Dropout(Float(0, 0.5))),
            Repeat(nn.ReLU(), 2, tied=True),
        ),
        act=share("act", Choice("relu", "gelu")),
        pair=[Int(1, 2), 3],
    )

    assert repr(space) == (
        "Space\n"
        "├─ model: Seq\n"
        "│  ├─ 0: Repeat × Int(1, 4)\n"
        "│  │  └─ each: Conv2d(kernel_size=3, stride=2)\n"
        "│  │     └─ channels: Int(8, 64)\n"
        "│  ├─ 1: Choice\n"
        "│  │  ├─ conv: Conv2d(channels=4, kernel_size=3)\n"
        "│  │  └─ skip: None\n"
        "│  ├─ 2: Maybe\n"
        "│  │  └─ True: Dropout\n"
        "│  │     └─ p: Float(0, 0.5)\n"
        "│  └─ 3: Repeat × 2\n"
        "│     └─ all alike: ReLU\n"
        "├─ act: share('act') Choice('relu', 'gelu')\n"
        "└─ pair: list\n"
        "   ├─ 0: Int(1, 2)\n"
        "   └─ 1: 3"
    )


def test_names_of_layers_are_told_once():
    space = Space(model=nn.Seq(nn.Linear(3), nn.Linear(4, name="head")))

    assert repr(space) == ("Space\n└─ model: Seq\n   ├─ 0: Linear(out_features=3)\n   └─ head: Linear(out_features=4)")


def test_an_empty_space_prints_as_its_root():
    assert repr(Space()) == "Space"


def test_no_line_of_a_tree_is_endless():
    space = Space(x=Choice(*range(10_000)), y=list(range(10_000)), z=Build("builtins:list", list(range(10_000))))

    assert max(map(len, repr(space).splitlines())) < 200
