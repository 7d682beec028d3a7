"""MoS: updates put together from shared pieces."""

import pytest
import torch

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.mos import MoS
from paretree.spaces.peft.updates import Updated


def sharded(model, target="query"):
    return [part.update for name, part in model.named_modules() if isinstance(part, Updated) and target in name]


@pytest.mark.parametrize("layers", [(True, True, True), (False, True, True)])
def test_it_has_as_many_numbers_as_lora_of_the_rank_of_its_pool(layers, encoder):
    adapted = apply(encoder(), [MoS(rank=8, pool=3, targets=("query", "ffn_in"))], layers=layers)
    assert adapted.trainable_parameters == sum(layers) * 3 * ((32 + 32) + (32 + 64))


def test_private_pieces_are_of_one_layer_and_the_others_are_shared(encoder):
    model = encoder()
    apply(model, [MoS(rank=4, pool=2, private=1, shards=4)])
    for side in ("taken_down", "taken_up"):
        first, *others = (getattr(one, side) for one in sharded(model))
        private = set(first[:1].flatten().tolist())
        assert len(private) == 4
        for other in others:
            assert not private & set(other.flatten().tolist())
    taken = [set(one.taken_down[1:].flatten().tolist()) for one in sharded(model)]
    assert taken[0] & taken[1], "of 12 shared pieces, two layers with 12 places each have some in common"


def test_the_two_factors_draw_apart(encoder):
    model = encoder()
    apply(model, [MoS(rank=8, pool=4, private=0)])
    one = sharded(model)[0]
    assert not torch.equal(one.taken_down, one.taken_up)


def test_no_piece_is_taken_twice_before_all_were_taken_once(encoder):
    model = encoder()
    apply(model, [MoS(rank=8, pool=2, private=0, shards=4)])
    counts = sharded(model)[0].taken_down.flatten().bincount(minlength=24)
    assert counts.min() == 1
    assert counts.max() == 2


def test_rows_are_put_together_from_their_pieces(encoder):
    model = encoder()
    apply(model, [MoS(rank=2, alpha=6, pool=2, shards=2)])
    one = sharded(model)[1]
    with torch.no_grad():
        one.up.normal_()
    down, up = one.factors()
    torch.testing.assert_close(down[1], torch.cat([one.down[piece] for piece in one.taken_down[1]]))
    torch.testing.assert_close(up[:, 1], 6 / 2 * torch.cat([one.up[piece] for piece in one.taken_up[1]]))


@pytest.mark.parametrize("arguments", [{"pool": 2, "private": 2}, {"pool": 2, "private": 3}, {"private": -1}])
def test_pools_that_cannot_give_the_rank_are_refused(arguments):
    with pytest.raises(Unsupported, match="give fewer private ranks than the pool has"):
        MoS(rank=8, **arguments)
