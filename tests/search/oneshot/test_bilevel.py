"""On losses that are quadratic in the weights, where the second-order gradient is exact."""

import pytest
import torch

from paretree.search.oneshot.bilevel import first_order, second_order

LR, MOMENTUM, DECAY = 0.1, 0.9, 0.01


@pytest.fixture
def problem():
    """Weights in two tensors, alphas, and both losses as functions of them."""
    draw = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    weights, alphas = [drawn(3).requires_grad_(), drawn(2).requires_grad_()], [drawn(4).requires_grad_()]
    coupling, target, scale = drawn(5, 4), drawn(5), drawn(5).square() + 0.5

    def training(weights=weights, alphas=alphas):
        return (scale * (torch.cat(weights) - coupling @ alphas[0].tanh()).square()).sum()

    def validation(weights=weights, alphas=alphas):
        return (torch.cat(weights) - target).square().sum() + alphas[0].pow(3).sum()

    return weights, alphas, training, validation, [drawn(3), drawn(2)]


def test_the_first_order_gradient_is_the_plain_one(problem):
    weights, alphas, _, validation, _ = problem
    expected = torch.autograd.grad(validation(), alphas)
    assert torch.equal(first_order(validation, alphas, weights)[0], expected[0])
    assert all(one.requires_grad and one.grad is None for one in weights)


@pytest.mark.parametrize("with_buffers", [False, True])
def test_the_second_order_gradient_is_that_of_the_loss_after_a_step(problem, with_buffers):
    weights, alphas, training, validation, momenta = problem
    buffers = momenta if with_buffers else [None, None]
    gradients = torch.autograd.grad(training(), weights, create_graph=True)
    stepped = [
        one - LR * (gradient + DECAY * one + (0 if buffer is None else MOMENTUM * buffer))
        for one, gradient, buffer in zip(weights, gradients, buffers, strict=True)
    ]
    (exact,) = torch.autograd.grad(validation(stepped), alphas)
    before = [one.detach().clone() for one in weights]
    options = {"lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY, "buffers": buffers}
    (found,) = second_order(validation, training, alphas, weights, **options)
    assert torch.allclose(found, exact, rtol=1e-9)
    assert not torch.allclose(found, first_order(validation, alphas, weights)[0], rtol=1e-2)
    assert all(torch.equal(one, old) for one, old in zip(weights, before, strict=True))


def test_one_step_of_sgd_is_what_the_second_order_looks_ahead_to(problem):
    weights, alphas, training, validation, _ = problem
    optimizer = torch.optim.SGD(weights, LR, momentum=MOMENTUM, weight_decay=DECAY)
    training().backward()
    optimizer.step()  # so that there are buffers
    buffers = [optimizer.state[one]["momentum_buffer"].clone() for one in weights]
    seen = []
    options = {"lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY, "buffers": buffers}
    second_order(
        lambda: seen.append([one.detach().clone() for one in weights]) or validation(),
        training,
        alphas,
        weights,
        **options,
    )
    optimizer.zero_grad()
    training().backward()
    optimizer.step()
    assert all(torch.allclose(one, ahead) for one, ahead in zip(weights, seen[0], strict=True))


def test_what_is_frozen_is_trained_again_after_an_error():
    weights = [torch.zeros(1, requires_grad=True), torch.zeros(1)]

    def fails():
        assert not weights[0].requires_grad
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        first_order(fails, [torch.zeros(1, requires_grad=True)], weights)
    assert weights[0].requires_grad
    assert not weights[1].requires_grad
