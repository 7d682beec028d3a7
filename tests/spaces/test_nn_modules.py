"""Every recipe: what it puts out, how many parameters it has, and that it can be written down."""

import json

import pytest
import torch

import paretree.spaces as pt
from paretree.spaces import nn
from paretree.spaces.materialize import materialize

IMAGE = (3, 9, 9)
SIGNAL = (3, 9)
SEQUENCE = (9, 8)


def made(node, input_shape, input_dtype="float32", seed=0) -> torch.nn.Module:
    """The model that `node` builds, every size inferred."""
    part = pt.Space(model=nn.Seq(node)).sample(seed).model
    module, cost = materialize(part.build, input_shape, input_dtype)
    assert cost.params == params(module), "the twin on the meta device has other parameters than the model"
    return module


def params(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


LSTM_GATES = 4
GRU_GATES = 3


def recurrent(gates, inputs, features) -> int:
    """Parameters of one direction of one recurrent layer: two matrices and two biases for each gate."""
    return gates * features * (inputs + features + 2)


def transformer(width, ffn) -> int:
    """Parameters of a block: projections of attention, the feed-forward part, two normalisations."""
    return 4 * width * (width + 1) + (2 * width * ffn + ffn + width) + 4 * width


CASES = [
    (nn.Conv1d(6, 3), SIGNAL, (6, 9), 6 * (3 * 3 + 1)),
    (nn.Conv1d(6, 5, stride=2, dilation=2, groups=3, bias=False), SIGNAL, (6, 5), 6 * 5),
    (nn.Conv2d(6, 3, groups=3), IMAGE, (6, 9, 9), 6 * (9 + 1)),
    (nn.DepthwiseConv2d(5), IMAGE, (3, 9, 9), 3 * (25 + 1)),
    (nn.DepthwiseConv2d(3, stride=2, multiplier=2, bias=False), IMAGE, (6, 5, 5), 6 * 9),
    (nn.SeparableConv2d(7, 3), IMAGE, (7, 9, 9), 3 * 9 + 7 * (3 + 1)),
    (nn.SeparableConv2d(7, 5, stride=2, dilation=2, bias=False), IMAGE, (7, 5, 5), 3 * 25 + 7 * 3),
    (nn.MaxPool1d(2), SIGNAL, (3, 5), 0),
    (nn.AvgPool1d(2), SIGNAL, (3, 5), 0),
    (nn.MaxPool1d(3, stride=1), (3, 2), (3, 1), 0),
    (nn.AvgPool1d(3, stride=1), (3, 2), (3, 1), 0),
    (nn.MaxPool2d(3, stride=1), (3, 2, 5), (3, 1, 3), 0),
    (nn.AvgPool2d(3, stride=1), (3, 5, 1), (3, 3, 1), 0),
    (nn.AdaptiveAvgPool2d(4), IMAGE, (3, 4, 4), 0),
    (nn.AdaptiveMaxPool2d(4), IMAGE, (3, 4, 4), 0),
    (nn.GlobalAvgPool1d(), SIGNAL, (3,), 0),
    (nn.GlobalMaxPool2d(), IMAGE, (3,), 0),
    (nn.SequenceMean(), SEQUENCE, (8,), 0),
    (nn.Transpose(), SEQUENCE, (8, 9), 0),
    (nn.BatchNorm1d(), SIGNAL, SIGNAL, 2 * 3),
    (nn.BatchNorm2d(), IMAGE, IMAGE, 2 * 3),
    (nn.LayerNorm(), SEQUENCE, SEQUENCE, 2 * 8),
    (nn.LayerNorm(eps=1e-3), (8,), (8,), 2 * 8),
    (nn.RMSNorm(), SEQUENCE, SEQUENCE, 8),
    (nn.GroupNorm(3), IMAGE, IMAGE, 2 * 3),
    (nn.Dropout1d(0.1), SIGNAL, SIGNAL, 0),
    (nn.Dropout2d(0.1), IMAGE, IMAGE, 0),
    (nn.Sigmoid(), (3,), (3,), 0),
    (nn.ELU(), (3,), (3,), 0),
    (nn.ELU(0.5), (3,), (3,), 0),
    (nn.LeakyReLU(), (3,), (3,), 0),
    (nn.LeakyReLU(0.2), (3,), (3,), 0),
    (nn.Hardswish(), (3,), (3,), 0),
    (nn.Identity(), (3,), (3,), 0),
    (nn.PositionalEmbedding(12), SEQUENCE, SEQUENCE, 12 * 8),
    (nn.SelfAttention(4), SEQUENCE, SEQUENCE, 4 * 8 * 9),
    (nn.SelfAttention(2, dropout=0.1, causal=True), SEQUENCE, SEQUENCE, 4 * 8 * 9),
    (nn.TransformerBlock(4, 20), SEQUENCE, SEQUENCE, transformer(8, 20)),
    (
        nn.TransformerBlock(4, 20, dropout=0.0, activation="relu", norm="post", causal=True),
        SEQUENCE,
        SEQUENCE,
        transformer(8, 20),
    ),
    (nn.LSTM(5), SEQUENCE, (9, 5), recurrent(LSTM_GATES, 8, 5)),
    (nn.LSTM(5, output="last"), SEQUENCE, (5,), recurrent(LSTM_GATES, 8, 5)),
    (
        nn.LSTM(5, 2, bidirectional=True, dropout=0.1),
        SEQUENCE,
        (9, 10),
        2 * recurrent(LSTM_GATES, 8, 5) + 2 * recurrent(LSTM_GATES, 10, 5),
    ),
    (nn.GRU(5), SEQUENCE, (9, 5), recurrent(GRU_GATES, 8, 5)),
    (nn.GRU(5, bidirectional=True, output="last"), SEQUENCE, (10,), 2 * recurrent(GRU_GATES, 8, 5)),
    (nn.Residual(nn.Conv2d(3)), IMAGE, IMAGE, 3 * (27 + 1)),
    (nn.Parallel(nn.Conv2d(4, 1), nn.Conv2d(4, 3)), IMAGE, (4, 9, 9), 4 * 4 + 4 * 28),
    (nn.Parallel(nn.Conv2d(4, 1), nn.Conv2d(2, 3), combine="concat"), IMAGE, (6, 9, 9), 4 * 4 + 2 * 28),
    (nn.Parallel(nn.Linear(4), nn.Linear(2, name="two"), combine="concat"), SEQUENCE, (9, 6), 4 * 9 + 2 * 9),
    (nn.Parallel(nn.Conv1d(4), nn.Conv1d(2), combine="concat", dim=1), SIGNAL, (6, 9), 4 * 10 + 2 * 10),
    (nn.Parallel(), IMAGE, IMAGE, 0),
    (nn.Dense(nn.Conv2d(4), nn.Conv2d(2)), IMAGE, (9, 9, 9), 4 * (27 + 1) + 2 * (63 + 1)),
    (nn.Dense(pt.Repeat(nn.Linear(2), 3)), (4,), (10,), 2 * (5 + 7 + 9)),
    (nn.MaybeSwap(nn.Linear(4), nn.ReLU()), (3,), (4,), 4 * 4),
]


@pytest.mark.parametrize(("node", "shape", "output", "parameters"), CASES, ids=lambda value: str(value)[:80])
def test_a_recipe_has_the_shape_and_the_parameters_counted_by_hand(node, shape, output, parameters):
    model = made(node, shape)

    assert model(torch.zeros(2, *shape)).shape == (2, *output), "another shape than promised"
    assert params(model) == parameters, "another number of parameters than counted by hand"


@pytest.mark.parametrize("node", [case[0] for case in CASES], ids=lambda node: str(node)[:80])
def test_a_recipe_is_written_as_json_and_read_back(node):
    space = pt.Space(model=node)

    again = pt.Space.from_json(json.dumps(space.to_json()))

    assert again.fingerprint == space.fingerprint
    assert repr(again.parts["model"]) == repr(space.parts["model"])


@pytest.mark.parametrize("node", [case[0] for case in CASES], ids=lambda node: str(node)[:80])
def test_no_module_is_open_once_it_is_built(node):
    shape = next(case[1] for case in CASES if case[0] is node)

    model = made(node, shape)

    assert not any(map(torch.nn.parameter.is_lazy, [*model.parameters(), *model.buffers()])), "sizes are still open"


def test_tokens_are_embedded_and_understood():
    model = made(
        [nn.Embedding(50, 8), nn.PositionalEmbedding(16), nn.TransformerBlock(2, 16), nn.SequenceMean(), nn.Linear(3)],
        (16,),
        "int64",
    )

    assert model(torch.randint(0, 50, (4, 16))).shape == (4, 3)
    assert params(model) == 50 * 8 + 16 * 8 + transformer(8, 16) + 3 * 9


def test_causal_attention_does_not_look_ahead():
    for node in (nn.SelfAttention(2, causal=True), nn.TransformerBlock(2, 16, causal=True)):
        model = made(node, SEQUENCE).eval()
        sequence = torch.randn(1, *SEQUENCE)
        changed = sequence.clone()
        changed[:, 5:] += 1.0

        before, after = model(sequence), model(changed)

        assert torch.allclose(before[:, :5], after[:, :5], atol=1e-5), f"{node} saw what comes later"
        assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-5), f"{node} saw nothing at all"


def test_the_last_state_of_both_directions_is_what_each_knows_at_its_end():
    model = made(nn.GRU(5, bidirectional=True, output="last"), SEQUENCE)
    layer = model[0]
    sequence = torch.randn(2, *SEQUENCE)

    last = model(sequence)
    layer.output = "sequence"
    states = model(sequence)

    assert torch.equal(last, torch.cat([states[:, -1, :5], states[:, 0, 5:]], dim=-1))


def test_each_dense_layer_sees_all_before_it():
    model = made(nn.Dense(nn.Linear(2, name="a"), nn.Linear(3, name="b")), (4,))
    dense, x = model[0], torch.randn(5, 4)

    first = dense.a(x)
    second = dense.b(torch.cat([x, first], dim=-1))

    assert torch.equal(model(x), torch.cat([x, first, second], dim=-1))


def test_swapping_changes_the_order_and_nothing_else():
    space = pt.Space(model=nn.MaybeSwap(nn.Linear(pt.Choice(3, 4), name="linear"), nn.Tanh(name="tanh")))
    kept = space.configuration({"model/linear/out_features": 3, "model/swapped": False})
    swapped = space.configuration({"model/linear/out_features": 3, "model/swapped": True})

    one, other = (configuration.model.build((3,)) for configuration in (kept, swapped))

    assert space.count() == 4, "what the two decide is decided once for both orders"
    assert list(one.state_dict()) == list(other.state_dict()) == ["linear.weight", "linear.bias"]
    assert [type(layer).__name__ for layer in one] == ["Linear", "Tanh"]
    assert [type(layer).__name__ for layer in other] == ["Tanh", "Linear"]


def test_absent_branches_are_left_out():
    space = pt.Space(model=nn.Parallel(nn.Linear(3, name="always"), pt.Maybe(nn.Linear(3), name="extra")))

    for there, parameters in ((True, 24), (False, 12)):
        model = space.configuration({"model/extra": there}).model.build((3,))
        assert params(model) == parameters


REFUSED_AT_DEFINITION = [
    (lambda: nn.Conv2d(30, groups=4), "4 groups do not divide 30 channels; choose groups that divide them"),
    (lambda: nn.Conv1d(30, groups=0), "0 groups do not divide 30 channels"),
    (lambda: nn.Residual(nn.ReLU(), mismatch="crop"), "mismatch cannot be 'crop'; use 'project' or 'pad' or 'error'"),
    (lambda: nn.Parallel(nn.ReLU(), combine="mean"), "combine cannot be 'mean'; use 'add' or 'concat'"),
    (lambda: nn.LSTM(3, output="all"), "output cannot be 'all'; use 'sequence' or 'last'"),
    (lambda: nn.TransformerBlock(2, 8, norm=pt.Choice("pre", "none")), "norm cannot be 'none'; use 'pre' or 'post'"),
]


@pytest.mark.parametrize(("define", "message"), REFUSED_AT_DEFINITION, ids=[case[1] for case in REFUSED_AT_DEFINITION])
def test_what_can_never_be_built_is_refused_at_definition(define, message):
    with pytest.raises(pt.SpaceError) as caught:
        define()

    assert message in str(caught.value)


REFUSED_AT_BUILD = [
    (nn.SelfAttention(3), SEQUENCE, "3 heads do not divide the width 8 of the input of a SelfAttention"),
    (nn.TransformerBlock(3, 8), SEQUENCE, "3 heads do not divide the width 8 of the input of a TransformerBlock"),
    (nn.SelfAttention(3), IMAGE, r"A SelfAttention needs a sequence of shape \(length, features\), not .* \(3, 9, 9\)"),
    (nn.PositionalEmbedding(4), SEQUENCE, "A sequence of 9 is longer than the 4 positions"),
    (nn.GroupNorm(2), IMAGE, "2 groups do not divide the 3 channels of the input of a GroupNorm"),
    (nn.Conv2d(4, groups=2), IMAGE, "in_channels must be divisible by groups"),
    (nn.Parallel(nn.Conv2d(4), nn.Conv2d(5)), IMAGE, r"shapes \(4, 9, 9\), \(5, 9, 9\) cannot be added"),
    (nn.Dense(nn.MaxPool2d(2)), IMAGE, r"shapes \(3, 9, 9\), \(3, 5, 5\) cannot be concatenated along dimension 1"),
    (nn.Dense(nn.Linear(3), dim=2), (3,), "dim=2 names no features of a tensor with 2 dimensions; use 1 to 1, or -1"),
]


@pytest.mark.parametrize(("node", "shape", "message"), REFUSED_AT_BUILD, ids=[case[2] for case in REFUSED_AT_BUILD])
def test_what_does_not_fit_its_input_is_refused_in_one_sentence(node, shape, message):
    with pytest.raises(ValueError, match=message):
        made(node, shape)


def test_a_lazy_norm_takes_its_size_from_a_state_dict_too():
    built = made(nn.LayerNorm(), (8,))
    with torch.no_grad():
        built[0].weight.fill_(3.0)
    fresh = pt.Space(model=nn.Seq(nn.LayerNorm())).sample(0).model.build()

    fresh.load_state_dict(built.state_dict())
    fresh(torch.zeros(2, 8))

    assert torch.equal(fresh[0].weight, built[0].weight), "the first input overwrote loaded weights"


def test_names_of_recipes_in_stored_spaces_stay_importable():
    from paretree.spaces.references import resolve

    for node, *_ in CASES:
        assert callable(resolve(node.fn)), f"{node.fn} is gone"
