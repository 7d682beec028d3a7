"""An error of a model names the place in the space that it comes from."""

import os
import subprocess
import sys

import pytest
import torch

import paretree.spaces as pt
from paretree.spaces import nn
from paretree.spaces.configuration import environment
from paretree.spaces.locate import path_of


def bad() -> pt.Build:
    return nn.SelfAttention(2)


PLACES = [
    (nn.Seq(nn.ReLU(), bad()), "model/1"),
    (nn.Seq(nn.ReLU(), nn.Seq(bad(), name="inner")), "model/inner/0"),
    (nn.Seq(pt.Repeat(nn.Seq(nn.ReLU(), bad()), 2)), "model/0[0]/1"),
    (nn.Seq(pt.Repeat(nn.Seq(nn.ReLU(), bad()), 2, tied=True)), "model/0[*]/1"),
    (nn.Seq(pt.Choice(op=nn.Seq(bad()))), "model/0=op/0"),
    (pt.Choice(op=bad()), "model=op"),
    (nn.Seq(pt.Maybe(bad(), weight=1.0)), "model/0=True"),
    (nn.Residual([nn.ReLU(), bad()]), "model/body/1"),
    (nn.Parallel(nn.ReLU(), bad()), "model/1"),
    (nn.Dense(nn.ReLU(), pt.Repeat(bad(), 2), name="dense"), "model/1[0]"),
    (nn.MaybeSwap(nn.ReLU(), bad()), "model/1"),
    (nn.Seq(pt.share("attention", bad())), "attention"),
    (nn.Seq(nn.Seq(nn.Residual(nn.Conv2d(6), mismatch="error"), name="inner")), "model/inner/0"),
    (nn.Seq(pt.Build(torch.nn.Conv2d, 7, 3, 1), name="x"), "model/0"),
]


@pytest.mark.parametrize(("node", "path"), PLACES, ids=[str(number) for number in range(len(PLACES))])
def test_an_error_names_the_path_where_it_arose(node, path):
    configuration = pt.Space(model=node).sample(0, measure="prior")

    with pytest.raises((ValueError, RuntimeError)) as caught:
        nn.cost(configuration, (3, 8, 8))

    note = caught.value.__notes__[0]
    assert note.startswith(f"This arose in the space at {path!r}, running "), "another place"
    assert " on an input of shape (" in note


def test_every_module_of_a_model_stands_at_a_path():
    block = nn.Residual([pt.Choice(conv=nn.Conv2d(3), separable=nn.SeparableConv2d(3)), nn.ReLU(name="act")])
    configuration = pt.Space(model=nn.Seq(pt.Repeat(block, 2), nn.TransformerBlock(2, 4, name="last"))).configuration(
        {"model/0[0]/body/0": "conv", "model/0[1]/body/0": "separable"}
    )
    node, env = configuration.space.parts["model"], environment(configuration)

    def place(module: str) -> str:
        return path_of(module, "model", node, env)

    assert place("") == "model"
    assert place("0.0.body.0") == "model/0[0]/body/0=conv"
    assert place("0.1.body.0.depthwise") == "model/0[1]/body/0=separable", "what it makes itself stands at its place"
    assert place("0.1.body.act") == "model/0[1]/body/act"
    assert place("0.1.shortcut") == "model/0[1]"
    assert place("last.layer.self_attn.out_proj") == "model/last"


KEYS = """
import json
import paretree.spaces as pt
from paretree.spaces import nn
branches = nn.Parallel(nn.Conv2d(3, name="a"), pt.Maybe(nn.SeparableConv2d(3), name="b"), combine="concat")
dense = nn.Dense(pt.Repeat(nn.Conv2d(2), pt.Int(1, 3)), name="dense")
block = nn.Seq(nn.Residual([branches, nn.GroupNorm(1)]), dense, nn.MaybeSwap(nn.BatchNorm2d(), nn.ReLU()))
space = pt.Space(model=nn.Seq(pt.Repeat(block, pt.Int(1, 3)), nn.GlobalAvgPool2d(), nn.Linear(2, name="head")))
print(json.dumps([list(space.sample(seed).model.build((1, 6, 6)).state_dict()) for seed in range(8)]))
"""


def test_keys_do_not_depend_on_the_hash_seed_of_the_process():
    def keys(hash_seed: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run([sys.executable, "-c", KEYS], env=env, capture_output=True, text=True, check=True).stdout

    assert keys("1") == keys("2")
