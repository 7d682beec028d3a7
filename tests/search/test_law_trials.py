"""The trials of a family of sweeps as one table."""

import math

import pytest

import paretree as pt
from paretree.search import RandomSampler, Store, StoreError, SweepError
from paretree.search.law_trials import law_trials
from paretree.spaces.laws import fit_loss_law
from paretree.workers import InlineWorkers


def loss_of(config):
    return 1.8 + 480 / config.N**0.35 + 2100 / config.D**0.37 + 0.01 * abs(math.log(config.lr / 1e-2))


def train(trial):
    return {"loss": loss_of(trial.config), "seconds": 1.0}


def run(folder, name, space, function=train, objectives=None, trials=3):
    """A finished sweep of random trials in the store of this folder."""
    goals = objectives or {"loss": "minimize"}
    sweep = pt.Sweep(name, space, function, goals, store=str(folder / "s.db"), sampler=RandomSampler(), seed=1)
    sweep.run(trials, workers=InlineWorkers(), progress=False)
    return sweep


def space_of(N=1e6, D=2e7, **parts):
    return pt.Space(
        **{"N": N, "D": D, "lr": pt.Float(1e-4, 1e-1, log=True), "batch_size": pt.Choice(8, 16, 32), **parts}
    )


def store_of(folder):
    return Store.open(str(folder / "s.db"), readonly=True)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Three sweeps "lm/..." whose N and D are constants, and one of another name."""
    folder = tmp_path_factory.mktemp("family")
    for name, N, D in (("lm/a", 1e6, 2e7), ("lm/b", 2e6, 4e7), ("lm/c", 4e6, 2e7), ("other", 1e6, 2e7)):
        run(folder, name, space_of(N, D))
    return folder


def test_sweeps_become_one_table_with_sizes_from_their_spaces(family):
    frame = law_trials(store_of(family), ["lm/a", "lm/b"])
    assert list(frame.columns) == ["sweep", "number", "N", "D", "learning_rate", "batch_size", "loss"]
    assert frame["sweep"].tolist() == ["lm/a"] * 3 + ["lm/b"] * 3
    assert frame["number"].tolist() == [0, 1, 2] * 2
    assert frame["N"].tolist() == [1e6] * 3 + [2e6] * 3
    assert set(frame["batch_size"]) <= {8, 16, 32}
    expected = 1.8 + 480 / frame["N"] ** 0.35 + 2100 / frame["D"] ** 0.37
    assert (frame["loss"] >= expected).all()
    assert ((frame["learning_rate"] >= 1e-4) & (frame["learning_rate"] <= 1e-1)).all()
    assert frame.attrs == {"sweeps": ["lm/a", "lm/b"], "dropped": 0}


@pytest.mark.parametrize("names", ["lm/*", ["lm/*"], ["lm/a", "lm/[bc]"], ["lm/c", "*/a", "lm/*"]])
def test_patterns_find_sweeps_and_each_counts_once(family, names):
    frame = law_trials(store_of(family), names)
    assert sorted(frame["sweep"].unique()) == ["lm/a", "lm/b", "lm/c"]
    assert not frame.duplicated(["sweep", "number"]).any()


def test_a_store_can_be_given_by_its_address(family):
    assert law_trials(str(family / "s.db"), "lm/*").equals(law_trials(store_of(family), "lm/*"))


def test_a_sweep_whose_name_looks_like_a_pattern_is_found_by_it(tmp_path):
    run(tmp_path, "lm[1]", space_of())
    run(tmp_path, "lm1", space_of())
    assert law_trials(store_of(tmp_path), "lm[1]").attrs["sweeps"] == ["lm[1]"]


def test_sizes_may_be_decisions_expressions_fidelities_or_lie_deeper(tmp_path):
    width = pt.Choice(64, 128, name="width")
    space = pt.Space(
        model={"width": width, "params": 12 * width**2},
        tokens=pt.Fidelity(1_000_000, 8_000_000, unit="tokens"),
        optimizer={"rate": pt.Float(1e-4, 1e-1, log=True), "name": "adamw"},
        sequences=pt.Int(4, 16),
        context=256,
    )
    run(tmp_path, "deep", space, lambda trial: 2.0, trials=4)
    frame = law_trials(
        store_of(tmp_path),
        "deep",
        N="model/params",
        D="tokens",
        learning_rate="optimizer/rate",
        batch_size="sequences",
        seq_len="context",
    )
    assert set(frame["N"]) <= {12 * 64**2, 12 * 128**2}
    assert (frame["D"] == 8_000_000).all(), "the full fidelity"
    assert frame["learning_rate"].between(1e-4, 1e-1).all()
    assert set(frame["batch_size"] / 256) <= set(range(4, 17)), "in tokens"


def test_batches_in_sequences_come_in_tokens(family):
    in_sequences = law_trials(store_of(family), "lm/a")["batch_size"]
    assert law_trials(store_of(family), "lm/a", seq_len=512)["batch_size"].tolist() == (512 * in_sequences).tolist()


def test_what_was_not_searched_may_be_left_out(tmp_path):
    run(tmp_path, "s", pt.Space(N=1e6, D=2e7, lr=pt.Float(1e-4, 1e-1, log=True)))
    assert "batch_size" not in law_trials(store_of(tmp_path), "s", batch_size=None).columns
    with pytest.raises(
        SweepError, match="has no part 'batch_size'; name the one meant with batch_size=: 'N', 'D', 'lr'"
    ):
        law_trials(store_of(tmp_path), "s")


def test_only_trials_that_finished_with_a_finite_loss_count(tmp_path):
    def unlucky(trial):
        if trial.number == 0:
            raise RuntimeError("out of luck")
        return {1: math.nan, 2: math.inf}.get(trial.number, 2.0)

    run(tmp_path, "s", space_of(), unlucky, trials=5)
    frame = law_trials(store_of(tmp_path), "s")
    assert frame["number"].tolist() == [3, 4]
    assert frame.attrs["dropped"] == 2, "those that diverged are counted, the one that failed is not"


def test_a_second_objective_or_a_metric_can_be_the_loss(tmp_path):
    goals = {"loss": "minimize", "accuracy": "maximize"}
    run(tmp_path, "s", space_of(), lambda trial: {"loss": 2.0, "accuracy": 0.5, "bits": 2.9}, goals)
    store = store_of(tmp_path)
    assert (law_trials(store, "s", loss="bits")["loss"] == 2.9).all()
    with pytest.raises(SweepError, match=r"objectives 'loss' \(minimize\), 'accuracy' \(maximize\); say which value"):
        law_trials(store, "s")
    with pytest.raises(SweepError, match="maximises 'accuracy', which is no loss"):
        law_trials(store, "s", loss="accuracy")
    with pytest.raises(SweepError, match="have no value 'perplexity'; name one of 'loss', 'accuracy', 'bits'"):
        law_trials(store, "s", loss="perplexity")


def test_sweeps_that_are_not_there_are_named(family):
    with pytest.raises(StoreError, match="there is no sweep 'lm/d'"):
        law_trials(store_of(family), ["lm/a", "lm/d"])
    with pytest.raises(SweepError, match=r"called like 'gpt/\*'; there are 'lm/a', 'lm/b', 'lm/c', 'other'"):
        law_trials(store_of(family), "gpt/*")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"N": "params"}, "Trial 0 of sweep 'lm/a' has no part 'params'; name the one meant with N=: 'N', 'D', 'lr'"),
        ({"N": "N/deeper"}, "has no part 'N/deeper'"),
        ({"D": "model"}, "Part 'model' is 'tiny' in trial 0 of sweep 'lm/a', and a law needs a positive number"),
        ({"D": "nothing"}, "Part 'nothing' is 0 in trial 0"),
        ({"learning_rate": "optimizer"}, "Part 'optimizer' is Part"),
        ({"seq_len": "model"}, "name another with seq_len='...'"),
        ({"seq_len": 0}, "cannot have seq_len=0 tokens"),
    ],
)
def test_parts_that_hold_no_size_are_refused_in_one_sentence(tmp_path, names, message):
    run(tmp_path, "lm/a", space_of(model="tiny", nothing=0, optimizer={"eps": pt.Float(1e-9, 1e-8)}), trials=1)
    with pytest.raises(SweepError, match=message) as refused:
        law_trials(store_of(tmp_path), "lm/a", **names)
    assert str(refused.value).count(". ") == 0, str(refused.value)


def test_a_size_that_cannot_be_computed_here_is_refused(tmp_path):
    run(tmp_path, "s", pt.Space(**dict(space_of().parts), bad=pt.apply("math:log", 0)))
    with pytest.raises(SweepError, match=r"Part 'bad' of trial 0 of sweep 's' cannot be computed \(ValueError"):
        law_trials(store_of(tmp_path), "s", N="bad")


def test_a_sweep_without_trials_adds_no_rows(tmp_path):
    run(tmp_path, "failed", space_of(), lambda trial: math.nan)
    frame = law_trials(store_of(tmp_path), "failed")
    assert frame.empty
    assert list(frame.columns) == ["sweep", "number", "N", "D", "learning_rate", "batch_size", "loss"]
    assert frame.attrs["dropped"] == 3


def test_a_law_of_the_loss_is_fitted_to_the_table(tmp_path):
    for N in (1e6, 4e6, 16e6):
        for D in (2e7, 2e8):
            run(tmp_path, f"lm/{N:g},{D:g}", space_of(N, D), trials=6)
    law = fit_loss_law(law_trials(store_of(tmp_path), "lm/*"), bootstrap=5)
    assert len(law.evidence.groups) == 6
    assert all(group.trials == 6 for group in law.evidence.groups)
