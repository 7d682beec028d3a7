"""What a model costs is counted like torch counts, remembered, and known for every kind of input."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import paretree.spaces as pt
from paretree.spaces import nn
from paretree.spaces.materialize import materialize

MODELS = {
    "convolutions": (
        [nn.Conv2d(8, stride=2), nn.BatchNorm2d(), nn.Residual(nn.SeparableConv2d(12)), nn.GlobalAvgPool2d()],
        (3, 9, 9),
    ),
    "attention": ([nn.SelfAttention(2), nn.TransformerBlock(2, 12, causal=True), nn.SequenceMean()], (7, 8)),
    "recurrence": ([nn.LSTM(5, 2, bidirectional=True), nn.GRU(3, output="last")], (7, 8)),
}


@pytest.mark.parametrize("kind", MODELS)
def test_operations_are_those_that_torch_counts(kind):
    layers, shape = MODELS[kind]
    configuration = pt.Space(model=nn.Seq(*layers)).sample(0)
    model = configuration.model.build(shape).to("meta").eval()

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *shape, device="meta"))

    assert nn.cost(configuration, shape).flops == counter.get_total_flops() > 0


def test_the_outputs_of_what_is_made_with_the_first_input_are_counted():
    space = pt.Space(model=nn.Seq(nn.LSTM(5), nn.Linear(2)))

    cost = nn.cost(space.sample(0), (7, 8))

    assert cost.activation_bytes == 4 * (7 * 5 + 7 * 2)


def test_tokens_cost_what_their_vectors_cost():
    space = pt.Space(model=nn.Seq(nn.Embedding(100, 8), nn.Linear(3)))

    cost = nn.cost(space.sample(0), (16,), input_dtype="int64")

    assert cost.params == 100 * 8 + 3 * 9
    assert cost.flops == 2 * 16 * 8 * 3
    assert cost.activation_bytes == 4 * 16 * (8 + 3)


def test_a_type_that_torch_does_not_have_is_refused():
    configuration = pt.Space(model=nn.Linear(3)).sample(0)

    with pytest.raises(ValueError, match="torch has no type 'int63'; let input_dtype be 'float32', 'int64'"):
        nn.cost(configuration, (4,), input_dtype="int63")


class Counted(torch.nn.Module):
    """Notes how often it was made."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_a_configuration_remembers_its_cost_for_each_input():
    configuration = pt.Space(model=nn.Seq(pt.Build(Counted), nn.Linear(3))).sample(0)
    Counted.made = 0

    costs = [nn.cost(configuration, (4,)), nn.cost(configuration, (5,)), nn.cost(configuration.model, (4,))]

    assert [cost.params for cost in costs] == [15, 18, 15]
    assert Counted.made == 2, "the same question was answered twice"


def rich() -> pt.Space:
    """A space with every kind of wiring, each draw of which builds."""
    width = pt.Int(4, 16, step=4)
    conv = pt.Choice(
        conv=nn.Conv2d(width, pt.Choice(1, 3, 5), stride=pt.Int(1, 2), dilation=pt.Int(1, 2)),
        separable=nn.SeparableConv2d(pt.Int(4, 16), pt.Choice(3, 5)),
        depthwise=nn.DepthwiseConv2d(multiplier=pt.Int(1, 2)),
        pool=pt.Choice(max=nn.MaxPool2d(), mean=nn.AvgPool2d(3, stride=1)),
        name="op",
    )
    activation = pt.Choice(nn.ReLU(), nn.SiLU(), nn.Hardswish(), nn.LeakyReLU())
    norm = pt.Maybe(pt.Choice(nn.BatchNorm2d(), nn.GroupNorm(1)))
    block = nn.Residual([conv, nn.MaybeSwap(norm, activation)], mismatch=pt.Choice("project", "pad"), name="block")
    stage = nn.Seq(
        pt.Repeat(block, pt.Int(0, 3)),
        pt.Choice(
            parallel=nn.Parallel(nn.Conv2d(pt.Int(2, 8), 1), pt.Maybe(nn.Conv2d(pt.Int(2, 8), 3)), combine="concat"),
            dense=nn.Dense(pt.Repeat(nn.Conv2d(pt.Int(2, 6)), pt.Int(1, 3))),
        ),
    )
    return pt.Space(model=nn.Seq(pt.Repeat(stage, pt.Int(1, 2)), nn.GlobalAvgPool2d(), nn.Linear(10)))


@pytest.mark.slow
def test_thousands_of_draws_of_a_rich_space_are_measured():
    space = rich()

    for seed in range(2_500):
        cost = nn.cost(space.sample(seed), (3, 16, 16))
        assert cost.params > 0, f"sample {seed} has no parameters"


def test_draws_of_a_rich_space_run_and_cost_what_was_measured():
    space = rich()

    for seed in range(60):
        configuration = space.sample(seed)
        model, cost = materialize(configuration.model.build, (3, 16, 16))
        assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 10), f"sample {seed} puts out another shape"
        assert sum(p.numel() for p in model.parameters()) == cost.params == nn.cost(configuration, (3, 16, 16)).params
