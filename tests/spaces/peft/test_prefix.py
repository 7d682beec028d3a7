"""Prefixes and prompts: what tokens see of them, and that nothing else of a model or of other models changes."""

import copy

import pytest
import torch
from transformers import BertConfig, BertModel

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.prefix import Prefix
from paretree.spaces.peft.prompt import Prompt

TAKING = ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert", "layoutlm", "modernbert"]
REFUSING = ["mpnet", "deberta-v2"]


def states(model, batch):
    with torch.no_grad():
        return model(**batch, output_hidden_states=True).hidden_states


def last(model, batch):
    return states(model, batch)[-1]


@pytest.mark.parametrize("model_type", TAKING)
def test_only_kept_layers_see_a_prefix(encoder, batch, model_type):
    model = encoder(model_type)
    plain = states(model, batch)
    apply(model, Prefix(3), layers=[False, True, False], seed=0)
    changed = [not torch.equal(*pair) for pair in zip(plain, states(model, batch), strict=True)]
    assert changed[:2] == [False, False], "a layer without a prefix computes something else"
    assert changed[2], "the prefix does nothing"


@pytest.mark.parametrize("model_type", REFUSING)
def test_a_model_whose_attention_bypasses_the_registry_is_refused(encoder, batch, model_type):
    model = encoder(model_type)
    with pytest.raises(
        Unsupported, match=f"Prefix cannot be attached: the attention of the '{model_type}' model bypasses"
    ):
        apply(model, [Serial(4), Prefix(3)])


@pytest.mark.parametrize("model_type", TAKING)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_padding_is_not_seen_beside_a_prefix(encoder, batch, model_type, attention):
    model = encoder(model_type)
    model.set_attn_implementation(attention)
    apply(model, Prefix(3), seed=0)
    short = {name: tensor[1:, :4] for name, tensor in batch.items()}
    assert torch.allclose(last(model, batch)[1, :4], last(model, short)[0], atol=1e-5), (
        "padding changes what tokens are"
    )


def test_the_implementation_of_attention_can_be_changed_afterwards(encoder, batch):
    model = encoder()
    apply(model, Prefix(3), seed=0)
    with_sdpa = last(model, batch)
    model.set_attn_implementation("eager")
    weights = model(**batch, output_attentions=True).attentions
    assert torch.allclose(with_sdpa, last(model, batch), atol=1e-5), "the two implementations differ"
    assert weights[0].shape == (2, 4, 7, 7 + 3), "attention weights should be of the prefix too"


def test_an_implementation_that_takes_no_prefix_is_refused(encoder):
    model = encoder()
    model.config._attn_implementation = "flex_attention"
    with pytest.raises(Unsupported, match="'flex_attention' takes no prefix"):
        apply(model, Prefix(3))


def test_a_prefix_trained_through_an_mlp_is_ejected_without_a_change(encoder, batch):
    model = encoder()
    adapted = apply(model, Prefix(3, bottleneck=8), layers=[True, False, True], seed=0)
    mlp = 3 * 32 + 8 * (32 + 1) + 2 * (8 + 1) * 2 * 32
    assert adapted.trainable_parameters == mlp, "embedding, inner Linear, and one outer Linear for each kept layer"
    before, stored = last(model, batch), adapted.stored_bytes
    adapted.eject()
    assert torch.allclose(before, last(model, batch), atol=1e-6), "eject() changes the outputs"
    assert adapted.trainable_parameters == 2 * 2 * 32 * 3, "keys and values of two layers should be all that is left"
    assert adapted.stored_bytes == stored == 4 * 2 * 2 * 32 * 3, "the MLP should not count as stored"
    assert adapted.methods == (Prefix(3),), "the method should say that it is flat now"
    assert not [name for name in model.state_dict() if "trunk" in name], "the MLP is still in the model"


@pytest.mark.parametrize("bottleneck", [None, 8])
@pytest.mark.parametrize("reentrant", [True, False])
def test_all_of_a_prefix_trains_also_with_checkpointed_layers(encoder, batch, bottleneck, reentrant):
    model = encoder()
    adapted = apply(model, Prefix(3, bottleneck), seed=0)
    model.enable_input_require_grads()
    model.activation_checkpointing_enable({"use_reentrant": reentrant})
    model.train()
    model(**batch).last_hidden_state.square().mean().backward()
    still = [name for name, tensor in adapted.tensors().items() if tensor.grad is None or not tensor.grad.any()]
    assert not still, f"no gradient flows to {still}"


def test_models_that_share_a_config_do_not_share_prefixes(batch):
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, vocab_size=100
    )
    one, other = BertModel(config).eval(), BertModel(config).eval()
    plain = last(other, batch)
    first = apply(one, Prefix(3), seed=0)
    assert torch.equal(plain, last(other, batch)), "a prefix in one model changes another one"
    second = apply(other, Prefix(2), seed=1)
    with_prefix = last(other, batch)
    first.remove()
    assert torch.equal(with_prefix, last(other, batch)), "removing one model's prefix changes another model"
    second.remove()
    assert torch.equal(plain, last(other, batch)), "the model is not what it was"


@pytest.mark.parametrize("bottleneck", [None, 8])
def test_a_deep_copy_has_a_prefix_of_its_own(encoder, batch, bottleneck):
    model = encoder()
    apply(model, Prefix(3, bottleneck), seed=0)
    twin, before = copy.deepcopy(model), last(model, batch)
    for name, parameter in twin.named_parameters():
        if "prefix" in name:
            parameter.data.zero_()
    assert torch.equal(before, last(model, batch)), "the copy shares its prefix with the model"
    assert not torch.equal(before, last(twin, batch)), "the copy still asks the prefix of the model"


def test_a_prefix_follows_a_bfloat16_model(encoder, batch):
    model = encoder().to(torch.bfloat16)
    apply(model, [Prefix(3, bottleneck=8), Parallel(4)], seed=0)
    assert last(model, batch).dtype == torch.bfloat16, "the output has another type"


@pytest.mark.parametrize("model_type", TAKING + REFUSING)
def test_a_prompt_is_seen_by_tokens_and_taken_out_again(encoder, batch, model_type):
    model = encoder(model_type)
    plain = states(model, batch)
    adapted = apply(model, Prompt(3), seed=0)
    prompted = states(model, batch)
    assert [state.shape for state in prompted] == [state.shape for state in plain], (
        "prompt tokens are left in the output"
    )
    assert not torch.allclose(plain[-1], prompted[-1]), "the prompt does nothing"
    width = model.get_input_embeddings().embedding_dim
    assert adapted.trainable_parameters == 3 * width, "a prompt trains one word embedding for each token"


def test_a_prompt_below_a_head_trains_and_leaves_the_first_token_first(encoder, batch):
    model = encoder(headed=True)
    adapted = apply(model, Prompt(3), seed=0)
    model(**batch).logits.square().mean().backward()
    assert model.bert.prompt.embeddings.grad.any(), "no gradient flows to the prompt"
    assert adapted.trainable_parameters == 3 * 32, "the classifier should not count"


def test_a_prompt_is_hidden_from_nobody_by_the_padding_mask(encoder, batch):
    model = encoder()
    apply(model, Prompt(3), seed=0)
    short = {name: tensor[1:, :4] for name, tensor in batch.items()}
    assert torch.allclose(last(model, batch)[1, :4], last(model, short)[0], atol=1e-5), (
        "padding changes what tokens are"
    )


def test_positions_cannot_be_given_with_a_prompt(encoder, batch):
    model = encoder()
    apply(model, Prompt(3), seed=0)
    with pytest.raises(Unsupported, match="A prompt shifts positions"):
        model(**batch, position_ids=torch.arange(7).unsqueeze(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prefix(0), "length of Prefix is 0; give a number above 0."),
        (lambda: Prefix(3, bottleneck=0), "bottleneck of Prefix is 0; give a number above 0."),
        (lambda: Prompt(-1), "length of Prompt is -1; give a number above 0."),
    ],
)
def test_sizes_below_one_are_refused(make, message):
    with pytest.raises(Unsupported) as refused:
        make()
    assert str(refused.value) == message
