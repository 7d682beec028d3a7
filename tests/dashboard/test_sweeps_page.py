from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.search.store import SweepState, this_driver

from .conftest import RunSweep, click_sweep, everything_shown

HOUR = 3600.0


def test_without_a_store_the_page_says_what_makes_one(app: AppTest, path: Path) -> None:
    app.run()
    assert not app.exception
    assert str(path) in everything_shown(app), "which file is missing"
    assert "paretree run examples/digits.py" in everything_shown(app)


def test_an_empty_store_says_what_fills_it(app: AppTest, path: Path) -> None:
    pt.Store.open(str(path)).close()
    app.run()
    assert not app.exception
    assert "no sweeps yet" in everything_shown(app)
    assert "paretree run examples/digits.py" in everything_shown(app)


def test_each_sweep_has_a_row_with_its_progress_and_best_values(app: AppTest, run_sweep: RunSweep) -> None:
    sweep = run_sweep(trials=12)
    run_sweep("loss", lambda trial: trial.config.x, {"loss": "minimize"}, trials=3)
    app.run()
    table = app.dataframe[0].value.set_index("sweep")
    assert set(table.index) == {"digits", "loss"}
    assert table.loc["digits", "state"] == "finished"
    assert table.loc["digits", "trials"] == "12 of 12"
    assert table.loc["digits", "progress"] == 1.0
    best = f"{sweep.best('accuracy').accuracy:.5g}"
    assert f"accuracy {best}" in table.loc["digits", "best"]


def test_failed_trials_are_counted(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(train=_fails_every_time, trials=3)
    app.run()
    assert app.dataframe[0].value["failed"].tolist() == [3]


def _fails_every_time(trial: pt.Trial) -> float:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("state", "lease", "words"),
    [
        (SweepState.CREATED, HOUR, "not started"),
        (SweepState.RUNNING, HOUR, "running"),
        (SweepState.RUNNING, -HOUR, "silent: maybe its process died"),
        (SweepState.INTERRUPTED, HOUR, "interrupted; can be resumed"),
        (SweepState.FINISHED, HOUR, "finished"),
        (SweepState.FAILED, HOUR, "gave up"),
    ],
)
def test_each_state_has_plain_words(app: AppTest, path: Path, state: SweepState, lease: float, words: str) -> None:
    _create(path, state, "elsewhere:1:1", lease)
    app.run()
    assert app.dataframe[0].value["state"].tolist() == [words]


def _create(path: Path, state: SweepState, driver: str, lease: float) -> None:
    store = pt.Store.open(str(path))
    sweep = store.create_sweep(
        name="s", space={}, fingerprint="f", objectives=[{"name": "loss", "direction": "minimize", "unit": None}],
        constraints=[], sampler="random", seed=1, entry_point=None,
    )  # fmt: skip
    writer = store.writer(sweep.id, driver=driver, lease=lease, clock=lambda: datetime.now(UTC))
    with writer.transaction() as tx:
        tx.set_state(state)
    store.close()


@pytest.mark.parametrize(("birth", "words"), [("", "running"), ("0", "died: its process is gone; resume it")])
def test_a_process_of_this_machine_is_looked_for(app: AppTest, path: Path, birth: str, words: str) -> None:
    _create(path, SweepState.RUNNING, this_driver() + birth, lease=-HOUR)
    app.run()
    assert app.dataframe[0].value["state"].tolist() == [words], "however long it has written nothing"


def test_a_click_on_a_sweep_opens_its_pareto_page(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep("first", trials=2)
    run_sweep("second", trials=2)
    click_sweep(app.run(), row=1)
    assert not app.exception
    assert [header.value for header in app.header] == ["Pareto front"]
    assert app.query_params["sweep"] == "first", "the sweep with the newest activity stands first"
