"""What is found in encoders of transformers: the parts of each layer, and what a model can take."""

import logging

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from paretree.spaces.peft import Anatomy, Host, Unsupported, anatomy_of

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 100,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
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
BYPASSING = {"mpnet", "deberta-v2"}
LINEARS = ("query", "key", "value", "output", "ffn_in", "ffn_out")

logging.getLogger("transformers").setLevel(logging.ERROR)


def tiny(model_type):
    own = {"distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 4}, "electra": {"embedding_size": 16}}
    return AutoConfig.for_model(model_type, **SIZES, **own.get(model_type, {}))


def made(model_type, kind=AutoModel):
    with torch.device("meta"):
        return kind.from_config(tiny(model_type))


@pytest.mark.parametrize("model_type", ENCODERS)
def test_each_layer_has_its_parts(model_type):
    model = made(model_type)
    anatomy = Anatomy.of(model)
    assert (anatomy.hidden, anatomy.heads, len(anatomy.layers)) == (32, 4, 3)
    for layer in anatomy.layers:
        for role in LINEARS:
            assert isinstance(model.get_submodule(getattr(layer, role)), nn.Linear), role
        assert anatomy.linear(layer.output) == (32, 32)
        assert anatomy.linear(layer.ffn_in)[0] == anatomy.linear(layer.ffn_out)[1] == 32
        assert len({layer.output, layer.ffn_in, layer.ffn_out, layer.query}) == 4, "four different modules"


@pytest.mark.parametrize("model_type", ENCODERS)
def test_the_norms_that_close_a_block_are_the_ones_that_run_last(model_type):
    model = AutoModel.from_config(tiny(model_type)).eval()
    anatomy = Anatomy.of(model)
    put_out, closed = {}, {}
    for layer in anatomy.layers:
        closing = layer.ffn_norm or layer.name
        model.get_submodule(closing).register_forward_hook(lambda _, __, out, i=layer.index: put_out.update({i: out}))
        whole = model.get_submodule(layer.name)
        whole.register_forward_hook(lambda _, __, out, i=layer.index: closed.update({i: out}))
    with torch.no_grad():
        model(input_ids=torch.arange(1, 9).reshape(1, 8))
    for index in range(3):
        found, expected = (one[index] if torch.is_tensor(one[index]) else one[index][0] for one in (put_out, closed))
        assert torch.equal(found, expected), f"layer {index} puts out something else than its last norm"
    assert anatomy.pre_norm == (model_type == "modernbert")


@pytest.mark.parametrize("model_type", ENCODERS)
def test_prefixes_are_possible_where_attention_asks_the_registry(model_type):
    assert Anatomy.of(made(model_type)).registry_attention == (model_type not in BYPASSING)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_a_head_changes_names_and_nothing_else(model_type):
    model = made(model_type, AutoModelForSequenceClassification)
    headed, bare = Anatomy.of(model), Anatomy.of(model.base_model)
    assert headed.prefix, "the backbone stands below the head"
    assert headed.parameters == bare.parameters
    assert [layer.ffn_out for layer in headed.layers] == [headed.prefix + layer.ffn_out for layer in bare.layers]
    assert set(headed.shapes) <= {name for name, _ in model.named_parameters()}


def test_bert_base_is_known_from_its_config_alone():
    anatomy = Anatomy.of_config(AutoConfig.for_model("bert"))
    assert (anatomy.hidden, len(anatomy.layers), anatomy.parameters) == (768, 12, 109_482_240)


def test_layers_that_are_one_and_the_same_are_told():
    anatomy = Anatomy.of_config(tiny("albert"))
    assert anatomy.shares_layers
    assert len(anatomy.layers) == 1
    assert not Anatomy.of_config(tiny("bert")).shares_layers


def test_projected_embeddings_have_a_width_of_their_own():
    assert Anatomy.of_config(tiny("electra")).embedding_width == 16
    assert Anatomy.of_config(tiny("bert")).embedding_width == 32


@pytest.mark.parametrize("model_type", ["t5", "vit", "gpt2"])
def test_other_models_are_refused_in_one_sentence(model_type):
    with pytest.raises(Unsupported, match=f"The parts of a '{model_type}' model are not known; use an encoder") as told:
        Anatomy.of_config(AutoConfig.for_model(model_type))
    assert str(told.value).count("\n") == 0


def test_what_is_no_model_of_transformers_is_refused():
    with pytest.raises(Unsupported, match="Linear is no model of transformers"):
        Anatomy.of(nn.Linear(2, 2))


def test_a_model_its_config_and_its_anatomy_are_the_same_to_spaces():
    model = made("bert")
    assert anatomy_of(model) == anatomy_of(model.config) == anatomy_of(anatomy_of(model))


def test_looking_at_a_config_leaves_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    Anatomy.of_config(tiny("bert"))
    assert torch.equal(torch.rand(2), expected)


def test_a_host_gives_the_layers_that_are_on():
    model = made("bert")
    host = Host(model, Anatomy.of(model), (True, False, True))
    assert [layer.index for layer in host.kept] == [0, 2]
    host.add(host.kept[1].name, "extra", nn.Identity())
    assert isinstance(model.encoder.layer[2].extra, nn.Identity)


def test_a_host_refuses_other_numbers_of_bits_and_names_that_are_taken():
    model = made("bert")
    anatomy = Anatomy.of(model)
    with pytest.raises(Unsupported, match="2 bits were given for the 3 layers of the 'bert' model; give one for each"):
        Host(model, anatomy, (True, False))
    host = Host(model, anatomy, (True,) * 3)
    with pytest.raises(Unsupported, match="already has a part 'output'"):
        host.add(anatomy.layers[0].name, "output", nn.Identity())
