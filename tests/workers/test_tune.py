"""Sweeps that `ray.tune.Tuner` drives, with real trials on a small cluster."""

import copy
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import paretree as pt

ray = pytest.importorskip("ray")
tune = pytest.importorskip("ray.tune")

from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining  # noqa: E402

from paretree.workers.tune import Population, TuneSearch, bounds, explore, mutations, trainable  # noqa: E402
from paretree.workers.tune.configs import MARK, configuration_of  # noqa: E402

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SPACE = pt.Space(x=pt.Float(-1, 1), kind=pt.Choice(a={"k": pt.Int(1, 4)}, b={}))
ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds; a guard against hanging, not an expectation


def make(tmp_path, **options):
    options = {"space": SPACE, "train": float, "objectives": {"f": "minimize"}, "sampler": "random"} | options
    return pt.Sweep("s", store=str(tmp_path / "s.db"), **options)


def fit(tmp_path, search, function, num_samples=-1, **config):
    tuner = tune.Tuner(
        function,
        tune_config=tune.TuneConfig(search_alg=search, num_samples=num_samples, reuse_actors=True, **config),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="tune", verbose=0),
    )
    return tuner.fit()


def rows_of(sweep):
    return sweep._store.trials(sweep._store.sweep("s").id)


def reports_of(sweep, number):
    return {(one.step, one.name): one.value for one in sweep._store.reports(sweep._store.sweep("s").id, number)}


def by_number(grid):
    return {result.config[MARK]["number"]: result for result in grid}


@pytest.mark.parametrize("sampler", ["random", "optuna:tpe", "auto"])
def test_what_tune_runs_is_in_the_store(cluster, tmp_path, sampler):
    def train(trial):
        for step in range(2):
            trial.report(step, f=trial.config.x + 1 / (step + 1))
        trial.log("seeded with", trial.seed)
        return {"f": trial.config.x**2, "g": (trial.config.x - 1) ** 2, "decisions": len(trial.config.values)}

    sweep = make(tmp_path, objectives={"f": "minimize", "g": "minimize"}, sampler=sampler, seed=3)
    with sweep.driving(trials=6) as session:
        grid = fit(tmp_path, TuneSearch(session), trainable(train, SPACE))
    rows, results = rows_of(sweep), by_number(grid)
    assert [row.state for row in rows] == ["finished"] * 6
    assert sweep._store.sweep("s").reason == "the budget is spent"
    assert sorted(results) == list(range(6))
    for row in rows:
        result = results[row.number]
        decisions = {path: value for path, value in result.config.items() if path != MARK}
        assert decisions == row.configuration
        assert ("kind=a/k" in decisions) == (decisions["kind"] == "a"), "a decision that is not active must be absent"
        assert {name: result.metrics[name] for name in ("f", "g", "decisions")} == row.values
        history = result.metrics_dataframe
        assert [reports_of(sweep, row.number)[step, "f"] for step in range(2)] == history["f"].tolist()[:2]
        assert row.worker == f"tune:{result.metrics['trial_id']}"
    lines = [line.text for line in sweep._store.logs(sweep._store.sweep("s").id, 2)]
    assert lines == [f"seeded with {rows[2].seed}"]


def test_what_asha_stops_is_stopped_in_the_store_with_all_it_reported(cluster, tmp_path):
    def train(trial):
        for step in range(4):
            trial.report(step, f=abs(trial.config.x))
        return {"f": abs(trial.config.x)}

    sweep = make(tmp_path, seed=5)
    asha = ASHAScheduler(metric="f", mode="min", max_t=100, grace_period=1, reduction_factor=2)
    with sweep.driving(trials=10) as session:
        grid = fit(tmp_path, TuneSearch(session), trainable(train, SPACE), scheduler=asha, max_concurrent_trials=2)
    rows, results = rows_of(sweep), by_number(grid)
    assert {row.state for row in rows} == {"finished", "stopped"}
    for row in rows:
        metrics = results[row.number].metrics
        assert (row.state == "finished") == metrics[MARK]["returned"]
        assert (row.values == {"f": metrics["f"]}) == (row.state == "finished")
        reported = metrics["training_iteration"] - (row.state == "finished")
        assert [step for step, _ in reports_of(sweep, row.number)] == list(range(reported))


def test_failed_trials_and_bad_results_do_not_end_the_search(cluster, tmp_path):
    def train(trial):
        if trial.number == 1:
            raise ValueError("the pump leaks")
        return {"f": math.nan if trial.number == 3 else 1.0} if trial.number != 2 else {"g": 1.0}

    sweep = make(tmp_path)
    with sweep.driving(trials=5) as session:
        fit(tmp_path, TuneSearch(session), trainable(train, SPACE))
    rows = rows_of(sweep)
    assert [row.state for row in rows] == ["finished", "failed", "failed", "finished", "finished"]
    assert "error.txt" in rows[1].message
    assert "not the objective 'f'" in rows[2].message
    assert math.isnan(rows[3].values["f"])


def test_a_trainable_of_ones_own_is_mirrored_too(cluster, tmp_path):
    def train(config):
        for step in range(3):
            tune.report({"f": config["x"] ** 2 / (step + 1), "note": "text is left out"})

    sweep = make(tmp_path)
    with sweep.driving(trials=3) as session:
        grid = fit(tmp_path, TuneSearch(session), train)
    rows = rows_of(sweep)
    assert [row.state for row in rows] == ["finished"] * 3
    assert [row.values for row in rows] == [{"f": by_number(grid)[row.number].metrics["f"]} for row in rows]
    assert list(reports_of(sweep, 0)) == [(1, "f"), (2, "f"), (3, "f")]


def test_the_code_of_the_docs_runs(cluster, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/ray-tune.md").read_text(), re.DOTALL)
    place = f"run_config=tune.RunConfig(storage_path={str(tmp_path)!r}, verbose=0)"
    names = {}
    code = blocks[0].replace("sqlite:///", f"sqlite:///{tmp_path}/")
    exec(code.replace("    )\n    results", f"        {place},\n    )\n    results"), names)
    assert names["sweep"].size() == 8
    assert len(names["results"]) == 8
    exec(blocks[1], names)
    assert isinstance(names["tune_config"].search_alg, Population)


def test_a_population_changes_its_learning_rates_and_the_store_tells_from_whom(cluster, tmp_path):
    import numpy as np

    space = pt.Space(lr=pt.Float(0.001, 0.5, log=True), momentum=pt.Choice(0.0, 0.5, ordered=True), width=pt.Int(2, 3))

    def train(trial):
        generator = np.random.default_rng(0)
        weights, velocity, start = np.full(trial.config.width, 5.0), 0.0, 0
        if folder := trial.restore():
            weights, start = np.load(folder / "weights.npy"), trial.restored_step + 1
        for step in range(start, 8):
            velocity = trial.config.momentum * velocity - trial.config.lr * (weights - generator.normal(0, 0.01))
            weights = weights + velocity
            with trial.checkpoint(step) as folder:
                np.save(folder / "weights.npy", weights)
            trial.report(step, f=float(np.abs(weights).mean()))
        return {"f": float(np.abs(weights).mean())}

    sweep = make(tmp_path, space=space, seed=2)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="f",
        mode="min",
        perturbation_interval=2,
        quantile_fraction=0.5,
        resample_probability=0.0,
        hyperparam_mutations=mutations(space, "lr", "momentum"),
        custom_explore_fn=explore(space),
    )
    with sweep.driving() as session:
        grid = fit(
            tmp_path, Population(TuneSearch(session)), trainable(train, space), num_samples=4, scheduler=scheduler
        )
    rows = rows_of(sweep)
    children = [row for row in rows if row.parent is not None]
    assert children, "the population never changed"
    for child in children:
        parent = rows[child.parent]
        assert child.proposal["sampler"] == "tune"
        assert child.configuration["width"] == parent.configuration["width"]
        ratio = child.configuration["lr"] / parent.configuration["lr"]
        at_the_border = child.configuration["lr"] in (0.001, 0.5)
        assert at_the_border or any(math.isclose(ratio, factor, rel_tol=1e-6) for factor in (0.8, 1.2))
        assert child.worker != parent.worker, "a child goes on from another Tune trial"
        steps = [step for step, _ in reports_of(sweep, child.number)]
        assert 0 not in steps, "a child goes on from its parent's checkpoint"
        assert {row.state for row in rows} <= {"finished", "stopped"}
    last = {row.worker: row for row in rows}
    for result in grid:
        row = last[f"tune:{result.metrics['trial_id']}"]
        assert row.configuration == {path: value for path, value in result.config.items() if path != MARK}
        assert row.values == {"f": result.metrics["f"]}


SCRIPT = """
import os, sys, time
from pathlib import Path
import ray
from ray import tune
import paretree as pt
from paretree.workers.tune import TuneSearch, trainable

HERE = Path(__file__).parent
SPACE = pt.Space(x=pt.Float(-1, 1))

def train(trial):
    start = 0
    if folder := trial.restore():
        start = int((folder / "step").read_text()) + 1
    for step in range(start, 4):
        time.sleep(0.15)
        with open(HERE / "steps.txt", "a") as file:
            file.write(f"{trial.number} {step}\\n")
        with trial.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))
        trial.report(step, f=trial.config.x ** 2 + 4 - step)
    return trial.config.x ** 2

sweep = pt.Sweep("s", SPACE, train, {"f": "minimize"}, sampler="random", store=str(HERE / "s.db"), seed=1)

if __name__ == "__main__":
    ray.init(address="local", num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
    with sweep.driving(trials=8) as session:
        tune.Tuner(
            trainable(train, SPACE),
            tune_config=tune.TuneConfig(search_alg=TuneSearch(session), num_samples=-1, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=str(HERE), name="tune", verbose=0),
        ).fit()
"""


def loaded(file):
    spec = importlib.util.spec_from_file_location("tuned_script", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_killed_tuner_is_restored_and_nothing_that_finished_counts_twice(cluster, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(SCRIPT))
    log = (tmp_path / "log.txt").open("w")
    environment = os.environ | {"TUNE_GLOBAL_CHECKPOINT_S": "1"}
    driver = subprocess.Popen([sys.executable, str(file)], stdout=log, stderr=log, env=environment)
    script = loaded(file)
    deadline = time.monotonic() + PATIENCE
    while not (script.sweep._store.find_sweep("s") and (script.sweep.size() and finished(script.sweep) >= 3)):
        assert driver.poll() is None, (tmp_path / "log.txt").read_text()
        assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = {row.number: row for row in rows_of(script.sweep) if row.state == "finished"}
    assert 3 <= len(before) < 8
    with script.sweep.driving(trials=8):
        tune.Tuner.restore(str(tmp_path / "tune"), trainable(script.train, script.SPACE)).fit()
    rows = rows_of(script.sweep)
    assert [row.state for row in rows] == ["finished"] * 8
    for number, row in before.items():
        assert (rows[number].values, rows[number].attempts, rows[number].finished_at) == (
            row.values,
            1,
            row.finished_at,
        )
    assert all(row.values == {"f": row.configuration["x"] ** 2} for row in rows)
    assert len({row.key for row in rows}) == 8


def finished(sweep):
    return sum(row.state == "finished" for row in rows_of(sweep))


def test_a_tuner_is_restored_only_where_its_sweep_is_driven(tmp_path):
    with make(tmp_path).driving() as session:
        search = TuneSearch(session)
        text = ray.cloudpickle.dumps(search)
        assert copy.deepcopy(search)._session is session
        search.save(str(tmp_path / "saved"))
        assert json.loads((tmp_path / "saved").read_text()) == {"store": session.store_url, "sweep": "s", "running": []}
    with pytest.raises(pt.SweepError, match="is not driven by this process"):
        ray.cloudpickle.loads(text)
    (tmp_path / "other").mkdir()
    with (
        make(tmp_path / "other").driving() as session,
        pytest.raises(pt.WorkersError, match="was saved for sweep 's'"),
    ):
        TuneSearch(session).restore(str(tmp_path / "saved"))


def test_what_tune_forgot_is_suggested_anew_and_what_it_knows_goes_on(tmp_path):
    with make(tmp_path, seed=1).driving() as session:
        search = TuneSearch(session)
        known = search.suggest("known")
        search.save(str(tmp_path / "saved"))
        forgotten = search.suggest("forgotten")
    with make(tmp_path, seed=1).driving() as session:
        search = TuneSearch(session)
        search.restore(str(tmp_path / "saved"))
        again = search.suggest("again")
        assert without_attempt(again) == without_attempt(forgotten)
        search.on_trial_complete("known", {**flat(known), "training_iteration": 1, "f": 0.5})
        search.on_trial_complete("again", {**flat(again), "training_iteration": 1, "f": 0.25})
        search.on_trial_result("known", {**flat(known), "training_iteration": 9, "f": 9.0})
        search.on_trial_complete("known", {**flat(known), "training_iteration": 9, "f": 9.0})
    rows = rows_of(make(tmp_path))
    assert [(row.state, row.attempts, row.values["f"]) for row in rows] == [("finished", 2, 0.5), ("finished", 2, 0.25)]


def flat(config):
    decisions = {f"config/{path}": value for path, value in config.items() if path != MARK}
    return decisions | {f"config/{MARK}/{name}": value for name, value in config[MARK].items()}


def without_attempt(config):
    return {**config, MARK: {name: value for name, value in config[MARK].items() if name != "attempt"}}


def test_a_param_space_is_refused(tmp_path):
    with make(tmp_path).driving() as session, pytest.raises(pt.WorkersError, match=r"param_space=...\) has 'epochs'"):
        TuneSearch(session).set_search_properties("f", "min", {"epochs": 3})


def test_numbers_that_a_scheduler_changed_are_brought_back_into_their_ranges():
    space = pt.Space(
        lr=pt.Float(0.1, 1, log=True), n=pt.Int(1, 9, step=2), q=pt.Float(0, 1, step=0.25), c=pt.Choice("a")
    )
    changed = {"lr": 1.2, "n": 7.6, "q": 0.3, "c": "a", MARK: {"number": 1}}
    assert configuration_of(space, changed).values == {"lr": 1.0, "n": 7, "q": 0.25, "c": "a"}
    assert explore(space)(changed) == {"lr": 1.0, "n": 7, "q": 0.25, "c": "a", MARK: {"number": 1}}
    for wrong in ({"lr": 0.5}, {**changed, "m": 1}, {**changed, "c": "b"}, {**changed, "lr": "high"}):
        with pytest.raises(pt.ConfigurationError):
            configuration_of(space, wrong)


def test_what_breaks_a_constraint_after_a_change_becomes_what_keeps_it():
    base = pt.Space(a=pt.Int(1, 10), b=pt.Int(1, 10))
    a, b = base.parts["a"], base.parts["b"]
    space = pt.Space(a=a, b=b).require(a <= b)
    explored = explore(space)({"a": 8, "b": 5})
    assert space.contains(explored)


def test_mutations_and_bounds_are_those_of_the_space():
    space = pt.Space(
        lr=pt.Float(1e-4, 1e-1, log=True),
        drop=pt.Float(0, 1),
        grid=pt.Float(0, 1, step=0.5),
        n=pt.Int(1, 4),
        even=pt.Int(2, 8, step=2),
        label=pt.Choice("a", "b", ordered=True),
        branch=pt.Choice(deep={"k": pt.Int(1, 3)}, flat={}),
    )
    made = mutations(space, "lr", "drop", "grid", "n", "even", "label")
    assert (made["grid"], made["even"], made["label"]) == ([0.0, 0.5, 1.0], [2, 4, 6, 8], ["a", "b"])
    for path in ("lr", "drop", "n"):
        drawn = [made[path].sample() for _ in range(50)]
        assert all(space.slots[[slot.path for slot in space.slots].index(path)].domain.contains(one) for one in drawn)
    assert bounds(space, "lr", "n") == {"lr": [1e-4, 1e-1], "n": [1, 4]}
    for path, problem in {
        "branch": "others depend",
        "branch=deep/k": "not always made",
        "nothing": "no decision",
    }.items():
        with pytest.raises(pt.WorkersError, match=problem):
            mutations(space, path)
    with pytest.raises(pt.WorkersError, match="is no number"):
        bounds(space, "label")
