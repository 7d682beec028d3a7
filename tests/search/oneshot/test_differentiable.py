import io

import numpy as np
import pytest
import torch
from torch import nn

from paretree.search.oneshot import DifferentiableSearch, SearchSettings
from paretree.spaces import zoo
from paretree.spaces.cells import (
    DARTS,
    NASBENCH201_CELLS,
    CellSpace,
    MacroSkeleton,
    NASBench201Supernet,
    Supernet,
)
from paretree.spaces.cells.hypercuboid import HyperCuboidSpace
from paretree.spaces.cells.hypercuboid_net import HyperCuboidSupernet
from paretree.spaces.cells.images import Images
from paretree.spaces.errors import ParetreeError

SMALL = {"epochs": 2, "batch_size": 16, "alpha_lr": 0.05, "crop": 1, "tuned_epochs": 0.5}
DRNAS = {"preset": "drnas", **SMALL}
NAMES = NASBENCH201_CELLS.primitives.names


def images(count=32, size=8, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return Images.of(
        torch.randint(256, (count, 3, size, size), generator=draw, dtype=torch.uint8),
        torch.randint(3, (count,), generator=draw),
    )


def nasbench201(portion):
    return NASBench201Supernet(4, 1, 3, portion=portion)


def searched(seed=0, make=nasbench201, **changes):
    settings = SearchSettings.of({**DRNAS, **changes})
    return DifferentiableSearch(make, *images().split(0.5), settings, seed)


def run(search):
    measured = [search.epoch() for _ in iter(lambda: search.done, True)]
    return measured, search.finish()


VARIANTS = {
    "default": {"relaxation": "softmax", "alpha_warmup": 0.0, "beta_decay": 1.0},
    "fixed alphas": {"preset": "fixed_pt"},
    "drnas": {},
    "darts": {"preset": "darts"},
    "second order": {"preset": "darts2"},
    "max_w": {"relaxation": "max_w", "annealing": 2.0},
    "gumbel": {"relaxation": "gumbel"},
    "sigmoid": {"relaxation": "sigmoid"},
    "partial channels": {"preset": "pcdarts", "portion": 2, "alpha_warmup": 0.5},
    "perturbation": {"discretise": "perturbation"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_ends_in_a_cell(name):
    search = searched(**{**VARIANTS[name], **SMALL})
    before = search.weights()["edges"]
    measured, scores = run(search)
    assert zoo.nasbench201().configuration(NASBENCH201_CELLS.decisions(scores))
    assert (search.weights()["edges"] != before).any()
    assert all(np.isfinite(list(one.values())).all() for one in measured)


def test_an_epoch_says_what_was_measured():
    search = searched(eigenvalue_every=2)
    first, second = search.epoch(), search.epoch()
    weights = {f"edges/{name}" for name in NAMES}
    assert first.keys() == {"loss", "accuracy", "validation", "entropy"} | weights
    assert second.keys() == first.keys() | {"eigenvalue"}
    assert second["validation"] == search.accuracy
    means = search.weights()["edges"].mean(0)
    assert [second[f"edges/{name}"] for name in NAMES] == pytest.approx(means.tolist())
    assert 0 < second["entropy"] <= np.log(len(NAMES)) + 1e-6


def test_a_search_of_darts_cells_ends_in_a_genotype():
    cells = CellSpace(DARTS, nodes=2)
    search = searched(
        make=lambda portion: Supernet(cells, MacroSkeleton(3, 4, 3), portion=portion), edge_strengths=True
    )
    _, scores = run(search)
    assert cells.space().configuration(cells.decisions(scores))
    assert {kind: table.shape for kind, table in scores.items()} == dict.fromkeys(cells.types, cells.shape)


def same(one, other):
    """Whether numbers and tensors in nested containers are equal to the bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.parametrize(
    "variant",
    [
        {"eigenvalue_every": 1},
        {"relaxation": "gumbel", "order": 2, "lr_warmup": 1, "annealing": 2.0},
        {"relaxation": "max_w", "edge_strengths": True, "portion": 2, "discretise": "perturbation"},
    ],
    ids=["dirichlet", "gumbel", "max_w"],
)
def test_an_interrupted_search_ends_as_if_it_had_not_been(variant):
    changes = {**variant, "epochs": 3, "cutout": 2}
    whole, first, second = (searched(**changes) for _ in range(3))
    whole.epoch()
    first.epoch()
    stored = io.BytesIO()
    torch.save(first.state_dict(), stored)
    stored.seek(0)
    torch.manual_seed(1234)
    second.load_state_dict(torch.load(stored, weights_only=True))
    assert second.epochs == 1
    assert second.accuracy == whole.accuracy
    for _ in range(2):
        assert second.epoch() == whole.epoch()
    assert same(second.state_dict(), whole.state_dict())
    assert all(np.array_equal(one, whole_one) for one, whole_one in zip(*ends(second, whole), strict=True))


def ends(*searches):
    return [list(search.finish().values()) for search in searches]


def test_a_search_follows_from_its_seed_alone():
    torch.manual_seed(0)
    first, _ = run(searched(seed=5))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    again, _ = run(searched(seed=5))
    assert torch.equal(state, torch.get_rng_state())
    assert first == again
    assert run(searched(seed=6))[0] != first


def test_alphas_stay_as_they_are_in_the_warm_up_and_where_it_never_ends():
    search = searched(alpha_warmup=0.5)
    before = search.weights()["edges"]
    search.epoch()
    assert np.array_equal(search.weights()["edges"], before)
    search.epoch()
    assert not np.array_equal(search.weights()["edges"], before)
    never = searched(alpha_warmup=1.0, discretise="perturbation")
    never.epoch()
    never.epoch()
    assert np.array_equal(never.weights()["edges"], before)


def test_perturbation_judges_with_as_many_images_as_it_is_told(monkeypatch):
    search = searched(discretise="perturbation", judged_on=8)
    while not search.done:
        search.epoch()
    seen = []
    judge = search.learner.judge
    monkeypatch.setattr(
        search.learner, "judge", lambda batches, mixture: judge(seen.append(list(batches)) or seen[-1], mixture)
    )
    search.finish()
    assert {sum(len(labels) for _, labels in batches) for batches in seen} == {8}
    assert all(torch.equal(batches[0][1], seen[0][0][1]) for batches in seen)


def test_a_search_that_is_done_says_so():
    search = searched(epochs=1)
    search.epoch()
    with pytest.raises(ValueError, match=r"done after 1 epochs; finish\(\) gives what it found"):
        search.epoch()


def test_a_search_whose_curvature_grows_stops_with_the_alphas_from_before(monkeypatch):
    grown = iter(1.5**number for number in range(40))
    monkeypatch.setattr("paretree.search.oneshot.differentiable.greatest_eigenvalue", lambda *_: next(grown))
    search = searched(epochs=40, eigenvalue_every=1)
    kept = {}
    while not search.done:
        kept[search.epochs] = search.weights()["edges"]
        search.epoch()
    assert search.stopped
    assert search.epochs == 14
    assert np.array_equal(search.weights()["edges"], kept[10])


class Informative(nn.Module):
    """A supernet of which one operation on each edge tells the label, and the others only disturb."""

    space = NASBENCH201_CELLS

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.good = torch.tensor([0, 1, 2, 3, 4, 3])

    def forward(self, pixels, weights, strengths=None):
        table = weights["edges"]
        telling = table.gather(1, self.good.unsqueeze(1)).mean()
        signal = pixels.mean((1, 2, 3), keepdim=False).sign().unsqueeze(1)
        return self.head(signal.expand(-1, 4) * telling)


def labelled(count=128):
    signs = torch.arange(count) % 2
    pixels = (2.0 * signs - 1).view(-1, 1, 1, 1) + 0.1 * torch.randn(
        (count, 1, 4, 4), generator=torch.Generator().manual_seed(0)
    )
    return Images.of(pixels, signs)


@pytest.mark.parametrize("relaxation", ["softmax", "gumbel", "dirichlet"])
@pytest.mark.parametrize("order", [1, 2])
def test_alphas_find_what_lowers_the_validation_loss(relaxation, order):
    settings = SearchSettings(
        relaxation=relaxation,
        order=order,
        epochs=10,
        batch_size=16,
        alpha_lr=0.1,
        alpha_warmup=0.2,
        crop=0,
        flip=False,
        beta_decay=0.0,
    )
    search = DifferentiableSearch(lambda portion: Informative(), *labelled().split(0.5), settings)
    _, scores = run(search)
    assert scores["edges"].argmax(1).tolist() == [0, 1, 2, 3, 4, 3]


def test_the_paths_of_a_hypercuboid_are_searched_too():
    cuboid = HyperCuboidSpace(layers=2, channels=2, widths=2)
    search = searched(make=lambda portion: HyperCuboidSupernet(cuboid, 3, features=4))
    measured, scores = run(search)
    assert scores["paths"].shape == cuboid.shape
    assert scores["paths"].sum((2, 3, 4)) == pytest.approx(np.ones((2, 1)))
    assert measured[-1]["paths/resizable_pool"] == pytest.approx(scores["paths"][..., 1].mean())


@pytest.mark.parametrize("settings", [{"edge_strengths": True}, {"discretise": "perturbation"}])
def test_paths_have_no_edges_that_could_be_weighted_or_left_out(settings):
    cuboid = HyperCuboidSpace(layers=2, channels=2, widths=2)
    with pytest.raises(ParetreeError, match="HyperCuboid"):
        searched(make=lambda portion: HyperCuboidSupernet(cuboid, 3, features=4), **settings)


def test_after_a_perturbation_weights_say_what_was_missed():
    search = searched(discretise="perturbation", alpha_warmup=1.0)
    _, scores = run(search)
    weights = search.weights()["edges"]
    assert weights.sum(1) == pytest.approx(np.ones(6))
    assert np.array_equal(weights.argsort(1), scores["edges"].argsort(1))
