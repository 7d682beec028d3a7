"""The same hidden states as the library `adapters` has with the same weights, recorded by oracle/make_golden.py."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import BertConfig, BertModel

from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.prefix import Prefix

GOLDEN = Path(__file__).with_name("oracle") / "golden.safetensors"
SOME = (True, False, True)
ALL = (True, True, True)

CASES = {
    "serial": ([Serial(8)], SOME),
    "parallel": ([Parallel(8)], SOME),
    "prefix_flat": ([Prefix(5)], SOME),
    "prefix_mlp": ([Prefix(5, bottleneck=10)], SOME),
    "mam": ([Prefix(3, bottleneck=10), Parallel(4)], ALL),
}


@pytest.fixture(scope="module")
def golden():
    """All recorded tensors, and the sizes of the model."""
    with safe_open(GOLDEN, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["sizes"])  # noqa: SIM118


def below(tensors, start):
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def recorded_model(golden, attention):
    tensors, sizes = golden
    model = BertModel(BertConfig(**sizes, attn_implementation=attention)).eval()
    model.load_state_dict(below(tensors, "model/"))
    return model


def hidden(model, golden):
    with torch.no_grad():
        return model(**below(golden[0], "inputs/")).last_hidden_state


def copy_weights(model, weights):
    """Give our modules the weights that the library's ones have, which are named and laid out otherwise."""
    ours = dict(model.named_parameters())
    for name, tensor in weights.items():
        if ".output.adapters." in name:
            _copy_bottleneck(ours, name, tensor)
    prefix = {name.rpartition("self_prefix.")[2]: tensor for name, tensor in weights.items() if "self_prefix" in name}
    if "wte.weight" in prefix:
        _copy_mlp(model, prefix)
    elif prefix:
        _copy_flat(model, prefix["control_trans"])


def _copy_bottleneck(ours, name, tensor):
    layer, _, part = name.partition(".output.adapters.case.")
    part = {"adapter_down.0": "down", "adapter_up": "up.0"}[part.rpartition(".")[0]] + "." + part.rpartition(".")[2]
    (target,) = [n for n in ours if n.startswith(f"{layer}.ffn_junction.") and n.endswith(f".adapter.{part}")]
    ours[target].data.copy_(tensor)


def _prefixes(model):
    attentions = [layer.attention.self for layer in model.encoder.layer]
    return [attention.prefix for attention in attentions if hasattr(attention, "prefix")]


def _copy_mlp(model, weights):
    model.prefix_trunk.positions.weight.data.copy_(weights["wte.weight"])
    model.prefix_trunk.inner.weight.data.copy_(weights["control_trans.0.weight"])
    model.prefix_trunk.inner.bias.data.copy_(weights["control_trans.0.bias"])
    branches = _prefixes(model)
    parts = zip(
        weights["control_trans.2.weight"].chunk(len(branches)),
        weights["control_trans.2.bias"].chunk(len(branches)),
        strict=True,
    )
    for branch, (matrix, bias) in zip(branches, parts, strict=True):
        branch.outer.weight.data.copy_(matrix)
        branch.outer.bias.data.copy_(bias)


def _copy_flat(model, numbers):
    flats = _prefixes(model)
    _, heads, length, features = flats[0].keys_values.shape
    each = numbers.view(length, 2 * len(flats), heads, features).permute(1, 2, 0, 3).split(2)
    for flat, values in zip(flats, each, strict=True):
        flat.keys_values.data.copy_(values)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_bare_model_is_the_one_that_was_recorded(golden, attention):
    difference = (hidden(recorded_model(golden, attention), golden) - golden[0]["base/hidden"]).abs().max()
    assert difference < 1e-5, f"the models differ by {difference} before any method is attached"


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("case", CASES)
def test_hidden_states_are_those_of_the_library(golden, case, attention):
    tensors, _ = golden
    methods, layers = CASES[case]
    weights = below(tensors, f"{case}/weights/")
    model = recorded_model(golden, attention)
    adapted = apply(model, methods, layers=layers)
    copy_weights(model, weights)
    difference = (hidden(model, golden) - tensors[f"{case}/hidden"]).abs().max()
    assert difference < 1e-5, f"{case}: hidden states differ by {difference}"
    effect = (tensors[f"{case}/hidden"] - tensors["base/hidden"]).abs().max()
    assert effect > 0.1, f"{case} was recorded with weights that do nothing"
    assert adapted.trainable_parameters == sum(tensor.numel() for tensor in weights.values()), (
        "there are other numbers to train than in the library"
    )


@pytest.mark.parametrize("case", ["prefix_mlp", "mam"])
def test_an_ejected_prefix_gives_the_librarys_hidden_states(golden, case):
    tensors, _ = golden
    methods, layers = CASES[case]
    model = recorded_model(golden, "sdpa")
    adapted = apply(model, methods, layers=layers)
    copy_weights(model, below(tensors, f"{case}/weights/"))
    adapted.eject()
    difference = (hidden(model, golden) - tensors[f"{case}/hidden"]).abs().max()
    assert difference < 1e-5, f"{case}: after eject() hidden states differ by {difference}"
