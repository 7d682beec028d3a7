"""How the parameters of a transformer are counted for a law."""

from types import SimpleNamespace

import pytest

from paretree.spaces import Choice, Space
from paretree.spaces.laws import LawError, ModelSize, StepLaw

STEP_LAW_SHAPES = [
    (960, 9368, 7, 214_663_680),
    (1024, 9552, 8, 268_304_384),
    (1280, 9472, 10, 429_260_800),
]


@pytest.mark.parametrize(("hidden", "ffn", "layers", "N"), STEP_LAW_SHAPES)
def test_n_is_that_of_the_step_laws_own_table(hidden, ffn, layers, N):
    assert ModelSize.from_config(hidden, ffn, layers).N == N


def test_embeddings_are_counted_apart_and_not_in_n():
    tied = ModelSize.from_config(64, 256, 2, vocabulary=1000)
    untied = ModelSize.from_config(64, 256, 2, vocabulary=1000, tied=False)

    for size in (tied, untied):
        assert size.N == 2 * (4 * 64**2 + 3 * 64 * 256)
    assert tied.embedding == 64_000
    assert untied.embedding == 128_000
    assert tied.total == tied.N + 64_000


def test_n_has_all_experts_and_active_those_of_one_token():
    size = ModelSize.from_config(64, 256, 2, experts=8, active_experts=2, shared_experts=1)

    attention, expert = 4 * 64**2, 3 * 64 * 256
    assert size.non_embedding == 2 * (attention + 9 * expert)
    assert size.active == 2 * (attention + 3 * expert)
    assert "of all experts" in str(size), "it says how it counted"


def test_fewer_heads_of_keys_and_values_make_attention_smaller():
    full = ModelSize.from_config(64, 256, 1, heads=8)
    grouped = ModelSize.from_config(64, 256, 1, heads=8, kv_heads=2)

    assert full.N == ModelSize.from_config(64, 256, 1).N
    assert full.N - grouped.N == 2 * 64 * 8 * 6, "keys and values lack six heads of width 8"


def test_a_feed_forward_part_without_gate_has_two_matrices():
    assert ModelSize.from_config(64, 256, 1, gated=False).N == 4 * 64**2 + 2 * 64 * 256


def test_operations_per_token_are_those_of_deepseek():
    size = ModelSize.from_config(960, 9368, 7)

    assert size.flops_per_token(2048) == 6 * (4 * 960 + 3 * 9368 + 2 * 2048) * 7 * 960


@pytest.mark.parametrize("wrap", [dict, lambda **config: SimpleNamespace(**config)])
def test_a_configuration_of_hugging_face_is_understood(wrap):
    config = wrap(
        model_type="llama",
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=2,
        vocab_size=1000,
        tie_word_embeddings=False,
    )

    expected = ModelSize.from_config(64, 256, 2, heads=8, kv_heads=2, vocabulary=1000, tied=False)
    assert ModelSize.from_hugging_face(config) == expected


def test_gpt2_has_its_own_names_and_no_gate():
    config = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None, "vocab_size": 50257}

    assert ModelSize.from_hugging_face(config).N == 12 * 12 * 768**2, "12 layers of 12 h^2"


def test_what_a_configuration_lacks_is_named():
    with pytest.raises(LawError, match="none of num_hidden_layers, n_layer"):
        ModelSize.from_hugging_face({"hidden_size": 64, "intermediate_size": 256})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"hidden": 0}, "hidden is positive"),
        ({"experts": 2, "active_experts": 3}, "3 experts cannot be active where there are 2"),
        ({"kv_heads": 2}, "give heads too"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(arguments, said):
    with pytest.raises(LawError, match=said):
        ModelSize.from_config(**{"hidden": 64, "ffn": 256, "layers": 2, **arguments})


def test_a_searched_shape_gives_an_expression():
    hidden, layers = Choice(64, 128), Choice(2, 4)
    size = ModelSize.from_config(hidden, 4 * hidden, layers, vocabulary=256)
    space = Space(hidden=hidden, layers=layers, N=size.N, rate=StepLaw().best_learning_rate(size.N, 1e9))

    for configuration in space.enumerate():
        counted = ModelSize.from_config(configuration.hidden, 4 * configuration.hidden, configuration.layers).N
        assert counted == configuration.N
        assert configuration.rate == pytest.approx(StepLaw().best_learning_rate(counted, 1e9))


@pytest.fixture(scope="module")
def language_model():
    """A table of 256 bytes, one hidden layer of that very shape, and an output layer."""
    from torch import nn

    return nn.ModuleDict(
        {
            "bytes": nn.Embedding(256, 64),
            "up": nn.Linear(64, 256, bias=False),
            "down": nn.Linear(256, 64, bias=False),
            "output": nn.Linear(64, 256, bias=False),
        }
    )


def test_a_module_is_counted_without_its_tables_and_output_layer(language_model):
    size = ModelSize.from_module(language_model, output="output")

    assert size.N == 2 * 64 * 256, "the hidden layers, though one has the shape of the table"
    assert size.embedding == 2 * 64 * 256


def test_an_output_layer_that_is_tied_counts_as_the_table_it_is(language_model):
    import copy

    tied = copy.deepcopy(language_model)
    tied["output"].weight = tied["bytes"].weight

    assert ModelSize.from_module(tied).N == 2 * 64 * 256


def test_an_output_layer_that_is_not_there_is_refused(language_model):
    with pytest.raises(LawError, match="no part 'lm_head'"):
        ModelSize.from_module(language_model, output="lm_head")


def test_a_counted_module_does_not_know_its_shape(language_model):
    with pytest.raises(LawError, match="from_config"):
        ModelSize.from_module(language_model).flops_per_token(128)
