"""Serial and parallel adapters: what they compute, where they stand, and that they leave everything else alone."""

import copy

import pytest
import torch

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Bottleneck, Parallel, Serial

ENCODERS = [
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
    "distilbert",
    "layoutlm",
    "modernbert",
    "mpnet",
    "deberta-v2",
]


def states(model, batch):
    with torch.no_grad():
        return model(**batch, output_hidden_states=True).hidden_states


def scatter(model):
    """Give everything that trains values that matter."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))


def test_serial_and_parallel_together_are_autopefts_formula(encoder):
    model = encoder("bert")
    apply(model, [Serial(6), Parallel(5)], seed=0)
    scatter(model)
    layer, before = model.encoder.layer[1], torch.randn(2, 7, 32)
    with torch.no_grad():
        got = layer(before)
        x = layer.attention(before)[0]
        h = layer.output.dense(layer.intermediate(x))
        norm, junction = layer.output.LayerNorm.forward, layer.ffn_junction
        serial, parallel = junction.serial.adapter, junction.parallel.adapter

        def inside(adapter, read):
            return adapter.up[0](torch.relu(adapter.down(read)))

        expected = norm(h + x + inside(serial, norm(h + x)) + 4 * inside(parallel, x))
    assert torch.allclose(got, expected, atol=1e-6), "the layer is not LN(h + x + SA(LN(h + x)) + 4 PA(x))"


def test_a_pre_ln_block_gets_the_adapters_at_its_output(encoder):
    model = encoder("modernbert")
    apply(model, [Serial(6), Parallel(5)], seed=0)
    scatter(model)
    layer, x = model.layers[1], torch.randn(2, 7, 32)
    with torch.no_grad():
        h = layer.mlp.forward(x)
        junction = layer.ffn_junction
        expected = h + junction.serial.adapter(h) + junction.parallel.adapter(x)
        assert torch.allclose(layer.mlp(x), expected, atol=1e-6), "the block is not h + SA(h) + 4 PA(x)"


@pytest.mark.parametrize("model_type", ENCODERS)
@pytest.mark.parametrize("method", [Serial(6), Parallel(6, init="bert")])
def test_only_kept_layers_change(encoder, batch, model_type, method):
    model = encoder(model_type)
    plain = states(model, batch)
    apply(model, method, layers=[False, True, False], seed=0)
    scatter(model)
    changed = [not torch.equal(*pair) for pair in zip(plain, states(model, batch), strict=True)]
    assert changed[:2] == [False, False], "a layer without an adapter computes something else"
    assert changed[2], "the adapter does nothing"


@pytest.mark.parametrize("model_type", ENCODERS)
def test_a_parallel_adapter_does_nothing_at_the_start(encoder, batch, model_type):
    model = encoder(model_type)
    plain = states(model, batch)[-1]
    apply(model, Parallel(6), seed=0)
    assert torch.equal(plain, states(model, batch)[-1]), "its upper matrix should start as zeros"


def test_the_order_of_methods_does_not_matter(encoder, batch):
    one, other = encoder(), encoder()
    apply(one, [Serial(6), Parallel(5)], seed=0)
    apply(other, [Parallel(5), Serial(6)], seed=1)
    scatter(one)
    other.load_state_dict(one.state_dict())
    difference = (states(one, batch)[-1] - states(other, batch)[-1]).abs().max()
    assert difference < 1e-5, f"attached the other way round, the outputs differ by {difference}"


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("model_type", ["bert", "modernbert"])
def test_gradients_are_the_same_with_checkpointed_layers(encoder, batch, model_type, reentrant):
    gradients = []
    for checkpointed in (False, True):
        model = encoder(model_type)
        apply(model, [Serial(6), Parallel(5)], seed=0)
        scatter(model)
        model.enable_input_require_grads()
        if checkpointed:
            model.activation_checkpointing_enable({"use_reentrant": reentrant})
        model.train()
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        model(**batch).last_hidden_state.square().mean().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
        copy.deepcopy(model)
    plain, checkpointed = gradients
    assert plain, "nothing has a gradient"
    for name, gradient in plain.items():
        assert torch.allclose(gradient, checkpointed[name], atol=1e-5), f"the gradient of {name} differs"


def test_a_deep_copy_has_adapters_of_its_own(encoder, batch):
    model = encoder()
    apply(model, [Serial(6), Parallel(5)], seed=0)
    scatter(model)
    twin = copy.deepcopy(model)
    before = states(model, batch)[-1]
    assert torch.equal(before, states(twin, batch)[-1]), "the copy computes something else"
    for name, parameter in twin.named_parameters():
        if "junction" in name:
            parameter.data.zero_()
    assert torch.equal(before, states(model, batch)[-1]), "the copy shares its adapters with the model"
    assert not torch.equal(before, states(twin, batch)[-1]), "the copy still asks the adapters of the model"


def test_adapters_have_the_type_of_their_layer(encoder, batch):
    model = encoder().to(torch.bfloat16)
    adapted = apply(model, [Serial(6), Parallel(5)], seed=0)
    kinds = {tensor.dtype for tensor in adapted.tensors().values()}
    assert kinds == {torch.bfloat16}, f"in a bfloat16 model adapters are {kinds}"
    assert states(model, batch)[-1].dtype == torch.bfloat16, "the output has another type"


def test_heads_each_write_their_own_features():
    adapter = Bottleneck(8, 4, "relu", "bert", heads=2)
    adapter.up[1].weight.data.zero_()
    changed = adapter(torch.randn(1, 3, 8)).abs().sum(dim=(0, 1)) > 0
    assert changed.tolist() == [True] * 4 + [False] * 4, "the first head should write the first half of the features"
    parts = [adapter.down.weight.numel(), *(up.weight.numel() for up in adapter.up)]
    assert parts == [8 * 4, 2 * 4, 2 * 4], f"two heads halve the upper matrix, not {parts}"


def test_a_learned_scale_starts_at_one_and_trains(encoder):
    adapted = apply(encoder(), Parallel(6, scale="learned"), seed=0)
    scales = [tensor for name, tensor in adapted.tensors().items() if name.endswith("scale")]
    assert [scale.item() for scale in scales] == [1.0] * 3, "one scale for each layer, which starts at 1"
    assert all(scale.requires_grad for scale in scales), "the scale does not train"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width of Serial is 0; give a number above 0."),
        ({"width": 6, "activation": "rely"}, "activation of Serial is 'rely'; give one of relu, "),
        ({"width": 6, "init": "xavier"}, "init of Serial is 'xavier'; give one of bert, lora."),
        ({"width": 6, "heads": 4}, "The 4 heads of Serial do not divide its width 6; give a divisor of it."),
        ({"width": 6, "scale": "free"}, "scale of Serial is 'free'; give one of learned."),
        ({"width": 6, "gate": "huge"}, "gate of Serial is 'huge'; give one of none, small, "),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(Unsupported) as refused:
        Serial(**arguments)
    assert str(refused.value).startswith(message), refused.value


def test_two_of_a_kind_are_refused_and_the_model_stays_as_it_was(encoder, batch):
    model = encoder()
    plain, names = states(model, batch)[-1], list(model.state_dict())
    with pytest.raises(Unsupported, match="There are two 'serial' adapters for one block"):
        apply(model, [Serial(6), Serial(3)])
    assert list(model.state_dict()) == names, "the refused adapters are still in the model"
    assert torch.equal(plain, states(model, batch)[-1]), "the refused adapters still compute"


def test_a_model_that_computes_in_chunks_is_refused(encoder):
    with pytest.raises(Unsupported, match="chunk_size_feed_forward=0"):
        apply(encoder(chunk_size_feed_forward=2), Parallel(6))


def test_heads_that_do_not_divide_the_features_are_refused(encoder):
    with pytest.raises(Unsupported, match="3 heads do not divide the 32 features"):
        apply(encoder(), Parallel(6, heads=3))
