import pytest
import torch

from paretree.search.oneshot.curvature import EarlyStopping, greatest_eigenvalue


def loss_of(parameters):
    """Neither convex nor quadratic."""
    one, other = parameters
    mixed = one.flatten() @ torch.linspace(-1, 1, one.numel() * other.numel()).double().view(one.numel(), -1) @ other
    return mixed.sin() + one.pow(4).sum() - 0.7 * one.square().sum() + (other.exp() * one.sum()).sum()


def parameters(rows, columns):
    draw = torch.Generator().manual_seed(2)
    shapes = ((rows, columns), (columns,))
    return [torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_() for shape in shapes]


def exact(given):
    sizes = [one.numel() for one in given]

    def flat(vector):
        return loss_of([part.view_as(one) for part, one in zip(vector.split(sizes), given, strict=True)])

    point = torch.cat([one.detach().flatten() for one in given])
    return float(torch.linalg.eigvalsh(torch.autograd.functional.hessian(flat, point))[-1])


def test_the_greatest_eigenvalue_is_that_of_the_whole_hessian():
    given = parameters(2, 4)
    assert greatest_eigenvalue(loss_of(given), given, seed=0) == pytest.approx(exact(given), rel=1e-8)


def test_twenty_products_are_enough_for_224_alphas():
    given = parameters(14, 15)
    assert greatest_eigenvalue(loss_of(given), given, seed=0) == pytest.approx(exact(given), rel=1e-3)


def test_an_eigenvalue_below_zero_is_not_taken_for_its_absolute_value():
    given = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    loss = (given.square() * torch.tensor([-5.0, -2.0, 1.0])).sum()
    assert greatest_eigenvalue(loss, [given], seed=0) == pytest.approx(2)


def test_a_loss_that_does_not_bend_has_the_eigenvalue_0():
    given = torch.ones(3, dtype=torch.float64, requires_grad=True)
    assert greatest_eigenvalue(given.sum() + 0 * given.square().sum(), [given], seed=0) == pytest.approx(0)


def fed(stopping, eigenvalues, every=2):
    """The epoch after which it stops, if ever."""
    for number, value in enumerate(eigenvalues, 1):
        if stopping.add(number * every, value, {"epoch": number * every}):
            return number * every
    return None


def test_a_search_whose_curvature_grows_goes_back_eight_epochs():
    stopping = EarlyStopping()
    calm, steep = [0.2] * 8, [0.2 * 1.3**number for number in range(1, 8)]
    stopped = fed(stopping, calm + steep)
    means = [sum((calm + steep)[max(0, end - 5) : end]) / min(5, end) for end in range(1, 16)]
    first = next(end for end in range(9, 16) if means[end - 1] > 1.3 * means[end - 5])
    assert stopped == 2 * first
    assert stopping.older == {"epoch": 2 * first - 8}


def test_a_search_that_is_calm_goes_on():
    assert fed(EarlyStopping(), [0.2, 0.21, 0.19] * 10) is None


def test_a_search_does_not_go_back_to_before_the_tenth_epoch():
    steep = [2.0**number for number in range(8)]
    assert fed(EarlyStopping(), steep, every=1) is None
    assert fed(EarlyStopping(), [2.0**number for number in range(20)], every=1) == 14


def test_early_stopping_goes_on_from_its_state():
    values = [0.2] * 7 + [0.2 * 1.3**number for number in range(1, 8)]
    whole, first, second = EarlyStopping(), EarlyStopping(), EarlyStopping()
    stopped = fed(whole, values)
    for number, value in enumerate(values[:8], 1):
        first.add(number * 2, value, {"epoch": number * 2})
    second.load(first.state())
    ends = [(n + 9) * 2 for n, v in enumerate(values[8:]) if second.add((n + 9) * 2, v, {"epoch": (n + 9) * 2})]
    assert ends[0] == stopped
