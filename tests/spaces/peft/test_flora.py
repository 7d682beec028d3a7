"""FLoRA: two factors and a core."""

import torch

from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.flora import FLoRA
from paretree.spaces.peft.updates import Updated


def test_its_size_is_that_of_two_factors_and_a_core(encoder):
    adapted = apply(encoder(), [FLoRA(outer=3, inner=5, targets=("ffn_in",))])
    assert adapted.trainable_parameters == 3 * (64 * 3 + 3 * 5 + 5 * 32)


def test_the_update_is_the_product_of_the_three(encoder):
    model = encoder()
    apply(model, [FLoRA(outer=3, inner=5, scale=0.5, targets=("ffn_in",))])
    one = next(part.update for part in model.modules() if isinstance(part, Updated))
    assert not one.weights().any(), "the core starts at 0"
    with torch.no_grad():
        one.core.normal_()
    torch.testing.assert_close(one.weights(), 0.5 * one.a @ one.core @ one.b)
    x = torch.randn(2, 4, 32)
    torch.testing.assert_close(one(x), x @ one.weights().T)
