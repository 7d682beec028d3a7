"""Methods made real: what trains, what it costs, and that the model comes back as it was."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig

from paretree.spaces import Maybe, Space
from paretree.spaces.build import Build
from paretree.spaces.peft import Anatomy, Unsupported, autopeft, size
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.free_form import FreeForm
from paretree.spaces.peft.lora import LoRA
from paretree.spaces.peft.prefix import Prefix
from paretree.spaces.peft.prompt import Prompt

EVERYTHING = [Serial(6), Parallel(5), Prefix(3, bottleneck=8), FreeForm(4, representation="attn"), Prompt(2)]


def outputs(model, batch):
    with torch.no_grad():
        return model(**batch)[0]


def train(model, batch):
    """One step that changes all that trains."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model(**batch)[0].square().mean().backward()
    optimizer.step()


def flags(model):
    return {name: parameter.requires_grad for name, parameter in model.named_parameters()}


def test_only_methods_and_the_head_train(encoder):
    model = encoder(headed=True)
    old = set(flags(model))
    apply(model, EVERYTHING, seed=0)
    trained = {name for name, on in flags(model).items() if on}
    assert {name for name in trained if name in old} == {"classifier.weight", "classifier.bias"}, "the backbone trains"
    assert {name for name in flags(model) if name not in old} <= trained, "a method does not train"


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert", "modernbert"])
def test_removing_gives_back_the_model_to_the_last_bit(encoder, batch, model_type):
    model = encoder(model_type, headed=True)
    before = copy.deepcopy(model)
    adapted = apply(model, EVERYTHING, layers=[True, False, True], seed=0)
    train(model, batch)
    assert not torch.equal(outputs(before, batch), outputs(model, batch)), "the methods do nothing"
    assert adapted.remove() is model, "the same model should be given back"
    assert torch.equal(outputs(before, batch), outputs(model, batch)), "the outputs are not what they were"
    assert list(before.state_dict()) == list(model.state_dict()), "modules are left behind"
    assert flags(before) == flags(model), "what trains is not what it was"
    hooks = [name for name, part in model.named_modules() if part._forward_hooks or part._forward_pre_hooks]
    assert not hooks, f"hooks are left behind in {hooks}"
    apply(model, EVERYTHING, seed=0)


def test_a_configuration_is_applied_as_it_says(encoder):
    model = encoder()
    space = autopeft(model)
    chosen = space.configuration(
        {
            "methods/serial/width": 8,
            "methods/parallel/width": 0,
            "methods/prefix/length": 1,
            "layers/0": True,
            "layers/1": False,
            "layers/2": True,
        }
    )
    adapted = apply(model, chosen)
    assert adapted.methods == (Serial(8), Prefix(1, bottleneck=800)), "0 should mean that there is none"
    assert adapted.layers == (True, False, True), "the bits of layers are not those of the configuration"
    assert adapted.percent == pytest.approx(100 * 2 * 32 * (8 + 1) * 2 / adapted.anatomy.parameters)
    adapted.remove()
    assert apply(model, chosen, layers=[True] * 3).layers == (True,) * 3, "layers given by hand should come first"


def test_a_space_written_by_hand_is_applied_too(encoder):
    space = Space(methods=[Maybe(Build(Serial, 4)), Build(Parallel, width=5)])
    for configuration in space.enumerate():
        adapted = apply(encoder(), configuration)
        assert adapted.methods[-1] == Parallel(5), "a list of methods should be read"
        assert adapted.layers == (True,) * 3, "without a part 'layers' all of them are meant"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_what_is_attached_is_what_was_foretold(encoder, batch, seed):
    model = encoder()
    plain = outputs(model, batch)
    configuration = autopeft(Anatomy.of(model)).sample(seed)
    adapted = apply(model, configuration, seed=seed)
    foretold = size(configuration, adapted.anatomy)
    told = (adapted.trainable_parameters, adapted.percent, adapted.stored_bytes)
    assert told == (foretold.trainable, foretold.percent, foretold.stored_bytes), "the sizes are not those foretold"
    adapted.eject()
    assert adapted.stored_bytes == foretold.stored_bytes, "eject() changes what is stored"
    assert torch.equal(plain, outputs(adapted.remove(), batch)), "the model is not what it was"


@pytest.mark.parametrize(
    ("methods", "percent"),
    [
        ([Prefix(10)], 0.168),
        ([Serial(48)], 0.808),
        ([Parallel(384)], 6.465),
        ([Parallel(384), Prefix(30, bottleneck=800)], 6.970),
    ],
)
def test_percentages_for_bert_base_are_autopefts(methods, percent):
    from transformers import AutoModel

    with torch.device("meta"):
        adapted = apply(AutoModel.from_config(BertConfig()), methods)
    assert adapted.percent == pytest.approx(percent, abs=5e-4), "AutoPEFT's formula gives another percentage"


def test_weights_follow_the_seed_and_nothing_else_does(encoder):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second, third = (apply(encoder(), EVERYTHING, seed=seed).tensors() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first), "the same seed gives other weights"
    assert not all(torch.equal(first[name], third[name]) for name in first), "another seed gives the same weights"
    assert torch.equal(state, torch.get_rng_state()), "a given seed should leave the global generator alone"


def test_new_modules_are_in_the_mode_of_the_model(encoder):
    for training in (True, False):
        model = encoder().train(training)
        apply(model, [*EVERYTHING, LoRA(4, dropout=0.5)], seed=0)
        assert {part.training for part in model.modules()} == {training}, "some modules are in another mode"


def test_a_model_with_methods_takes_no_more(encoder):
    model = encoder()
    apply(model, Serial(4))
    with pytest.raises(Unsupported, match="The model has methods already"):
        apply(model, Parallel(4))


def test_when_a_method_is_refused_the_model_is_as_before(encoder, batch):
    model = encoder("mpnet")
    plain, before = outputs(model, batch), flags(model)
    with pytest.raises(Unsupported, match="Prefix cannot be attached"):
        apply(model, [Serial(4), Prefix(3)])
    assert flags(model) == before, "what trains is not what it was"
    assert torch.equal(plain, outputs(model, batch)), "the model is not what it was"
    apply(model, Serial(4))


def test_what_is_no_method_is_refused(encoder):
    with pytest.raises(Unsupported, match="'serial' is no fine-tuning method"):
        apply(encoder(), ["serial"])
    with pytest.raises(Unsupported, match="2 bits were given for the 3 layers"):
        apply(encoder(), Serial(4), layers=[True, False])
    with pytest.raises(Unsupported, match="The configuration has no part 'methods'"):
        apply(encoder(), Space(lr=1).sample(0))


def test_adapters_cannot_be_merged(encoder, batch):
    model = encoder()
    adapted = apply(model, [LoRA(4), Serial(4)], seed=0)
    before = outputs(model, batch)
    with pytest.raises(Unsupported, match=r"Serial is no change of the model's weights, so it cannot be merged"):
        adapted.merge()
    assert torch.equal(before, outputs(model, batch)), "a refused merge changes the model"


def test_a_merged_model_is_a_plain_one(encoder, batch):
    model = encoder()
    names = list(model.state_dict())
    adapted = apply(model, LoRA(4), seed=0)
    train(model, batch)
    before = outputs(model, batch)
    merged = adapted.merge()
    assert torch.allclose(before, outputs(merged, batch), atol=1e-5), "merge() changes the outputs"
    assert list(merged.state_dict()) == names, "modules are left behind"
    for off in (adapted.remove, adapted.merge, adapted.tensors):
        with pytest.raises(Unsupported, match="The methods are off the model already"):
            off()


def test_names_can_be_said_to_belong_to_the_head(encoder):
    model = encoder()
    adapted = apply(model, Serial(4), head=["pooler"])
    assert model.pooler.dense.weight.requires_grad, "what belongs to the head should train as it did"
    assert adapted.trainable_parameters == 3 * (2 * 4 * 32 + 4 + 32), "the head counts"


def test_an_adapted_model_is_copied_whole(encoder, batch):
    adapted = apply(encoder(), EVERYTHING, seed=0)
    twin = copy.deepcopy(adapted)
    before = outputs(adapted.model, batch)
    twin.remove()
    assert torch.equal(before, outputs(adapted.model, batch)), "removing from the copy changes the original"
    assert torch.equal(outputs(encoder(), batch), outputs(twin.model, batch)), "the copy is not what the model was"
