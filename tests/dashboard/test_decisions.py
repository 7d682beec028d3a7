from __future__ import annotations

import pytest

import paretree as pt
from paretree.dashboard.decisions import decision_tree


def test_decisions_are_told_as_a_tree() -> None:
    tree = decision_tree(
        {
            "lr": 0.0012345678,
            "op": "conv",
            "op=conv/kernel": 3,
            "net": 2,
            "net[0]/width": 8,
            "net[0]/norm": True,
            "net[1]/width": 16,
            "head/dropout/p": 0.5,
        }
    )
    assert tree == "\n".join(
        [
            "lr = 0.00123457",
            "op = conv",
            "└─ kernel = 3",
            "net = 2",
            "├─ [0]",
            "│  ├─ width = 8",
            "│  └─ norm = True",
            "└─ [1]",
            "   └─ width = 16",
            "head",
            "└─ dropout",
            "   └─ p = 0.5",
        ]
    )


@pytest.mark.parametrize("seed", range(20))
def test_each_decision_of_a_nested_space_has_its_line(seed: int) -> None:
    inner = pt.Choice(a={"depth": pt.Int(1, 3)}, b=pt.Maybe(pt.Float(0, 1)))
    space = pt.Space(net=pt.Repeat(pt.Repeat({"op": inner}, 2), pt.Int(0, 2)), list=[pt.Int(1, 3), pt.Int(1, 3)])
    values = space.sample(seed).values
    shown = decision_tree(values)
    assert shown.count(" = ") == len(values), shown


def test_what_several_taken_branches_decide_is_told_apart() -> None:
    tree = decision_tree({"in": "0+2", "in=0/op": "pool", "in=2/op": "conv", "in=2/op=conv/kernel": 3})
    lines = ["in = 0+2", "├─ 0", "│  └─ op = pool", "└─ 2", "   └─ op = conv", "      └─ kernel = 3"]
    assert tree == "\n".join(lines)


def test_an_empty_configuration_is_an_empty_tree() -> None:
    assert decision_tree({}) == ""
