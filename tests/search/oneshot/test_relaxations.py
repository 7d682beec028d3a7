import pytest
import torch

from paretree.search.oneshot.relaxations import (
    BetaDecay,
    Dirichlet,
    Gumbel,
    MaxW,
    Sigmoid,
    Softmax,
    edge_strengths,
    relaxation,
)
from paretree.search.oneshot.settings import RELAXATIONS
from paretree.spaces.cells import CellSpace


def alphas(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_every_relaxation_keeps_shapes_gives_gradients_and_repeats_itself(name):
    made = relaxation(name)
    given = made.initial((6, 5), generator()).requires_grad_()
    weights = made.weights(given, 0.5, generator(3))
    assert weights.shape == made.expected(given).shape == (6, 5)
    assert torch.equal(weights, made.weights(given, 0.5, generator(3)))
    (weights * torch.randn(6, 5, generator=generator(1))).sum().backward()
    assert given.grad.isfinite().all()
    assert (given.grad != 0).any()
    assert made.penalty(given).shape == ()


@pytest.mark.parametrize("name", RELAXATIONS)
def test_nothing_is_preferred_in_the_beginning(name):
    made = relaxation(name)
    expected = made.expected(made.initial((6, 5), generator()))
    assert expected.std() < 0.01


@pytest.mark.parametrize("name", RELAXATIONS)
def test_global_randomness_is_left_as_it_was(name):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    made = relaxation(name)
    made.weights(made.initial((6, 5), generator()), 0.0, generator())
    assert torch.equal(before, torch.get_rng_state())


def test_max_w_adds_what_is_left_of_all_operations_to_the_mixture():
    given, outputs = alphas(3, 4), torch.arange(4.0, dtype=torch.float64)
    shares = given.softmax(1)
    left = 1 - shares.amax(1)
    mixed = (MaxW().weights(given, 0.0, generator()) * outputs).sum(1)
    assert torch.allclose(mixed, (shares * outputs).sum(1) + left * outputs.sum())
    assert torch.allclose(MaxW().weights(given, 0.0, generator()).amax(1), torch.ones(3, dtype=torch.float64))


def test_max_w_has_the_gradient_of_its_maximum_unless_that_is_detached():
    # d out / d w_k = o_k - [k is greatest] sum_i o_i
    outputs = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    logits = torch.tensor([[0.5, 0.1, -0.3]], dtype=torch.float64, requires_grad=True)
    shares = logits.softmax(1)
    for detached, by_share in ((False, outputs - torch.tensor([7.0, 0, 0])), (True, outputs)):
        (found,) = torch.autograd.grad(
            (MaxW(detach_max=detached).weights(logits, 0.0, generator()) * outputs).sum(), logits
        )
        (expected,) = torch.autograd.grad(shares, logits, by_share.double().unsqueeze(0), retain_graph=True)
        assert torch.allclose(found, expected)


def test_groups_are_the_first_dimensions():
    given = alphas(2, 4, 3, 3, 2)
    weights = Softmax(groups=2).weights(given, 0.0, generator())
    assert torch.allclose(weights.sum((2, 3, 4)), torch.ones(2, 4, dtype=torch.float64))
    greatest = MaxW(groups=2).weights(given, 0.0, generator()).amax((2, 3, 4))
    assert torch.allclose(greatest, torch.ones(2, 4, dtype=torch.float64))
    drawn = Dirichlet(groups=2).weights(given, 0.0, generator())
    assert torch.allclose(drawn.sum((2, 3, 4)), torch.ones(2, 4, dtype=torch.float64))


def test_gumbel_draws_one_operation_as_often_as_the_softmax_says():
    given = torch.tensor([[0.0, 1.0, 2.0]]).expand(20_000, 3)
    drawn = Gumbel().weights(given, 0.5, generator())
    assert set(drawn.unique().tolist()) <= {0.0, 1.0} or torch.allclose(drawn, drawn.round(), atol=1e-6)
    assert torch.allclose(drawn.sum(1), torch.ones(20_000))
    assert torch.allclose(drawn.mean(0), given[0].softmax(0), atol=0.02)


def test_gumbel_gets_colder_from_10_to_a_tenth():
    logits = alphas(1, 3)

    def gradient(progress):
        drawn = Gumbel().weights(logits, progress, generator(5))
        return torch.autograd.grad(drawn[0, 0], logits)[0]

    def soft(temperature):
        uniform = torch.rand((1, 3), generator=generator(5))
        noise = -(-uniform.log()).log()
        return torch.autograd.grad(((logits.log_softmax(1) + noise) / temperature).softmax(1)[0, 0], logits)[0]

    for progress, temperature in ((0.0, 10.0), (0.5, 5.05), (1.0, 0.1)):
        assert torch.allclose(gradient(progress), soft(temperature))


def test_dirichlet_draws_have_the_mean_that_is_expected():
    given = torch.tensor([[0.5, -0.5, 2.0]]).expand(20_000, 3)
    drawn = Dirichlet().weights(given, 0.0, generator())
    assert torch.allclose(drawn.sum(1), torch.ones(20_000), atol=1e-5)
    assert torch.allclose(drawn.mean(0), Dirichlet().expected(given[:1])[0], atol=0.01)
    concentrations = torch.nn.functional.elu(given[0]) + 1
    assert torch.allclose(Dirichlet().expected(given[:1])[0], concentrations / concentrations.sum())


def test_dirichlet_is_anchored_where_it_begins():
    begun, elsewhere = torch.zeros(2, 3), torch.tensor([[1.0, 0.0, -1.0]] * 2)
    assert Dirichlet().penalty(begun) == pytest.approx(0, abs=1e-9)
    assert Dirichlet().penalty(elsewhere) > 1e-4
    assert Dirichlet(anchor="l2").penalty(elsewhere) == pytest.approx(1e-3 * 4 / 2)


def test_sigmoids_do_not_compete_and_are_driven_from_the_middle():
    given = alphas(2, 3)
    (gradient,) = torch.autograd.grad(Sigmoid().weights(given, 0.0, generator())[0, 0], given)
    assert (gradient != 0).sum() == 1
    assert Sigmoid().penalty(torch.tensor([[4.0, -4.0]])) < Sigmoid().penalty(torch.tensor([[0.1, -0.1]])) < 0


def test_beta_decay_rises_from_nothing_to_its_strength():
    given = alphas(4, 3).detach()
    mean = given.logsumexp(1).mean()
    assert BetaDecay(50).penalty(given, 0.0) == 0
    assert BetaDecay(50).penalty(given, 1.0) == pytest.approx(float(50 * mean))
    assert BetaDecay(50).penalty(given, 0.5) == pytest.approx(float(25 * mean))


def test_strengths_of_the_edges_to_a_node_share_1():
    edges = CellSpace().edges
    betas = alphas(len(edges))
    strengths = edge_strengths(betas, [target for _, target in edges])
    for node in range(2, 6):
        rows = [row for row, (_, target) in enumerate(edges) if target == node]
        assert torch.allclose(strengths[rows], betas[rows].softmax(0))
