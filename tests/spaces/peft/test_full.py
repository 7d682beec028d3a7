"""Methods that train parameters of the model itself."""

import pytest

from paretree.spaces.peft.anatomy import Anatomy
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.full import BitFit, FullFineTuning, HeadOnly, LayerNormTuning

LAYERS = (True, False, True)


def trainable(model):
    return {name for name, one in model.named_parameters() if one.requires_grad and name.startswith("bert.")}


def test_full_fine_tuning_trains_everything_only_where_every_layer_is_kept(encoder):
    whole, part = encoder(headed=True), encoder(headed=True)
    assert apply(whole, [FullFineTuning()]).percent == 100
    apply(part, [FullFineTuning()], layers=LAYERS)
    assert trainable(part) == {
        name for name, _ in part.named_parameters() if ".layer.0." in name or ".layer.2." in name
    }


@pytest.mark.parametrize(
    ("method", "ends"),
    [(BitFit(), (".bias",)), (LayerNormTuning(), ("LayerNorm.weight", "LayerNorm.bias")), (HeadOnly(), ())],
)
def test_each_trains_its_part_of_the_kept_layers(method, ends, encoder):
    model = encoder(headed=True)
    apply(model, [method], layers=LAYERS)
    kept = [name for name, _ in model.named_parameters() if ".layer.0." in name or ".layer.2." in name]
    assert trainable(model) == {name for name in kept if name.endswith(ends)}


@pytest.mark.parametrize("method", [FullFineTuning(), BitFit(), LayerNormTuning(), HeadOnly()])
def test_what_trains_is_told_before(method, encoder):
    model = encoder(headed=True)
    told = method.trains(Anatomy.of(model), LAYERS)
    apply(model, [method], layers=LAYERS)
    assert set(told) == trainable(model)
