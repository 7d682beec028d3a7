"""Whole sweeps in this process."""

import math

import pytest

import paretree as pt
from paretree.search import RandomSampler, Store, opening
from paretree.workers import InlineWorkers

SPACE = pt.Space(x=pt.Float(-1, 1), kind=pt.Choice(a={"k": pt.Int(1, 4)}, b={}))


def train(trial):
    x = trial.config.x
    trial.report(0, f=x)
    return {"f": x**2, "g": (x - 1) ** 2, "note": float(trial.number)}


def make(store, name="s", space=SPACE, function=train, **options):
    goals = options.pop("objectives", {"f": "minimize", "g": "minimize"})
    options = {"sampler": "random", **options}  # the default thinks, which is tested elsewhere
    return pt.Sweep(name, space, function, goals, store=str(store / "s.db"), seed=1, **options)


def run(sweep, trials, **options):
    sweep.run(trials, workers=InlineWorkers(), progress=False, **options)
    return sweep


def test_trials_come_as_a_frame_with_decisions_and_values(tmp_path):
    frame = run(make(tmp_path), 12).trials()
    assert frame["number"].tolist() == list(range(12))
    assert set(frame["state"]) == {"finished"}
    assert {"f", "g", "note", "x", "kind", "kind=a/k", "sampler", "worker", "seconds", "started_at"} <= set(
        frame.columns
    )
    assert frame["f"].tolist() == (frame["x"] ** 2).tolist()
    assert frame.loc[frame["kind"] == "b", "kind=a/k"].isna().all()


def test_the_front_is_ordered_and_best_is_on_it(tmp_path):
    sweep = run(make(tmp_path), 30)
    front = sweep.front()
    assert front["f"].is_monotonic_increasing
    assert front["g"].is_monotonic_decreasing
    assert sweep.best("g")["number"] in front["number"].tolist()
    assert sweep.configuration(int(front.iloc[0]["number"])).x == front.iloc[0]["x"]


def test_a_second_run_adds_only_what_is_missing(tmp_path):
    first = run(make(tmp_path), 8).trials()
    second = run(make(tmp_path), 12).trials()
    assert second.iloc[:8]["x"].tolist() == first["x"].tolist()
    assert len(run(make(tmp_path), 12).trials()) == 12


def test_a_sweep_with_a_seed_repeats_itself_exactly_also_when_it_is_interrupted(tmp_path):
    whole = run(make(tmp_path, "whole"), 25).trials()
    parts = make(tmp_path, "parts")
    for trials in (3, 11, 12, 25):
        run(make(tmp_path, "parts"), trials)
    assert parts.trials()["x"].tolist() == whole["x"].tolist()


def test_resume_spends_the_budget_of_the_last_run(tmp_path):
    def interrupting(trial):
        if trial.number == 4 and trial.attempt == 0:
            raise KeyboardInterrupt
        return train(trial)

    sweep = make(tmp_path, function=interrupting)
    with pytest.raises(KeyboardInterrupt):
        run(sweep, 9)
    sweep.resume(workers=InlineWorkers(), progress=False)
    assert sweep.trials()["state"].tolist() == ["finished"] * 9
    assert sweep.trials()["attempts"].tolist() == [1] * 4 + [2] + [1] * 4


def test_a_sweep_that_never_ran_cannot_be_resumed(tmp_path):
    with pytest.raises(pt.StoreError, match="there is no sweep 's'"):
        make(tmp_path).resume()


def test_another_space_under_the_same_name_is_refused_with_what_changed(tmp_path):
    run(make(tmp_path), 3)
    changed = pt.Space(x=pt.Float(-1, 2), kind=pt.Choice(a={"k": pt.Int(1, 4)}, b={}), y=pt.Int(1, 2))
    with pytest.raises(pt.SweepError) as error:
        run(make(tmp_path, space=changed), 5)
    for part in ("Sweep 's' in sqlite:///", "does not decide 'y'", "has another range for 'x'", "another name"):
        assert part in str(error.value)
    assert len(make(tmp_path).trials()) == 3


def test_other_objectives_under_the_same_name_are_refused(tmp_path):
    run(make(tmp_path), 3)
    with pytest.raises(pt.SweepError, match="has other objectives or constraints"):
        run(make(tmp_path, objectives={"f": "maximize", "g": "minimize"}), 5)


def test_a_space_that_cannot_be_stored_is_refused_before_anything_runs(tmp_path):
    with pytest.warns(UserWarning, match="cannot be stored"):
        space = pt.Space(x=pt.Build(lambda: 1))
    with pytest.raises(pt.SpaceError, match="a lambda or local function cannot be stored"):
        run(make(tmp_path, space=space), 3)


def test_constraints_keep_trials_off_the_front(tmp_path):
    sweep = run(make(tmp_path, objectives={"f": "minimize"}, constraints={"g": "<= 1.0"}), 30)
    assert (sweep.front()["g"] <= 1.0).all()
    assert sweep.best()["g"] <= 1.0


def test_best_asks_which_objective_and_says_when_there_is_none(tmp_path):
    sweep = run(make(tmp_path, function=lambda trial: {"f": math.nan, "g": 1.0}), 3)
    with pytest.raises(pt.SweepError, match=r"Best in which objective\? Name one of f, g."):
        sweep.best()
    with pytest.raises(pt.SweepError, match="No trial of sweep 's' has finished"):
        sweep.best("f")


def test_knee_hypervolume_and_importance_are_those_of_the_trials(tmp_path):
    sweep = run(make(tmp_path), 30)
    assert sweep.knee()["number"] in sweep.front()["number"].tolist()
    assert sweep.hypervolume({"f": 1.0, "g": 4.0}) > sweep.hypervolume({"f": 0.5, "g": 2.0}) > 0
    assert sweep.importance()["f"].idxmax() == "x"
    assert sweep.importance("fanova").columns.tolist() == ["f", "g"]


def test_before_a_trial_has_finished_there_is_no_knee_and_no_volume(tmp_path):
    sweep = run(make(tmp_path, function=lambda trial: {"f": math.nan, "g": 1.0}), 3)
    assert sweep.hypervolume() == 0.0
    with pytest.raises(pt.SweepError, match="No trial of sweep 's' has finished within its constraints yet"):
        sweep.knee()


def test_several_sweeps_share_a_store(tmp_path):
    run(make(tmp_path, "one"), 3)
    run(make(tmp_path, "two"), 4)
    assert [make(tmp_path, name).size() for name in ("one", "two", "three")] == [3, 4, 0]


@pytest.mark.parametrize("objectives", [{"f": "minimize"}, {"f": "minimize", "g": "minimize"}])
def test_a_plot_shows_the_trials(tmp_path, objectives):
    sweep = run(make(tmp_path, objectives=objectives), 10)
    sweep.plot().savefig(tmp_path / "front.png")
    assert (tmp_path / "front.png").stat().st_size > 5_000
    assert "10 trials" in [text.get_text() for text in sweep.plot().axes[0].get_legend().get_texts()]


def test_a_sweep_whose_trials_have_no_result_can_still_be_looked_at(tmp_path):
    def broken(trial):
        raise ValueError("no data")

    sweep = make(tmp_path, function=broken)
    with pytest.raises(pt.SweepError, match="ValueError: no data"):
        run(sweep, 5, max_failures=2)
    assert sweep.trials()["message"].tolist() == ["ValueError: no data"] * 2
    assert sweep.front().empty
    assert sweep.plot().axes


def small(configuration):
    return configuration.x + 1


def test_what_is_known_is_computed_here_and_a_run_goes_on_with_it(tmp_path):
    def make_known():
        return make(
            tmp_path, objectives={"f": "minimize", "size": "minimize"}, known={"size": small},
            function=lambda trial: trial.config.x ** 2,
        )  # fmt: skip

    run(make_known(), 5)
    frame = run(make_known(), 9).trials()
    assert frame["size"].tolist() == (frame["x"] + 1).tolist()
    assert frame["state"].tolist() == ["finished"] * 9


def test_a_known_constraint_keeps_trials_from_being_started(tmp_path):
    options = {"objectives": {"f": "minimize"}, "constraints": {"size": "<= 0.5"}, "known": {"size": small}}
    frame = run(make(tmp_path, **options), 12).trials()
    assert (frame["size"] <= 0.5).all()
    assert (frame["f"] <= 1).all()


def test_what_is_known_of_nothing_is_refused_when_the_sweep_is_made(tmp_path):
    with pytest.raises(pt.SweepError, match=r"'ff' is known, but .* did you mean 'f'\?"):
        make(tmp_path, known={"ff": small})


def test_a_sampler_needs_time_to_answer(tmp_path):
    with pytest.raises(pt.SweepError, match="ask_timeout=0 is no time; give a number of seconds above 0"):
        run(make(tmp_path), 3, ask_timeout=0)


class Slow:
    """Draws at random, and says that it thinks."""

    name, thinks = "slow", True

    def propose(self, space, trials, n, seed):
        return RandomSampler().propose(space, trials, n, seed)


def test_a_sweep_with_a_seed_repeats_itself_exactly_also_where_its_sampler_thinks(tmp_path):
    whole = run(make(tmp_path, "whole", sampler=Slow()), 12).trials()
    for trials in (3, 4, 12):
        parts = run(make(tmp_path, "parts", sampler=Slow()), trials).trials()
    quick = run(make(tmp_path, "quick", sampler="random"), 12).trials()
    assert parts["x"].tolist() == whole["x"].tolist() == quick["x"].tolist()


def test_a_folder_for_files_is_whole_wherever_trials_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.open("here.db")
    assert opening.files_of("kept", store) == str(tmp_path / "kept")
    assert opening.files_of("s3://bucket/kept", store) == "s3://bucket/kept"
    assert opening.files_of(None, store) == str(tmp_path / "here-files")


def test_a_sweep_without_a_function_is_driven_but_not_run(tmp_path):
    sweep = make(tmp_path, function=None)
    with pytest.raises(pt.SweepError, match=r"^Sweep 's' has no train function; give one, or drive it"):
        run(sweep, 1)
    with sweep.driving(trials=1) as session:
        for trial in session:
            trial.tell({"f": 1.0, "g": 2.0})
    assert sweep.trials()["state"].tolist() == ["finished"]
