"""Studies that are brought in, sweeps that are taken out, and both there and back."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as State

from paretree.search import StoreError, SweepError, export_csv, export_json, export_study, import_study
from paretree.search.reports import read_results
from paretree.search.store import SweepState
from paretree.spaces import Space

PARETREE = Path(sys.executable).with_name("paretree")


def objective(trial: optuna.Trial) -> tuple[float, float]:
    x = trial.suggest_float("x", 1e-3, 1, log=True)
    if trial.suggest_categorical("deep", [True, False, None]):
        x += trial.suggest_int("depth/of", 1, 4)
    trial.set_user_attr("host", {"name": "here", "load": math.inf})
    trial.set_constraint("memory", x - 1)
    return x, -x


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'optuna.db'}"


@pytest.fixture
def theirs(source: str) -> optuna.Study:
    """A study in Optuna's own storage, with a trial in every state."""
    study = optuna.create_study(
        study_name="theirs",
        storage=source,
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    study.set_metric_names(["loss", "gain"])
    study.set_user_attr("dataset", "digits")
    study.optimize(objective, n_trials=8)
    study.tell(study.ask(), state=State.FAIL)
    study.add_trial(
        create_trial(state=State.PRUNED, params={"x": 0.5}, distributions={"x": FloatDistribution(0.1, 2, log=True)})
    )
    study.enqueue_trial({"x": 0.25})
    return study


def content(trial: FrozenTrial) -> dict[str, object]:
    """All of a trial but its id."""
    return {name: value for name, value in vars(trial).items() if name != "_trial_id"}


def test_an_imported_study_is_a_sweep_with_the_same_front(store, source, theirs):
    record = import_study(store, source)
    results = read_results(store, "theirs")
    assert (record.name, record.state) == ("theirs", SweepState.FINISHED)
    assert results.goals.names == ["loss", "gain"]
    assert [constraint.name for constraint in results.goals.constraints] == ["memory"]
    assert set(results.front["number"]) == {one.number for one in theirs.best_trials}
    assert sorted(results.frame["state"].unique()) == ["failed", "finished", "stopped", "waiting"]


def test_the_space_of_an_imported_study_has_the_widest_ranges(store, theirs):
    space = Space.from_json(import_study(store, theirs).space)
    ranges = {slot.path: slot.domain for slot in space.slots}
    assert (ranges["x"].low, ranges["x"].high) == (1e-3, 2.0)
    assert ranges["deep"].values == (True, False, None)
    assert (ranges["depth/of"].low, ranges["depth/of"].high) == (1, 4)
    for trial, one in zip(store.trials(store.sweep("theirs").id), theirs.trials, strict=True):
        assert trial.configuration == one.params, "a trial keeps the parameters it had"


def test_a_study_comes_back_as_it_went(store, theirs, tmp_path):
    import_study(store, theirs, name="ours")
    there = f"sqlite:///{tmp_path / 'back.db'}"
    assert export_study(store, "ours", there, study="back") == 11
    back = optuna.load_study(study_name="back", storage=there)
    assert [content(one) for one in back.trials] == [content(one) for one in theirs.trials]
    assert back.user_attrs == theirs.user_attrs
    assert back.metric_names == theirs.metric_names
    assert back.directions == theirs.directions


def test_curves_come_with_their_trials(store):
    study = optuna.create_study()
    curve = {0: 1.0, 10: math.nan, 20: -math.inf}
    study.add_trial(create_trial(value=0.0, intermediate_values=curve))
    record = import_study(store, study, name="curves")
    assert [(one.step, one.name) for one in store.reports(record.id, 0)] == [(0, "value"), (10, "value"), (20, "value")]
    assert math.isnan(store.reports(record.id, 0)[1].value)


def test_a_trial_that_runs_elsewhere_has_failed_here(store):
    study = optuna.create_study()
    study.ask()
    record = import_study(store, study, name="running")
    assert [trial.state for trial in store.trials(record.id)] == ["failed"]


def test_a_study_that_cannot_be_imported_leaves_nothing(store):
    study = optuna.create_study()
    for distribution, value in ((FloatDistribution(0, 1), 0.5), (IntDistribution(0, 1), 1)):
        study.add_trial(create_trial(params={"x": value}, distributions={"x": distribution}, value=0.0))
    with pytest.raises(ValueError, match="Parameter 'x' of 'mixed' is Float"):
        import_study(store, study, name="mixed")
    assert store.find_sweep("mixed") is None


def test_what_is_missing_or_there_already_is_said(store, source, theirs, tmp_path):
    import_study(store, source)
    with pytest.raises(
        StoreError, match=r"there is a sweep 'theirs' in .* already; give the imported one another name"
    ):
        import_study(store, source)
    with pytest.raises(SweepError, match="there is no study 'other'; name one of those that are there: 'theirs'"):
        import_study(store, source, study="other")
    with pytest.raises(SweepError, match="Optuna cannot read 'nonsense'"):
        import_study(store, "nonsense")
    with pytest.raises(StoreError, match="has a study 'theirs' already"):
        export_study(store, "theirs", source)
    optuna.create_study(study_name="second", storage=source)
    with pytest.raises(SweepError, match="which study\\? name one of those that are there: 'theirs', 'second'"):
        import_study(store, source)


def test_a_sweep_of_ours_is_exported_as_optuna_sees_it(make_sweep, storage, store, tmp_path):
    sweep = make_sweep(constraints={"latency": "<= 2.5"})
    there = f"sqlite:///{tmp_path / 'out.db'}"
    export_study(store, "ours", there)
    study = optuna.load_study(study_name="ours", storage=there)
    seen = optuna.load_study(study_name="ours", storage=storage)
    assert [content(one) for one in study.trials] == [content(one) for one in seen.trials]
    assert {one.number for one in study.best_trials} == set(sweep.front()["number"])


def test_a_table_has_the_columns_of_the_trials(make_sweep, store):
    frame = make_sweep().trials()
    file = io.StringIO()
    assert export_csv(store, "ours", file) == 8
    written = pd.read_csv(io.StringIO(file.getvalue()))
    assert list(written.columns) == list(frame.columns)
    assert written["loss"].tolist() == frame["loss"].tolist()
    assert written["op"].tolist() == frame["op"].tolist()


def test_lines_of_json_have_all_of_a_trial(make_sweep, store):
    make_sweep(train=lambda trial: {"loss": math.nan, "size": trial.config.width})
    file = io.StringIO()
    export_json(store, "ours", file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    stored = store.trials(store.sweep("ours").id)
    assert [row["configuration"] for row in rows] == [trial.configuration for trial in stored]
    assert {row["values"]["loss"] for row in rows} == {"nan"}, "JSON has no number for it"
    assert rows[0]["reports"] == []
    assert rows[0]["started_at"].endswith("+00:00")


def test_the_command_line_brings_in_and_takes_out(theirs, source, tmp_path):
    def paretree(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PARETREE, *args], cwd=tmp_path, capture_output=True, text=True, timeout=100)

    done = paretree("import", "optuna", source, "--name", "ours")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Imported 11 trials into sweep 'ours'")
    done = paretree("export", "ours", "--csv", "-", "--json", "ours.jsonl", "--optuna", "sqlite:///out.db")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(io.StringIO(done.stdout))) == 11
    assert len((tmp_path / "ours.jsonl").read_text(encoding="utf-8").splitlines()) == 11
    assert len(optuna.load_study(study_name="ours", storage=f"sqlite:///{tmp_path / 'out.db'}").trials) == 11
    done = paretree("export", "ours")
    assert (done.returncode, done.stderr) == (
        1,
        "error: Export to what? Give --optuna URL, --csv FILE or --json FILE.\n",
    )


def test_the_dashboard_of_optuna_lists_our_sweeps(make_sweep, storage):
    server = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed").wsgi(storage)

    def get(path: str) -> dict[str, object]:
        environ: dict[str, object] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        return json.loads(b"".join(server(environ, lambda *answer: None)))

    make_sweep(constraints={"latency": "<= 2.5"})
    [study] = get("/api/studies")["study_summaries"]
    assert study["study_name"] == "ours"
    found = get(f"/api/studies/{study['study_id']}")
    assert len(found["trials"]) == 8
    assert {len(trial["constraints"]) for trial in found["trials"]} == {1}
    assert {one["name"] for one in found["union_search_space"]} >= {"lr", "momentum", "width", "op"}
