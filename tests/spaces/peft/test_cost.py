"""Sizes that are told before training are those that methods really have."""

import logging
import math
import random
import time

import pytest
from transformers import AutoConfig, AutoModelForSequenceClassification

from paretree.spaces import Space
from paretree.spaces.peft import FAMILIES, Anatomy, Unsupported, autopeft, peft_space, size
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.full import BitFit, FullFineTuning, LayerNormTuning
from paretree.spaces.peft.lora import LoRA
from paretree.spaces.peft.prefix import Prefix

logging.getLogger("transformers").setLevel(logging.ERROR)

BASE = Anatomy.of_config(AutoConfig.for_model("bert"))
TINY = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}


@pytest.fixture(scope="module", params=["bert", "modernbert"])
def model(request):
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(request.param, **TINY, pad_token_id=0))


@pytest.mark.parametrize(
    ("methods", "percent"),
    [
        ([Prefix(10)], 0.168),
        ([LoRA(8, 8, targets=("query", "value"))], 0.269),
        ([Serial(48)], 0.808),
        ([Serial(48), Prefix(10), LoRA(8, 8, targets=("query", "value"))], 1.245),
        ([Parallel(384)], 6.465),
        ([Parallel(384), Prefix(30)], 6.970),
    ],
    ids=["prefix", "LoRA", "serial", "UniPELT", "parallel", "MAM"],
)
def test_percentages_of_bert_base_are_the_published_ones(methods, percent):
    assert size(methods, BASE).percent == pytest.approx(percent, abs=9e-4), "some were rounded, some cut"


def test_the_largest_configuration_of_autopeft_has_the_cost_that_its_formula_gives():
    largest = [Serial(768), Parallel(768), Prefix(768, bottleneck=800)]
    assert size(largest, BASE).percent == pytest.approx(100 * 2 * 768 * 3 * 768 * 12 / 109_482_240)


def test_a_prefix_stores_little_of_what_it_trains():
    """The numbers of a prefix of length 6 in 4 of the 6 layers of MiniLM, measured."""
    config = AutoConfig.for_model(
        "bert", hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    found = size(Prefix(6, bottleneck=800), Anatomy.of_config(config), [False, False, True, True, True, True])
    assert (found.trainable, found.stored_bytes) == (2_770_976, 4 * 18_432)


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_are_what_apply_gives(model, family):
    anatomy = Anatomy.of(model)
    try:
        space = peft_space(anatomy, (family,))
    except Unsupported:
        pytest.skip(f"{anatomy.model_type} takes no {family}")
    draw = random.Random(0)
    for _ in range(3):
        configuration = space.sample(draw)
        told = size(configuration, anatomy)
        adapted = apply(model, configuration)
        really = adapted.trainable_parameters, adapted.stored_bytes
        adapted.remove()
        assert (told.trainable, told.stored_bytes) == really, configuration


def test_what_two_methods_train_counts_once():
    both = size([BitFit(), LayerNormTuning()], BASE).trainable
    apart = size(BitFit(), BASE).trainable + size(LayerNormTuning(), BASE).trainable
    assert both == apart - 12 * 2 * 768, "the biases of the norms are trained by both"
    assert size([FullFineTuning(), BitFit()], BASE).trainable == BASE.parameters


def test_layers_that_are_off_cost_nothing():
    half = [index < 6 for index in range(12)]
    assert size(Serial(48), BASE, half).trainable * 2 == size(Serial(48), BASE).trainable


def test_sizes_are_known_quickly_enough_for_every_proposal():
    space, draw = autopeft(BASE), random.Random(0)
    drawn = [space.sample(draw) for _ in range(200)]
    started = time.perf_counter()
    assert all(math.isfinite(size(one, BASE).percent) for one in drawn)
    assert time.perf_counter() - started < 1.0


def test_a_space_without_methods_is_refused():
    with pytest.raises(Unsupported, match="has no part 'methods', but lr; make one with autopeft"):
        size(Space(lr=0.1).sample(0), BASE)
