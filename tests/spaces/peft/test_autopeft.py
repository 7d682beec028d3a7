"""AutoPEFT's space is what its paper and code say."""

import json
import logging
import random
from itertools import pairwise

import pytest
import torch
from transformers import AutoConfig, AutoModel

from paretree.spaces import ConfigurationError, Space
from paretree.spaces.peft import Anatomy, Unsupported, autopeft, autopeft_space
from paretree.spaces.peft.autopeft import sizes

BASE = AutoConfig.for_model("bert")
LARGE = AutoConfig.for_model(
    "bert", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
)


def values(serial=0, parallel=0, prefix=0, layers=()):
    """Decisions of the space of BERT-base."""
    modules = {
        "methods/serial/width": serial,
        "methods/parallel/width": parallel,
        "methods/prefix/length": prefix,
    }
    return modules | {f"layers/{index}": index in layers for index in range(12)}


def test_bert_base_has_the_published_number_of_configurations():
    space = autopeft(BASE)
    everything = 1
    for slot in space.slots:
        everything *= slot.domain.size
    assert everything == 11**3 * 2**12 == 5_451_776, "with those that are not valid"
    assert space.count() == (11**3 - 1) * (2**12 - 1) == 5_446_350, "valid ones"


def test_bert_large_is_counted_exactly_too():
    space = autopeft(LARGE)
    assert space.count() == (11**3 - 1) * (2**24 - 1)
    last = space.count() - 1
    assert space.rank(space.unrank(last)) == last
    assert len(space.slots) == 27, "as many integers as in the released code"


def test_sizes_are_the_hidden_size_halved_eight_times_then_one_and_none():
    assert sizes(768) == (0, 1, 3, 6, 12, 24, 48, 96, 192, 384, 768)
    assert sizes(1024) == (0, 1, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    assert sizes(384) == (0, 1, 3, 6, 12, 24, 48, 96, 192, 384), "a size that appears twice counts once"


def test_at_least_one_module_and_one_layer_are_needed():
    space = autopeft(BASE)
    assert space.contains(values(serial=48, layers=[3]))
    with pytest.raises(ConfigurationError, match="at least one layer"):
        space.configuration(values(serial=48))
    with pytest.raises(ConfigurationError, match="at least one module"):
        space.configuration(values(layers=[3]))


def test_modules_are_built_as_the_released_code_builds_them():
    from paretree.spaces.peft.bottleneck import Parallel, Serial
    from paretree.spaces.peft.prefix import Prefix

    built = autopeft(BASE).configuration(values(serial=48, parallel=96, prefix=6, layers=[0, 11])).build()
    assert built["methods"] == {
        "serial": Serial(48, activation="relu", init="bert", scale=1.0),
        "parallel": Parallel(96, activation="relu", init="lora", scale=4.0),
        "prefix": Prefix(6, bottleneck=800),
    }
    assert built["layers"] == [True, *[False] * 10, True]


def test_a_size_of_zero_is_no_module():
    built = autopeft(BASE).configuration(values(prefix=1, layers=[5])).build()["methods"]
    assert (built["serial"], built["parallel"]) == (None, None)


def test_training_is_as_in_the_released_code():
    configuration = autopeft(BASE).sample(0)
    assert (configuration.lr, configuration.batch_size, configuration.max_length) == (1e-4, 32, 128)
    assert (configuration.patience, configuration.warmup, configuration.weight_decay) == (10, 0.0, 0.0)
    assert configuration.epochs == 20
    assert configuration.at(epochs=1).epochs == 1


def test_encodings_go_by_the_order_of_the_sizes():
    space = autopeft(BASE)
    rising = [space.encode(space.configuration(values(serial=one, prefix=1, layers=[0])))[0] for one in sizes(768)]
    steps = {round(after - before, 9) for before, after in pairwise(rising)}
    assert len(steps) == 1, "each halving is one step of the same size"
    assert steps.pop() > 0


def test_random_draws_are_valid_and_reach_every_size():
    space, draw = autopeft(BASE), random.Random(0)
    drawn = [space.sample(draw) for _ in range(400)]
    assert all(space.contains(one) for one in drawn)
    assert {one["methods/serial/width"] for one in drawn} == set(sizes(768))


def test_it_is_stored_and_read_back():
    space = autopeft_space(768, 12)
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert again.count() == 5_446_350


def test_a_model_its_config_and_its_anatomy_have_the_same_space():
    config = AutoConfig.for_model("bert", hidden_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=50)
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    assert autopeft(model) == autopeft(config) == autopeft(Anatomy.of(model))


def test_what_a_model_cannot_take_is_left_out_with_a_message(caplog):
    config = AutoConfig.for_model("mpnet", hidden_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=50)
    with caplog.at_level(logging.WARNING, "paretree"):
        space = autopeft(config)
    assert list(space.sample(0).build()["methods"]) == ["serial", "parallel"]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("prefix is left out of the space: the attention of the 'mpnet' model")


def test_a_model_of_one_layer_repeated_is_refused():
    config = AutoConfig.for_model("albert", hidden_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=50)
    with pytest.raises(Unsupported, match="All layers of a 'albert' model are one and the same"):
        autopeft(config)
