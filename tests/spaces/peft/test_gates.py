"""VL-PET's gates: how coarse each is, and that they stand where they should."""

import pytest
import torch

from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.gates import GATES, GatedAdd, granular

X, H, DELTA = torch.randn(3, 2, 5, 8, generator=torch.Generator().manual_seed(0)).unbind()
SHAPES = {"small": (2, 1, 1), "middleX": (2, 5, 1), "middleY": (8,), "large": (2, 5, 8)}


@pytest.mark.parametrize("name", SHAPES)
def test_each_gate_has_its_granularity(name):
    gate = granular(name, 8, 4)
    assert gate.factor(X, H + DELTA).shape == SHAPES[name], f"{name} has another granularity"


@pytest.mark.parametrize("name", SHAPES)
def test_a_gate_multiplies_the_block_and_its_adapter(name):
    gate = granular(name, 8, 4)
    expected = gate.factor(X, H + DELTA) * (H + DELTA)
    assert torch.allclose(H + gate(X, H, DELTA), expected, atol=1e-6), "h' is not factor * (h + delta)"


def test_the_small_gate_is_the_mean_over_tokens():
    gate = granular("small", 8, 4)
    each = torch.sigmoid(gate.factor.weigh(torch.cat([X, H + DELTA], dim=-1)))
    assert torch.allclose(gate.factor(X, H + DELTA).squeeze(), each.mean(dim=(1, 2))), "not one for each sequence"


def test_a_gated_add_moves_from_the_block_to_the_adapter():
    gate = GatedAdd(8)
    gate.weigh.weight.data.zero_()
    ends = []
    for bias in (-50.0, 50.0):
        gate.weigh.bias.data.fill_(bias)
        ends.append(H + gate(X, H, DELTA))
    assert torch.allclose(ends[0], H, atol=1e-6), "a closed gate should leave the block alone"
    assert torch.allclose(ends[1], DELTA, atol=1e-6), "an open gate should leave the adapter alone"


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("method", [Serial, Parallel])
@pytest.mark.parametrize("model_type", ["bert", "modernbert"])
def test_all_of_a_gated_adapter_trains(encoder, batch, gate, method, model_type):
    model = encoder(model_type)
    adapted = apply(model, method(6, gate=gate, gate_width=4, init="bert"), seed=0)
    model(**batch).last_hidden_state.square().mean().backward()
    still = [name for name, tensor in adapted.tensors().items() if tensor.grad is None or not tensor.grad.any()]
    assert not still, f"no gradient flows to {still}"


def test_a_channel_gate_of_ones_changes_nothing(encoder, batch):
    plain, gated = encoder(), encoder()
    apply(plain, Parallel(6, init="bert"), seed=0)
    apply(gated, Parallel(6, init="bert", gate="middleY"), seed=1)
    gated.load_state_dict(plain.state_dict(), strict=False)
    for layer in gated.encoder.layer:
        layer.ffn_junction.parallel.gate.factor.channels.data.zero_()
    with torch.no_grad():
        difference = (plain(**batch).last_hidden_state - gated(**batch).last_hidden_state).abs().max()
    assert difference < 1e-5, f"a factor of 1 for each channel changes the output by {difference}"
