"""NOLA: few coefficients of frozen random matrices."""

import torch

from paretree.spaces.peft.apply import apply
from paretree.spaces.peft.nola import NOLA
from paretree.spaces.peft.updates import Updated


def mixed(model):
    return [part.update for part in model.modules() if isinstance(part, Updated)]


def test_its_size_knows_neither_rank_nor_features(encoder):
    for rank in (1, 8):
        adapted = apply(encoder(), [NOLA(bases=20, rank=rank, targets=("query", "ffn_in"))])
        assert adapted.trainable_parameters == 3 * 2 * 2 * 20


def test_random_matrices_come_from_the_seed_and_are_not_saved(encoder):
    model, same, other = encoder(), encoder(), encoder()
    adapted = apply(model, [NOLA(20)])
    apply(same, [NOLA(20)])
    apply(other, [NOLA(20, seed=1)])
    assert not [name for name in adapted.tensors() if "matrices" in name or "start" in name]
    assert torch.equal(mixed(model)[0].down.matrices, mixed(same)[0].down.matrices)
    assert not torch.equal(mixed(model)[0].down.matrices, mixed(other)[0].down.matrices)


def test_modules_of_one_shape_share_their_matrices_and_have_starts_of_their_own(encoder):
    model = encoder()
    apply(model, [NOLA(20)])
    first, second = mixed(model)[:2]
    assert first.down is second.down
    assert not torch.equal(first.start, second.start)


def test_the_update_is_what_the_paper_says(encoder):
    model = encoder()
    apply(model, [NOLA(5, rank=2, alpha=6)])
    one = mixed(model)[0]
    with torch.no_grad():
        one.a.normal_()
        one.b.normal_()
    down = one.start + sum(a * matrix for a, matrix in zip(one.a, one.down.matrices, strict=True)) / 5**0.5
    up = sum(b * matrix for b, matrix in zip(one.b, one.up.matrices, strict=True)) / 5**0.5
    torch.testing.assert_close(one.weights(), 6 / 2 * up @ down)
    x = torch.randn(3, 32)
    torch.testing.assert_close(one(x), x @ one.weights().T)
