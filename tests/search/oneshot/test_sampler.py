"""Searches on supernets as trials of a sweep, and what is proposed of them."""

import math
from functools import cache, partial

import numpy as np
import pytest
import torch

import paretree as pt
from paretree.search import Store
from paretree.search.goals import Goals
from paretree.search.oneshot import OneShot, oneshot_trial, search_and_train, searching
from paretree.search.store.states import TrialState
from paretree.search.trials import KnownTrial, Trials
from paretree.spaces.cells import DARTS, NASBENCH201_CELLS, CellSpace, MacroSkeleton, NASBench201Supernet, Supernet
from paretree.spaces.cells.images import Images
from paretree.spaces.cells.training import CellTraining, cell_trial
from paretree.spaces.zoo import nasbench201

CELLS = CellSpace(DARTS, nodes=2)
SKELETON = MacroSkeleton(3, 4)
GOALS = Goals.of({"accuracy": "maximize"})
AT = "model=cells"


def space(**settings):
    return searching(CELLS.space(SKELETON), {"epochs": 2, "batch_size": 16, **settings})


def returned(cells, seed):
    """What a search returns, with weights drawn at random that are scores too."""
    draw = np.random.default_rng(seed)
    tables = {kind: draw.dirichlet(np.ones(cells.shape[1]), cells.shape[0]) for kind in cells.types}
    named = cells.named(tables, AT).items()
    metrics = {f"{kind}/{name}": value for kind in ("score", "weight") for name, value in named}
    return tables, {"accuracy": math.nan, **metrics}


def added(trials, proposal, values=None, state=TrialState.RUNNING):
    trial = KnownTrial(len(trials), proposal.configuration, state, seed=7, proposal=proposal.to_json())
    trials.put(trial if values is None else trial.finished(trials.goals, values))
    return trial


def test_a_sweep_begins_with_searches_that_differ_in_their_seeds():
    proposals = OneShot(CELLS, searches=3).propose(space(), Trials(GOALS), 3, seed=0)
    assert [one.configuration["model"] for one in proposals] == ["search"] * 3
    assert [one.configuration["model=search/seed"] for one in proposals] == [0, 1, 2]


def test_what_a_search_ended_in_is_proposed_and_then_draws_by_its_weights():
    sampler, trials, searched = OneShot(CELLS, draws=2), Trials(GOALS), space()
    [search] = sampler.propose(searched, trials, 1, seed=0)
    tables, values = returned(CELLS, 0)
    added(trials, search, values)
    found = sampler.propose(searched, trials, 3, seed=1)
    assert found[0].reason == "what search 0 ended in"
    assert found[0].configuration == searched.configuration({"model": "cells", **CELLS.decisions(tables, AT)})
    assert [one.reason for one in found[1:]] == [f"draw {n} of 2 by the weights of search 0" for n in (1, 2)]
    assert len({one.configuration.key for one in found}) == 3
    assert all(one.detail == {"search": 0} for one in found)


def test_draws_follow_the_weights():
    sampler, searched = OneShot(CELLS, draws=200), space()
    trials = Trials(GOALS)
    [search] = sampler.propose(searched, trials, 1, seed=0)
    sure = np.full(CELLS.shape, 1e-6)
    sure[:, CELLS.primitives.names.index("sep_conv_3x3")] = 0.8
    sure[:, CELLS.primitives.names.index("skip_connect")] = 0.2
    named = CELLS.named(dict.fromkeys(CELLS.types, sure), AT).items()
    values = {f"{kind}/{name}": value for kind in ("score", "weight") for name, value in named}
    added(trials, search, {"accuracy": math.nan, **values})
    proposals = [one for one in sampler.propose(searched, trials, 200, 0) if one.detail]
    drawn = [v for one in proposals for path, v in one.configuration.values.items() if path.endswith("/op")]
    assert set(drawn) == {"sep_conv_3x3", "skip_connect"}
    assert 0.5 < drawn.count("sep_conv_3x3") / len(drawn) < 0.95


def test_the_same_trials_give_the_same_proposals():
    trials, searched = Trials(GOALS), space()
    [search] = OneShot(CELLS).propose(searched, trials, 1, seed=0)
    added(trials, search, returned(CELLS, 1)[1])
    once, again = (OneShot(CELLS, draws=3).propose(searched, trials, 5, seed=2) for _ in range(2))
    assert once == again


def test_while_a_search_runs_other_workers_try_cells():
    sampler, trials, searched = OneShot(CELLS), Trials(GOALS), space()
    added(trials, sampler.propose(searched, trials, 1, seed=0)[0])
    proposals = sampler.propose(searched, trials, 5, seed=1)
    assert len(proposals) == 5
    assert {one.configuration["model"] for one in proposals} == {"cells"}


@pytest.mark.parametrize("then", ["evolution", "random", "optuna:tpe"])
def test_then_another_sampler_is_asked_and_its_searches_are_replaced(then):
    sampler, trials, searched = OneShot(CELLS, then=then), Trials(GOALS), space()
    added(trials, sampler.propose(searched, trials, 1, seed=0)[0], returned(CELLS, 0)[1])
    for number in range(12):
        for proposal in sampler.propose(searched, trials, 2, seed=number):
            assert proposal.configuration["model"] == "cells"
            added(trials, proposal, {"accuracy": number / 12})
    assert len(trials) == 25, "none was proposed twice"


def test_a_search_that_failed_is_not_repeated():
    sampler, trials, searched = OneShot(CELLS), Trials(GOALS), space()
    added(trials, sampler.propose(searched, trials, 1, seed=0)[0], state=TrialState.FAILED)
    assert {one.configuration["model"] for one in sampler.propose(searched, trials, 3, seed=1)} == {"cells"}


def test_a_space_without_searches_is_refused():
    with pytest.raises(pt.SweepError, match=r"has no searches; give the sweep searching\(space\)"):
        OneShot(CELLS).propose(CELLS.space(SKELETON), Trials(GOALS), 1, 0)


def test_searches_of_other_cells_are_refused():
    sampler, trials, searched = OneShot(CellSpace(DARTS, nodes=3)), Trials(GOALS), space()
    added(trials, sampler.propose(searched, trials, 1, seed=0)[0], returned(CELLS, 0)[1])
    with pytest.raises(pt.SweepError, match=r"Search 0 returned no .* must be an oneshot_trial of the cells"):
        sampler.propose(searched, trials, 1, 1)


@pytest.mark.parametrize("searches", [0, 65])
def test_a_number_of_searches_that_cannot_be_is_refused(searches):
    with pytest.raises(pt.SweepError, match=f"searches={searches} is no number of searches; give one from 1 to 64"):
        OneShot(CELLS, searches=searches)


def test_what_has_no_cells_cannot_be_searched():
    with pytest.raises(pt.SweepError, match="A space of cells has them at 'model'; this one has lr"):
        searching(pt.Space(lr=pt.Float(0, 1)))


def test_settings_of_a_search_can_be_decided_and_begin_with_a_preset():
    searched = searching(nasbench201(), {"preset": "drnas", "epochs": 3, "portion": pt.Choice(1, 2)})
    assert searched.count() == 15_625 + 2 * 64
    config = searched.configuration({"model": "search", "model=search/settings/portion": 2, "model=search/seed": 5})
    built = config.model.build()
    assert (built["settings"].relaxation, built["settings"].epochs, built["settings"].portion) == ("dirichlet", 3, 2)
    assert built["seed"] == 5
    assert pt.Space.from_json(searched.to_json()).fingerprint == searched.fingerprint


def test_a_space_believes_what_a_search_ended_with():
    tables, _ = returned(CELLS, 3)
    believed = CELLS.space(SKELETON, tables)
    assert believed.has_priors
    row = tables["normal"][0, 1:]
    slot = next(slot for slot in believed.slots if slot.path == "model/normal/2=0/op")
    assert slot.domain.weights == pytest.approx(row / row.sum())
    assert [one.path for one in believed.slots] == [one.path for one in CELLS.space(SKELETON).slots]


def test_a_search_that_believes_in_nothing_says_nothing_of_what_there_is():
    nothing = np.zeros(CELLS.shape)
    nothing[:, CELLS.primitives.names.index("none")] = 1.0
    believed = CELLS.space(SKELETON, dict.fromkeys(CELLS.types, nothing))
    assert not believed.has_priors


@cache
def stripes():
    """Images whose two classes are told by the direction of their stripes."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (96,), generator=draw)
    rows = torch.tensor([0.0, 1.0]).repeat(4).view(1, 1, 8, 1).expand(96, 1, 8, 8)
    pixels = torch.where(labels.view(-1, 1, 1, 1) == 1, rows, rows.transpose(2, 3))
    images = Images.of(pixels + 0.3 * torch.randn(pixels.shape, generator=draw), labels)
    return images.split(0.67)


def darts_supernet(portion):
    return Supernet(CELLS, SKELETON, portion=portion)


def nasbench201_supernet(portion):
    return NASBench201Supernet(4, 1, 2, portion=portion)


@pytest.mark.parametrize(
    ("cells", "supernet", "small"),
    [
        (CELLS, darts_supernet, CELLS.space(SKELETON)),
        (NASBENCH201_CELLS, nasbench201_supernet, nasbench201(2, 4, 1)),
    ],
    ids=["darts", "nasbench201"],
)
def test_a_sweep_searches_and_trains_what_it_found(cells, supernet, small, tmp_path):
    searched = searching(small, {"epochs": 2, "batch_size": 16, "crop": 1})
    train = oneshot_trial(supernet, stripes, cell_trial(stripes, epochs=1, batch_size=16, crop=1, cutout=0))
    store = str(tmp_path / "cells.db")
    objectives = {"accuracy": "maximize", "params": "minimize"}
    sweep = pt.Sweep("stripes", searched, train, objectives, sampler=OneShot(cells), store=store, seed=0)
    sweep.run(trials=3, workers=pt.InlineWorkers(), progress=False)
    trials = sweep.trials()
    assert trials["state"].tolist() == ["finished"] * 3, trials["message"].tolist()
    assert trials["model"].tolist() == ["search", "cells", "cells"]
    assert np.isnan(trials["accuracy"][0])
    assert trials["accuracy"][1:].between(0, 1).all()
    assert set(sweep.front()["number"]) <= {1, 2}, "a search is on no front"
    assert 0 <= trials["search_accuracy"][0] <= 1
    opened = Store.open(store)
    row = opened.find_sweep("stripes")
    reports = opened.reports(row.id, 0)
    assert opened.trial(row.id, 1).proposal["detail"] == {"search": 0}
    assert {report.step for report in reports} == {0, 1}
    assert f"{cells.types[0]}/skip_connect" in {report.name for report in reports}


def test_how_to_search_can_be_searched_too(tmp_path):
    how = pt.Space(portion=pt.Choice(1, 2), beta_decay=pt.Float(0.1, 10, log=True), epochs=1)
    training = CellTraining(epochs=1, batch_size=16, crop=1, cutout=0)
    train = search_and_train(darts_supernet, stripes, CELLS.space(SKELETON), training, batch_size=16, crop=1)
    sweep = pt.Sweep(
        "how", how, train, {"accuracy": "maximize"}, sampler="random", store=str(tmp_path / "s.db"), seed=0
    )
    sweep.run(2, workers=pt.InlineWorkers(), progress=False)
    trials = sweep.trials()
    assert trials["state"].tolist() == ["finished"] * 2, trials["message"].tolist()
    assert trials["accuracy"].between(0, 1).all()
    assert (trials["params"] > 0).all()


class Killed(RuntimeError):
    pass


def test_a_search_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path):
    searched = space(epochs=3, crop=1)

    def run(name, fails_at):
        def train(trial):
            report = trial.report

            def reported(step, **metrics):
                report(step, **metrics)
                if trial.attempt == 0 and step == fails_at:
                    raise Killed

            trial.report = reported
            return oneshot_trial(darts_supernet, stripes, partial(pytest.fail, "no cell is to be trained"))(trial)

        sweep = pt.Sweep(
            name,
            searched,
            train,
            {"accuracy": "maximize"},
            sampler=OneShot(CELLS),
            store=str(tmp_path / "s.db"),
            seed=0,
        )
        sweep.run(1, workers=pt.InlineWorkers(), retries=pt.Retries(user=1), progress=False)
        opened = Store.open(str(tmp_path / "s.db"))
        return opened.trial(opened.find_sweep(name).id, 0)

    whole, interrupted = run("whole", None), run("interrupted", 1)
    assert interrupted.attempts == 2
    assert interrupted.values == pytest.approx(whole.values, nan_ok=True, abs=0)
