"""The space over many families of fine-tuning methods."""

import json
import logging
import random

import pytest
from transformers import AutoConfig

from paretree.spaces import ConfigurationError, Space
from paretree.spaces.peft import FAMILIES, Anatomy, Unsupported, peft_space
from paretree.spaces.peft.families import middle, usual_rate
from paretree.spaces.peft.ranks import free, graded, uniform
from paretree.spaces.peft.superset import window

TINY = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}


def anatomy(model_type="bert"):
    return Anatomy.of_config(AutoConfig.for_model(model_type, **TINY, pad_token_id=0))


@pytest.fixture(scope="module")
def everything():
    return peft_space(anatomy(), tuple(FAMILIES))


def test_every_draw_can_be_built(everything):
    draw = random.Random(0)
    for _ in range(300):
        built = everything.sample(draw).build()
        assert any(method is not None for method in built["methods"].values())
        assert any(built["layers"])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_alone_is_always_there(family):
    draw, space = random.Random(0), peft_space(anatomy(), (family,))
    for _ in range(50):
        (method,) = space.sample(draw).build()["methods"].values()
        assert method.supports(anatomy()) is None, "what is drawn fits the model"


def test_methods_are_needed_unless_the_head_alone_may_be_trained():
    families = ("serial", "lora")
    none = {"methods/serial": False, "methods/weights": "none", "layers/0": True, "layers/1": False, "layers/2": False}
    training = {"lr": 1e-3, "batch_size": 16, "warmup": 0.0, "weight_decay": 0.0}
    with pytest.raises(ConfigurationError, match="at least one method"):
        peft_space(anatomy(), families).configuration(none | training)
    assert peft_space(anatomy(), families, head_only=True).contains(none | training)


def test_the_learning_rate_follows_the_most_delicate_family_that_is_on():
    space = peft_space(anatomy(), ("serial", "prefix", "lora", "full"))
    lr = next(slot for slot in space.slots if slot.path == "lr")

    def center(serial, prefix, weights):
        decided = {"methods/serial": serial, "methods/prefix": prefix, "methods/weights": weights}
        return space.believed(lr, decided).prior.number

    assert center(False, True, "none") == pytest.approx(middle((1e-3, 3e-2)))
    assert center(True, True, "none") == pytest.approx(middle((1e-4, 3e-3)))
    assert center(False, True, "full") == pytest.approx(middle((1e-5, 1e-4)))
    assert usual_rate("weights", "vera") == pytest.approx(middle((1e-3, 2e-2)))


def test_budgets_are_fidelities_and_no_decisions(everything):
    configuration = everything.sample(0)
    assert set(everything.fidelities) == {"epochs", "data"}
    assert configuration.at(epochs=2, data=0.1).key == configuration.key


def test_ranks_grow_with_depth_as_widths_do_in_openelm():
    assert graded(3, 8, 0.5, 2.0, ("query",), most=32) == ({"query": 4}, {"query": 10}, {"query": 16})
    assert graded(2, 1, 0.25, 4.0, ("value",), most=2) == ({"value": 1}, {"value": 2}), "at least 1, at most `most`"
    assert uniform(2, 4, ("key",)) == ({"key": 4},) * 2
    assert free({"key": 0, "value": 2}, {"key": 0, "value": 0}) == ({"value": 2}, {})


def test_a_window_takes_every_so_many_layers():
    assert window(6, 1, 5, 2) == [False, True, False, True, False, True]
    space = peft_space(anatomy(), ("serial",), layers="window")
    draw = random.Random(0)
    assert all(any(space.sample(draw).build()["layers"]) for _ in range(100))


def test_dimensions_that_a_model_cannot_take_are_left_out_with_one_message_each(caplog):
    with caplog.at_level(logging.WARNING, "paretree"):
        space = peft_space(anatomy("deberta-v2"), ("serial", "prefix"))
    assert list(space.sample(0).build()["methods"]) == ["serial"]
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == ["prefix is left out of the space"]


def test_layers_that_are_one_and_the_same_get_no_bits(caplog):
    config = AutoConfig.for_model("albert", **TINY, pad_token_id=0)
    with caplog.at_level(logging.WARNING, "paretree"):
        space = peft_space(config, ("lora",))
    assert "layers/0" not in space.sample(0).values
    assert "all layers of a 'albert' model are one and the same" in caplog.text


def test_a_model_that_can_take_nothing_is_refused():
    with pytest.raises(Unsupported, match="A 'mpnet' model can take none of prefix"):
        peft_space(anatomy("mpnet"), ("prefix",))


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="no family 'adapter' of methods; use some of serial"):
        peft_space(anatomy(), ("adapter",))
    with pytest.raises(ValueError, match="mask of layers cannot be 'all'; use 'bits' or 'window'"):
        peft_space(anatomy(), layers="all")


def test_it_is_stored_and_read_back(everything):
    assert Space.from_json(json.loads(json.dumps(everything.to_json()))) == everything
