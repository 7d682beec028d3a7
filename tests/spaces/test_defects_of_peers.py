"""What was found wrong in other search-space languages by running them, and does not happen here."""

import copy
import math
import random
import statistics
import subprocess
import sys

import pytest

from paretree.spaces import (
    Again,
    Choice,
    ConfigurationError,
    Float,
    Int,
    Maybe,
    Normal,
    Pick,
    Recursive,
    Repeat,
    Space,
    SpaceError,
    nn,
    share,
)

TREE = Space(
    stages=Repeat(
        {"op": Choice(conv={"k": Choice(3, 5)}, sep={"k": Choice(3, 5, 7), "deep": Maybe(Int(1, 3))}), "w": Int(8, 64)},
        Int(1, 4),
    ),
    opt=Choice(adam={}, sgd={"momentum": Float(0, 0.99)}),
)


def test_a_structural_mutation_never_misaligns_what_is_conditional():
    """DeepArchitect: 180 of 200 steps of regularised evolution ended in an AssertionError."""
    draw = random.Random(0)
    configuration = TREE.sample(draw)
    for _ in range(500):
        configuration = TREE.mutate(configuration, draw)
        assert TREE.contains(configuration)


def test_hooks_fire_and_models_can_be_copied():
    """DeepArchitect: `__call__` was overridden, and deepcopy raised."""
    torch = pytest.importorskip("torch")
    model = Space(model=nn.Seq(nn.Conv2d(4), nn.Flatten(), nn.Linear(2))).sample(0).model.build((1, 8, 8))
    seen = []
    model.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    copy.deepcopy(model)(torch.zeros(3, 1, 8, 8))
    model(torch.zeros(3, 1, 8, 8))
    assert seen == [(3, 2), (3, 2)]


def test_two_copies_never_share_a_module():
    """NePS: options that were module instances stood in every sampled model."""
    model = Space(model=nn.Seq(Repeat(nn.ReLU(), 2), nn.Linear(2))).sample(0).model
    first, second = model.build((4,)), model.build((4,))
    modules = [*first.modules(), *second.modules()]
    assert len({id(module) for module in modules}) == len(modules)
    with pytest.raises(SpaceError, match="would be shared by every model"):
        Space(act=Choice(next(iter(first.children())), 1))


def test_a_log_range_is_drawn_on_its_logarithm_and_so_is_its_prior():
    """PyGlove: `scale="log"` drew uniformly. NePS: a log prior was a bell on the linear scale."""
    space = Space(lr=Float(1e-5, 1e-1, log=True, prior=Normal(1e-4, math.log(10) / 2)))
    uniform, believed = (
        statistics.median(space.sample(seed, measure).lr for seed in range(3000)) for measure in ("branch", "prior")
    )
    assert 0.5e-3 < uniform < 2e-3
    assert 0.7e-4 < believed < 1.4e-4


def test_one_node_in_two_places_is_refused_instead_of_meaning_something():
    """PyGlove: it silently meant two decisions. NePS: it silently meant one."""
    width = Int(1, 2)
    with pytest.raises(SpaceError, match=r"the same node also stands at 'a'; write share\('name', node\) if both"):
        Space(a=width, b=width)
    assert Space(a=width, b=width.fresh()).count() == 4
    shared = share("w", width)
    assert Space(a=shared, b=shared).count() == 2


def test_a_mutation_of_a_label_reaches_every_other_one():
    """NePS: of ten options, the children of the last were always among the first four."""
    space = Space(x=Choice(*range(10)))
    assert {space.mutate(space.configuration({"x": 9}), seed)["x"] for seed in range(500)} == set(range(9))


@pytest.mark.parametrize(
    "node",
    [Float(1, 0), Choice(), Float(0, 1, log=True), Float(0, 1, prior=7), Int(5, 4), Repeat(Int(1, 2), -1)],
    ids=repr,
)
def test_nonsense_is_refused_when_it_is_defined_and_in_words(node):
    """NePS accepted all of these; DeepArchitect failed with an empty AssertionError, ConfigSpace divided by zero."""
    with pytest.raises(SpaceError, match=r"at 'x': .+; .+\."):
        Space(x=node)


def test_recursion_ends():
    """NePS: a grammar gave up to 7305 decisions, and 2 of 300 draws ended in a RecursionError."""
    space = Space(s=Recursive("s", Choice(one=1, pair=[Again("s"), Again("s")]), 5))
    assert max(len(space.sample(seed).values) for seed in range(300)) <= len(space.slots) == 63


def test_widening_a_range_orphans_no_trial():
    """NePS: ranges were part of the names."""
    old, new = Space(x=Repeat(Int(1, 4), Int(1, 4))), Space(x=Repeat(Int(1, 8), Int(1, 5)))
    for seed in range(50):
        assert new.migrate(old.sample(seed)).key == old.sample(seed).key


def test_a_count_respects_conditions_and_constraints():
    """ConfigSpace reported 472,392 for 6,174. NNI counted inactive decisions too."""
    a, b = Int(1, 10), Int(1, 10)
    space = Space(a=a, b=b, c=Choice(x={"d": Int(1, 100)}, y=0)).require(a < b)
    assert space.count() == 45 * 101 == len(list(space.enumerate()))


def test_values_are_plain_python():
    """ConfigSpace gave `numpy.str_` and `numpy.int64`."""
    for seed in range(50):
        assert {type(value) for value in TREE.sample(seed).values.values()} <= {str, int, float, bool}


def test_permutations_need_no_list_of_factorially_many_branches_in_a_path():
    """DeepArchitect: an index into all permutations, dead since NumPy 2."""
    space = Space(order=Pick(["conv", "norm", "act"], 3, ordered=True))
    assert {c.values["order"] for c in space.enumerate()} == {
        "conv>norm>act", "conv>act>norm", "norm>conv>act", "norm>act>conv", "act>conv>norm", "act>norm>conv",
    }  # fmt: skip


def test_decisions_that_do_not_exist_or_are_out_of_range_are_refused():
    """Optuna: `enqueue_trial` ignored the former and used the latter."""
    space = Space(x=Float(0, 1))
    for values in ({"x": 99.0}, {"x": 0.5, "y": 1}, {}):
        with pytest.raises(ConfigurationError):
            space.configuration(values)


def test_large_branches_can_be_drawn_as_often_as_they_are_large():
    """Every peer draws branches uniformly: of one option and ten, each half of the time."""
    space = Space(x=Choice(small=Int(1, 1), large=Int(1, 9)))
    draws = [space.sample(seed, "leaf")["x"] for seed in range(2000)]
    assert 0.06 < draws.count("small") / 2000 < 0.14


def test_hashes_samples_and_orders_are_the_same_in_every_process():
    """PyGlove, ConfigSpace and DeepArchitect: hashes differed; NePS: the order of options did."""
    script = (
        "from paretree.spaces import *\n"
        "s = Space(x=Choice('a', 'b', 'c'), y=Repeat(Choice(u=Int(1, 9), v=Float(0, 1)), Int(0, 3)))\n"
        "c = s.sample(5)\n"
        "print(s.fingerprint, c.key, list(c.values.items()), s.encode(c).tolist(), [n.key for n in s.neighbours(c)])\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1
