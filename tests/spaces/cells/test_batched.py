from copy import deepcopy
from statistics import median

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy

from paretree.spaces.cells import (
    DARTS,
    NASBENCH201_CELLS,
    SHARP,
    SHARP_DARTS,
    SHARPER,
    CellSpace,
    Edges,
    MacroSkeleton,
    NASBench201Supernet,
    Supernet,
)
from paretree.spaces.cells.batched import BatchedEdges
from paretree.spaces.cells.conversions import compiled, with_batched_edges, with_plain_edges
from paretree.spaces.cells.depthwise import depthwise

SETS = {one.name: CellSpace(one, nodes=2) for one in (DARTS, SHARP, SHARPER, SHARP_DARTS)} | {
    "nasbench201": NASBENCH201_CELLS
}
IMAGES = 4


def supernet(space, portion=1, make_edges=Edges):
    """Two of its three cells reduce; lazy layers have begun."""
    channels = 2 * portion
    if space is NASBENCH201_CELLS:
        network = NASBench201Supernet(channels, 1, make_edges=make_edges, portion=portion)
    else:
        network = Supernet(space, MacroSkeleton(3, channels), make_edges, portion)
    network(torch.rand(2, 3, 8, 8), mixture(space))
    return network


def mixture(space):
    return {kind: torch.rand(space.shape).softmax(-1) for kind in space.types}


def strengths_of(space):
    return {kind: torch.rand(len(space.edges)) for kind in space.types}


def batch(images=IMAGES):
    return torch.randn(images, 3, 8, 8), torch.randint(0, 10, (images,))


def gradients(network, space, alphas, strengths, images, labels):
    """Logits, and the gradients of alphas, of strengths, and of the plain view's parameters."""
    tables = {kind: one.clone().requires_grad_() for kind, one in alphas.items()}
    given = strengths and {kind: one.clone().requires_grad_() for kind, one in strengths.items()}
    logits = network(images, {kind: one.softmax(-1) for kind, one in tables.items()}, given)
    network.zero_grad()
    cross_entropy(logits, labels).backward()
    wanted = [logits.detach(), *(one.grad for one in tables.values()), *(one.grad for one in (given or {}).values())]
    of_weights = deepcopy(network)
    for own, copied in zip(network.parameters(), of_weights.parameters(), strict=True):
        copied.data = own.grad
    return [*wanted, *(one.detach() for one in with_plain_edges(of_weights).parameters())]


def apart(ours, theirs):
    """The greatest difference, over the greatest entry of each, unless that is nothing but rounding."""
    pairs = [(a.detach(), b.detach()) for a, b in zip(ours, theirs, strict=True)]
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-6)) for a, b in pairs)


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def _seeded():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


def check_gradients(space, portion, with_strengths):
    plain = supernet(space, portion)
    batched = with_batched_edges(plain)
    strengths = strengths_of(space) if with_strengths else None
    alphas, data = mixture(space), batch()
    assert apart(*(gradients(one, space, alphas, strengths, *data) for one in (batched, plain))) < 1e-10


slowly = pytest.mark.slow
NAMES = ["darts", pytest.param("sharp", marks=slowly), pytest.param("sharper", marks=slowly),
         pytest.param("sharp_darts", marks=slowly), "nasbench201"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("portion", "with_strengths"), [(1, False), (4, True)])
def test_gradients_of_weights_alphas_and_strengths_are_those_of_plain_edges(name, portion, with_strengths, in_double):
    check_gradients(SETS[name], portion, with_strengths)


@pytest.mark.slow
def test_strengths_alone_and_partial_channels_alone_change_nothing_about_that(in_double):
    check_gradients(SETS["darts"], 1, with_strengths=True)
    check_gradients(SETS["darts"], 4, with_strengths=False)


def trained(network, space, alphas, steps, optimizer, data):
    for images, labels in data[:steps]:
        optimizer.zero_grad()
        cross_entropy(network(images, alphas), labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()


def sgd(network):
    return torch.optim.SGD(network.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_twenty_steps_of_training_end_in_the_same_weights_and_statistics(name, in_double):
    space = SETS[name]
    plain = supernet(space)
    batched = with_batched_edges(plain)
    alphas, data = mixture(space), [batch() for _ in range(20)]
    for network in (plain, batched):
        trained(network, space, alphas, 20, sgd(network), data)
    ends = [list(one.state_dict().values()) for one in (with_plain_edges(batched), plain)]
    assert apart(*([one.double() for one in end] for end in ends)) < 1e-7
    plain.eval(), batched.eval()
    with torch.no_grad():
        assert apart([batched(data[0][0], alphas)], [plain(data[0][0], alphas)]) < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize(("name", "portion"), [("darts", 1), ("sharp", 4), ("nasbench201", 1)])
def test_twenty_steps_in_single_precision_are_equal_up_to_rounding(name, portion):
    """From the same state in each step; gradients jump where rounding puts a number on the other side of a ReLU."""
    space = SETS[name]
    plain = supernet(space, portion)
    optimizer, alphas = sgd(plain), mixture(space)
    outputs, others = [], []
    for _ in range(20):
        data = batch(8)
        batched = with_batched_edges(plain)
        ours, theirs = (gradients(one, space, alphas, None, *data) for one in (batched, plain))
        outputs.append(apart(ours[:1], theirs[:1]))
        others.append(apart(ours[1:], theirs[1:]))
        trained(plain, space, alphas, 1, optimizer, [data])
    assert max(outputs) < 1e-5
    assert median(others) < 1e-5


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_evaluation_uses_the_statistics_that_training_left(name):
    space = SETS[name]
    plain, alphas = supernet(space), mixture(space)
    trained(plain, space, alphas, 2, sgd(plain), [batch() for _ in range(2)])
    batched = with_batched_edges(plain.eval())
    images, _ = batch()
    with torch.no_grad():
        evaluated = batched(images, alphas)
        assert apart([evaluated], [plain(images, alphas)]) < 1e-5
        assert apart([batched.train()(images, alphas)], [evaluated]) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_supernet_is_the_same_after_it_was_batched_and_back(name):
    plain = supernet(SETS[name], portion=4)
    again = with_plain_edges(with_batched_edges(plain))
    states = again.state_dict(), plain.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(map(torch.equal, states[0].values(), states[1].values()))


@pytest.mark.parametrize("name", NAMES)
def test_batched_weights_are_drawn_from_the_distributions_of_plain_ones(name):
    plain, made = supernet(SETS[name]), with_plain_edges(supernet(SETS[name], make_edges=BatchedEdges))
    for (key, one), (_, other) in zip(plain.state_dict().items(), made.state_dict().items(), strict=True):
        assert one.shape == other.shape
        if key.endswith("weight") and one.numel() > 100:
            assert float(other.abs().max()) == pytest.approx(float(one.abs().max()), rel=0.15), key


def test_a_hessian_times_a_direction_is_that_of_plain_edges(in_double):
    space = CellSpace(DARTS, nodes=1)
    plain, data, direction = supernet(space), batch(2), torch.rand(space.shape)
    products = []
    for network in (with_batched_edges(plain), plain):
        alphas = {kind: torch.zeros(space.shape, requires_grad=True) for kind in space.types}
        loss = cross_entropy(network(data[0], {kind: one.softmax(-1) for kind, one in alphas.items()}), data[1])
        gradient, *_ = torch.autograd.grad(loss, list(alphas.values()), create_graph=True)
        products.append(torch.autograd.grad((gradient * direction).sum(), list(alphas.values())))
    assert apart(*products) < 1e-8


def test_autocast_to_half_the_bits_stays_near():
    space = SETS["darts"]
    network, alphas, (images, labels) = supernet(space, make_edges=BatchedEdges), mixture(space), batch(16)
    whole = network(images, alphas)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(images, alphas)
    cross_entropy(half.float(), labels).backward()
    assert apart([half.float()], [whole]) < 0.2
    assert all(one.grad is not None and bool(one.grad.isfinite().all()) for one in network.parameters())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("pixels", [(8, 8), (5, 7)])
def test_depthwise_convolutions_and_their_gradients_are_those_of_torch(size, dilation, stride, pixels, in_double):
    x, weight = torch.randn(2, 3, *pixels, requires_grad=True), torch.randn(3, 1, size, size, requires_grad=True)
    theirs = conv2d(x, weight, None, stride, dilation * (size // 2), dilation, 3)
    ours = depthwise(x, weight, stride, dilation)
    assert torch.allclose(ours, theirs, atol=1e-12)
    above = torch.randn_like(theirs)
    for own, other in zip(*(torch.autograd.grad(one, (x, weight), above) for one in (ours, theirs)), strict=True):
        assert torch.allclose(own, other, atol=1e-12)


@pytest.mark.parametrize(("size", "dilation", "stride"), [(3, 2, 1), (5, 1, 1), (5, 1, 2), (5, 2, 2)])
def test_depthwise_convolutions_can_be_differentiated_twice(size, dilation, stride, in_double):
    x, weight = torch.randn(1, 2, 5, 6, requires_grad=True), torch.randn(2, 1, size, size, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda a, b: depthwise(a, b, stride, dilation), (x, weight))


@pytest.mark.slow
def test_compiled_edges_put_out_what_they_did_before():
    space = CellSpace(DARTS, nodes=1)
    network, alphas, (images, _) = supernet(space, make_edges=BatchedEdges), mixture(space), batch()
    with torch.no_grad():
        before = network(images, alphas)
        assert apart([compiled(network)(images, alphas)], [before]) < 1e-4
