"""The unified view: known adapters are points of it, and all its points are adapters."""

import itertools

import pytest
import torch

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.free_form import COMPOSITIONS, INSERTIONS, NORMS, FreeForm
from paretree.spaces.peft.junction import REPRESENTATIONS
from paretree.spaces.peft.prefix import Prefix

POINTS = list(itertools.product(["relu", "softmax", "none"], REPRESENTATIONS, INSERTIONS, COMPOSITIONS, NORMS))

SAME = [
    ([Serial(6)], [FreeForm(6, insertion="sequential", init="bert")]),
    ([Parallel(6)], [FreeForm(6, composition="scaled", scale=4.0)]),
    ([Prefix(3, 8), Parallel(6)], [Prefix(3, 8), FreeForm(6, composition="scaled", scale=4.0)]),
]


def last(model, batch):
    with torch.no_grad():
        return model(**batch).last_hidden_state


@pytest.mark.parametrize("model_type", ["bert", "modernbert"])
@pytest.mark.parametrize(("known", "free"), SAME, ids=["serial", "parallel", "mam"])
def test_known_adapters_are_points_of_the_free_form(encoder, batch, model_type, known, free):
    one, other = encoder(model_type), encoder(model_type)
    apply(one, known, seed=0)
    apply(other, free, seed=1)
    for parameter in one.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.3)
    renamed = {name.replace("serial", "free_form").replace("parallel", "free_form") for name in one.state_dict()}
    assert renamed == set(other.state_dict()), "the modules are not the same"
    values = {n.replace("serial", "free_form").replace("parallel", "free_form"): t for n, t in one.state_dict().items()}
    other.load_state_dict(values)
    assert torch.equal(last(one, batch), last(other, batch)), "with the same weights they compute something else"


@pytest.mark.parametrize("model_type", ["bert", "distilbert", "modernbert", "deberta-v2"])
def test_every_point_is_an_adapter_that_trains(encoder, batch, model_type):
    for form, representation, insertion, composition, ln in POINTS:
        method = FreeForm(6, form, representation, insertion, composition, ln=ln, init="bert")
        model = encoder(model_type, num_hidden_layers=1, n_layers=1)
        plain = last(model, batch)
        adapted = apply(model, method, seed=0)
        model(**batch).last_hidden_state.square().mean().backward()
        assert not torch.allclose(plain, last(model, batch), atol=1e-7), f"{method} does nothing"
        still = [name for name, tensor in adapted.tensors().items() if tensor.grad is None or not tensor.grad.any()]
        assert not still, f"{method}: no gradient flows to {still}"


@pytest.mark.parametrize("model_type", ["roberta", "electra", "distilbert", "mpnet", "deberta-v2", "modernbert"])
def test_adapters_of_both_blocks_go_together(encoder, batch, model_type):
    model = encoder(model_type)
    plain = last(model, batch)
    adapted = apply(model, [FreeForm(6, representation="attn"), Parallel(5), Serial(4)], seed=0)
    assert not torch.equal(plain, last(model, batch)), "the adapters do nothing"
    adapted.remove()
    assert torch.equal(plain, last(model, batch)), "the model is not what it was"


def test_an_adapter_beside_attention_is_the_written_out_formula(encoder):
    model = encoder()
    apply(model, FreeForm(6, representation="attn", init="bert"), seed=0)
    layer, x = model.encoder.layer[0], torch.randn(2, 7, 32)
    adapter = layer.attn_junction.free_form.adapter
    with torch.no_grad():
        h = layer.attention.output.dense(layer.attention.self(x)[0])
        expected = layer.attention.output.LayerNorm.forward(h + x + adapter.up[0](torch.relu(adapter.down(x))))
        assert torch.allclose(layer.attention(x)[0], expected, atol=1e-6), "the block is not LN(h + x + delta(x))"


def test_the_scale_counts_in_the_scaled_composition_only(encoder):
    added, scaled = encoder(), encoder()
    apply(added, FreeForm(6, scale=8.0), seed=0)
    apply(scaled, FreeForm(6, composition="scaled", scale=8.0), seed=0)
    scales = [model.encoder.layer[0].ffn_junction.free_form.adapter.scale for model in (added, scaled)]
    assert scales == [1.0, 8.0], "the plain addition should not be scaled"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "cubic"}, "form of FreeForm is 'cubic'; give one of relu, "),
        ({"representation": "head"}, "representation of FreeForm is 'head'; give one of attn, ffn."),
        ({"insertion": "beside"}, "insertion of FreeForm is 'beside'; give one of sequential, parallel."),
        ({"composition": "times"}, "composition of FreeForm is 'times'; give one of add, scaled, gated."),
        ({"ln": "both"}, "ln of FreeForm is 'both'; give one of none, in, out."),
    ],
)
def test_what_is_no_point_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(Unsupported) as refused:
        FreeForm(6, **arguments)
    assert str(refused.value).startswith(message), refused.value
