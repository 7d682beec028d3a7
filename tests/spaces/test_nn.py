"""Modules without plumbing: every sample builds, sizes are inferred, and their cost is known without weights."""

import json
import subprocess
import sys

import pytest
import torch

import paretree.spaces as pt
from paretree.spaces import nn


def front_door() -> pt.Space:
    block = nn.Seq(
        nn.Conv2d(pt.Int(8, 64, log=True), kernel_size=pt.Choice(3, 5)), pt.Maybe(nn.BatchNorm2d()), nn.ReLU()
    )
    return pt.Space(
        model=nn.Seq(pt.Repeat(block, pt.Int(1, 4)), nn.GlobalAvgPool2d(), nn.Linear(10)),
        lr=pt.Float(1e-4, 1e-1, log=True),
        batch_size=pt.Choice(32, 64, 128),
    )


def built(*layers, input_shape, seed=0) -> torch.nn.Module:
    return pt.Space(model=nn.Seq(*layers)).sample(seed).model.build(input_shape=input_shape)


def params(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_sample_of_the_front_door_builds_and_runs():
    space = front_door()
    images = torch.zeros(2, 1, 8, 8)

    for seed in range(200):
        configuration = space.sample(seed)
        model = configuration.model.build(input_shape=(1, 8, 8))
        assert model(images).shape == (2, 10), f"sample {seed} puts out another shape: {configuration}"
        assert configuration.cost.params == params(model), f"sample {seed} has other parameters than its cost tells"


def test_no_module_is_lazy_once_it_is_built():
    model = front_door().sample(5).model.build(input_shape=(1, 8, 8))

    lazy = [type(module).__name__ for module in model.modules() if "Lazy" in type(module).__name__]
    assert not lazy, f"still lazy: {lazy}"


KEYS = """
import json
import paretree.spaces as pt
from paretree.spaces import nn
block = nn.Seq(nn.Conv2d(pt.Int(1, 4)), pt.Maybe(nn.BatchNorm2d(), name="norm"), nn.ReLU())
space = pt.Space(model=nn.Seq(pt.Repeat(block, pt.Int(1, 4)), nn.GlobalAvgPool2d(), nn.Linear(2, name="head")))
keys = [list(space.sample(seed).model.build(input_shape=(1, 8, 8)).state_dict()) for seed in range(5)]
if __name__ == "__main__":
    print(json.dumps(keys))
"""


def test_state_dict_keys_are_the_same_in_every_process():
    here: dict = {"__name__": "here"}
    exec(KEYS, here)

    there = subprocess.run(
        [sys.executable, "-c", KEYS], env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True
    )

    assert json.loads(there.stdout) == here["keys"]


def test_keys_of_layers_do_not_depend_on_whether_others_are_there():
    space = pt.Space(model=nn.Seq(nn.Linear(3), pt.Maybe(nn.ReLU()), nn.Linear(2), nn.Linear(1, name="head")))

    for there in (True, False):
        model = space.configuration({"model/1": there}).model.build(input_shape=(4,))
        assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias", "head.weight", "head.bias"]


def test_a_repeat_of_no_layer_passes_its_input_on():
    model = built(pt.Repeat(nn.Linear(3), 0), nn.Linear(2), input_shape=(4,))

    assert list(model.state_dict()) == ["1.weight", "1.bias"]
    assert model(torch.zeros(5, 4)).shape == (5, 2)


def test_tied_copies_have_one_size_and_weights_of_their_own():
    model = built(pt.Repeat(nn.Linear(pt.Int(2, 9)), 3, tied=True), input_shape=(4,))

    first, second, third = model[0]
    assert first.out_features == second.out_features == third.out_features
    assert not torch.equal(second.weight, third.weight)


@pytest.mark.parametrize(
    ("layer", "shape", "output"),
    [
        (nn.Conv2d(6), (3, 8, 8), (6, 8, 8)),
        (nn.Conv2d(6, 5, dilation=2), (3, 8, 8), (6, 8, 8)),
        (nn.Conv2d(6, 3, stride=2), (3, 9, 9), (6, 5, 5)),
        (nn.Conv2d(6, 1, groups=3, bias=False), (3, 8, 8), (6, 8, 8)),
        (nn.Linear(7, bias=False), (3, 5), (3, 7)),
        (nn.BatchNorm2d(), (3, 8, 8), (3, 8, 8)),
        (nn.MaxPool2d(), (3, 9, 9), (3, 5, 5)),
        (nn.MaxPool2d(3, stride=1), (3, 9, 9), (3, 7, 7)),
        (nn.AvgPool2d(2), (3, 1, 1), (3, 1, 1)),
        (nn.GlobalAvgPool2d(), (3, 8, 8), (3,)),
        (nn.Flatten(), (3, 8, 8), (192,)),
        (nn.Dropout(0.2), (3,), (3,)),
        (nn.ReLU(), (3,), (3,)),
        (nn.GELU(), (3,), (3,)),
        (nn.SiLU(), (3,), (3,)),
        (nn.Tanh(), (3,), (3,)),
        (pt.Build(torch.nn.LazyBatchNorm1d, affine=False), (3,), (3,)),
        (pt.Build("torch.nn:LayerNorm", 3), (3,), (3,)),
    ],
    ids=repr,
)
def test_a_layer_has_the_shape_it_promises(layer, shape, output):
    model = built(layer, input_shape=shape)

    assert model(torch.zeros(2, *shape)).shape == (2, *output)


def test_equal_torch_seeds_give_equal_weights_whatever_is_inferred_before():
    configuration = front_door().sample(5)

    def weights(times_measured: int) -> list[torch.Tensor]:
        torch.manual_seed(3)
        for _ in range(times_measured):
            nn.cost(configuration, (1, 8, 8))
        return list(configuration.model.build(input_shape=(1, 8, 8)).parameters())

    assert all(map(torch.equal, weights(0), weights(2))), "measuring the cost draws random numbers"


def test_the_cost_of_a_layer_is_counted_by_hand():
    space = pt.Space(model=nn.Seq(nn.Conv2d(4, 3), nn.Flatten(), nn.Linear(10)))

    cost = nn.cost(space.sample(0), (2, 8, 8))

    assert cost.params == 4 * (2 * 9 + 1) + 10 * (256 + 1)
    assert cost.flops == 2 * (4 * 2 * 9 * 64 + 256 * 10)
    assert cost.activation_bytes == 4 * (256 + 256 + 10)


def test_the_cost_of_a_model_that_fits_into_no_memory_is_known():
    space = pt.Space(model=nn.Seq(nn.Linear(10**7), nn.Linear(10**7)))

    assert nn.cost(space.sample(0), (3,)).params == 4 * 10**7 + 10**14 + 10**7


def test_the_model_is_the_part_called_model_or_the_only_one_that_is_built():
    one = pt.Space(net=nn.Linear(2), lr=0.1).sample(0)
    two = pt.Space(net=nn.Linear(2), model=nn.Linear(3)).sample(0)
    unclear = pt.Space(a=nn.Linear(2), b=nn.Linear(3)).sample(0)

    assert nn.cost(one, (4,)).params == 10
    assert nn.cost(two, (4,)).params == 15
    assert nn.cost(unclear.a, (4,)).params == 10
    with pytest.raises(ValueError, match=r"not clear which part is the model \(a, b\); write cost\(config.NAME"):
        nn.cost(unclear, (4,))
    with pytest.raises(ValueError, match=r"none of the parts"):
        nn.cost(pt.Space(lr=0.1).sample(0), (4,))
    with pytest.raises(ValueError, match=r"absent in this configuration"):
        nn.cost(pt.Space(model=pt.Maybe(nn.Linear(2))).configuration({"model": False}), (4,))


class Forgetful(torch.nn.Module):
    """Runs one of its two layers only."""

    def __init__(self, forgotten: torch.nn.Module) -> None:
        super().__init__()
        self.used = torch.nn.LazyLinear(3)
        self.forgotten = forgotten

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


@pytest.mark.parametrize("forgotten", [torch.nn.LazyLinear, torch.nn.LazyBatchNorm1d], ids=["parameters", "buffers"])
def test_a_lazy_module_that_never_runs_is_refused(forgotten):
    arguments = {"affine": False} if forgotten is torch.nn.LazyBatchNorm1d else {"out_features": 2}
    model = pt.Build(Forgetful, pt.Build(forgotten, **arguments))

    with pytest.raises(ValueError, match=r"module '0.forgotten' stay unknown, because it does not run.*give its sizes"):
        built(model, input_shape=(4,))


def test_an_input_shape_is_for_torch_modules():
    space = pt.Space(data=pt.Build("builtins:dict", size=3))

    with pytest.raises(TypeError, match="input_shape is for torch modules, but this part builds dict; leave it out"):
        space.sample(0).data.build(input_shape=(4,))


def test_a_configuration_is_built_whole():
    built = front_door().sample(0).build(input_shape=(1, 8, 8))

    assert built["model"](torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert built["batch_size"] in (32, 64, 128)


def test_a_model_that_does_not_fit_its_input_tells_the_input():
    with pytest.raises(RuntimeError) as caught:
        built(nn.Conv2d(3), input_shape=(4,))

    assert "This arose while inferring sizes for an input of shape (4,)." in caught.value.__notes__


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"A layer must be a torch.nn.Module, a list of them or None, not 3"):
        built(3, input_shape=(4,))


def test_a_layer_shared_in_two_places_has_two_sets_of_weights():
    layer = pt.share("layer", nn.Linear(pt.Int(4, 4)))

    model = built(layer, layer, input_shape=(4,))

    assert model[0] is not model[1]
    assert not torch.equal(model[0].weight, model[1].weight)
