"""Half fine-tuning: what is frozen, and when others are drawn."""

import pytest
import torch

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.anatomy import Anatomy
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.halves import HalfFineTuning
from paretree.spaces.peft.schedules import schedules_of

EVERY = (True, True, True)


def frozen(method, anatomy, draw=0):
    """The modules in layers that are frozen, as names without that of the layer, by layer."""
    still = set(anatomy.shapes) - set(method.trains(anatomy, EVERY, draw))
    modules = {name.rpartition(".")[0] for name in still}
    return [
        {name.removeprefix(layer.name) for name in modules if name.startswith(layer.name)} for layer in anatomy.layers
    ]


@pytest.fixture
def anatomy(encoder):
    return Anatomy.of(encoder())


def test_by_category_each_layer_freezes_its_share_of_each(anatomy):
    for layer in frozen(HalfFineTuning(), anatomy):
        norms = {name for name in layer if "LayerNorm" in name}
        attention = {name for name in layer if "attention" in name} - norms
        assert (len(attention), len(layer - attention - norms), len(norms)) == (2, 1, 1)


def test_by_layer_whole_layers_are_frozen(anatomy):
    counts = sorted(len(layer) for layer in frozen(HalfFineTuning(2 / 3, granularity="layer"), anatomy))
    assert counts == [0, 8, 8], "two of three layers, with all their 8 modules"


def test_in_the_model_the_share_is_of_all_modules(anatomy):
    assert sum(len(layer) for layer in frozen(HalfFineTuning(0.25, granularity="model"), anatomy)) == 6


def test_a_module_is_frozen_with_its_bias_and_the_embeddings_never(anatomy):
    trained = set(HalfFineTuning().trains(anatomy, EVERY))
    assert {name for name in anatomy.shapes if name.startswith("embeddings")} <= trained
    for layer in anatomy.layers:
        assert (f"{layer.query}.weight" in trained) == (f"{layer.query}.bias" in trained)


def test_a_draw_follows_from_the_seed(anatomy):
    assert frozen(HalfFineTuning(), anatomy) == frozen(HalfFineTuning(), anatomy)
    assert frozen(HalfFineTuning(), anatomy) != frozen(HalfFineTuning(seed=1), anatomy)
    assert frozen(HalfFineTuning(), anatomy) != frozen(HalfFineTuning(), anatomy, draw=1)


def test_each_epoch_draws_again_and_what_is_drawn_trains(encoder):
    model = encoder()
    adapted = apply(model, [HalfFineTuning(redraw="epoch")])
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=1.0)
    (schedule,) = schedules_of(adapted, steps=4, epochs=2)

    def trained():
        return {name for name, one in model.named_parameters() if one.requires_grad}

    first = trained()
    schedule.step(0, optimizer)
    assert trained() == first, "nothing changes within an epoch"
    schedule.step(1, optimizer)
    second = trained()
    assert second != first
    assert len(optimizer.param_groups) == 1, "schedules of the learning rate know of this group only"
    before = {name: one.clone() for name, one in model.named_parameters()}
    model(torch.tensor([[5, 6, 7]])).last_hidden_state.pow(3).sum().backward()
    optimizer.step()
    moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
    assert moved <= second, "what is frozen now stays"
    assert moved - first, "what was frozen before trains"


def test_without_redraw_there_is_no_schedule(encoder):
    assert schedules_of(apply(encoder(), [HalfFineTuning()]), steps=4, epochs=2) == []


def test_a_share_that_cannot_be_meant_is_refused():
    with pytest.raises(Unsupported, match="share of HalfFineTuning is 1; give a number between 0 and 1"):
        HalfFineTuning(1)
