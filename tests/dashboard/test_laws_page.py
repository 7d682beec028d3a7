from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.dashboard.launch import STORE_VARIABLE

from .conftest import APP, RunSweep, everything_shown, metrics
from .family import SIZES, run_family, space


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a family, one that is too small for a law, and a sweep that is of none."""
    path = tmp_path_factory.mktemp("store") / "sweeps.db"
    run_family(path, "<b>lm</b>")
    run_family(path, "two", SIZES[:2], trials=4)
    return path


@pytest.fixture
def page(store: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The Laws page of the family, reached as viewers do: from one of its sweeps."""
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    return open_law(AppTest.from_file(str(APP), default_timeout=120), "<b>lm</b>/0")


def open_law(app: AppTest, sweep: str) -> AppTest:
    """Go from the list of sweeps to a sweep, and on to its law."""
    app.run()
    row = app.dataframe[0].value["sweep"].to_list().index(sweep)
    app.session_state["sweeps"] = {"selection": {"rows": [], "columns": [], "cells": [[row, "sweep"]]}}
    app.run()
    button = next(button for button in app.button if button.label == "Scaling law of its family")
    return button.click().run()


def table(app: AppTest, column: str) -> pytest.importorskip("pandas").DataFrame:
    """The first table that has this column."""
    return next(frame.value for frame in app.dataframe if column in frame.value)


def test_the_law_its_evidence_and_its_sources_are_shown(page: AppTest) -> None:
    assert not page.exception
    assert page.query_params["family"] == "<b>lm</b>"
    shown = [header.value for header in page.subheader]
    assert shown == [
        "The law", "At another size", "How the optimum moves", "The trials", "What the law leaves over",
        "How far it can be trusted", "How the loss falls", "Sweeps that feed it", "What published laws say",
    ]  # fmt: skip
    assert "72 trials in 6 groups" in everything_shown(page)
    assert len(page.get("plotly_chart")) == 4 + 2 + 2 + 1, "optima, basins, residuals, losses"
    assert [link.label for link in page.get("page_link")] == [rf"\<b\>lm\<\/b\>\/{number}" for number in range(6)]


def test_the_fitted_numbers_are_those_that_made_the_trials(page: AppTest) -> None:
    numbers = table(page, "low").set_index(["of", "what"])
    rate = numbers.loc[("learning rate", "exponent of N")]
    assert rate["value"] == pytest.approx(-0.714, abs=0.3)
    assert (numbers["low"] <= numbers["high"]).all()
    assert len(table(page, "gap")) == 6, "each group was left out once"


def test_another_size_can_be_asked_for(page: AppTest) -> None:
    before = metrics(page)
    page.text_input(key="N of <b>lm</b>").set_value("5B")
    page.text_input(key="D of <b>lm</b>").set_value("1e12").run()
    assert not page.exception
    after = metrics(page)
    assert before["learning rate"] != after["learning rate"]
    assert "batch in sequences" in after
    assert "was not fitted for" in everything_shown(page)


def test_what_is_no_number_is_said_so(page: AppTest) -> None:
    page.text_input(key="N of <b>lm</b>").set_value("many").run()
    assert not page.exception
    assert "Write a positive number" in everything_shown(page)


def test_a_sweep_can_be_left_out(page: AppTest) -> None:
    chosen = page.multiselect[0]
    chosen.set_value(chosen.value[1:]).run()
    assert not page.exception
    assert "60 trials in 5 groups" in everything_shown(page)
    page.multiselect[0].set_value([]).run()
    assert "No sweep is chosen." in everything_shown(page)


def test_too_few_sizes_are_told_with_what_there_is(page: AppTest) -> None:
    page.selectbox[0].set_value("two").run()
    assert not page.exception
    assert "A law needs 3 groups" in everything_shown(page)
    assert table(page, "trials")["trials"].tolist() == [4, 4]


def test_a_wrong_name_is_told_in_words(page: AppTest) -> None:
    box = next(box for box in page.selectbox if box.label == "Learning rate")
    box.set_value("seq_len").run()
    assert not page.exception
    assert "Neither learning rate" in everything_shown(page) or "exponent" in str(page.dataframe[0].value)


def test_published_laws_answer_for_any_size(page: AppTest) -> None:
    page.text_input(key="published N").set_value("1.07B")
    page.text_input(key="published D").set_value("100B").run()
    laws = table(page, "law").set_index("law")
    assert laws.loc["Step Law", "learning rate"] == pytest.approx(1.79 * 1.07e9**-0.713 * 100e9**0.307)


def test_without_a_family_it_says_how_to_get_one(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=2)
    app.run()
    laws = AppTest.from_function(_laws_alone, default_timeout=60).run()
    assert not laws.exception
    assert "need" in everything_shown(laws)
    assert "N=2_359_296" in everything_shown(laws), "a snippet"
    assert len(table(laws, "law")) == 6, "published laws need no sweeps"


def _laws_alone() -> None:
    from paretree.dashboard.pages import laws

    laws.page()


def test_the_snippet_for_beginners_runs() -> None:
    from paretree.dashboard.pages.laws import HOW

    names: dict[str, object] = {"pt": pt, "train": lambda trial: {"loss": 1.0}}
    exec(HOW, names)
    assert isinstance(names["sweep"], pt.Sweep)


def test_functions_of_a_store_run_only_when_somebody_says_so(path: Path, app: AppTest, tmp_path: Path) -> None:
    width = pt.Int(2, 8)
    sized = pt.Space(width=width, N=pt.apply("operator:pos", width), D=1e9, lr=pt.Float(1e-4, 1e-1, log=True))
    sweep = pt.Sweep("f/0", sized, lambda trial: {"loss": 1.0}, {"loss": "minimize"}, sampler="random", store=str(path))
    sweep.run(2, workers=pt.InlineWorkers(), progress=False)
    open_law(app, "f/0")
    assert "operator:pos" in everything_shown(app)
    assert "What there is so far" not in everything_shown(app)
    app.checkbox[0].check().run()
    assert "What there is so far" in everything_shown(app)


def test_a_family_without_finished_trials_waits(path: Path, app: AppTest) -> None:
    sweep = pt.Sweep("new/0", space(1e7, 1e9), _fails, {"loss": "minimize"}, sampler="random", store=str(path))
    sweep.run(2, workers=pt.InlineWorkers(), progress=False)
    open_law(app, "new/0")
    assert not app.exception
    assert "No trial of these sweeps has finished" in everything_shown(app)


def _fails(trial: pt.Trial) -> float:
    raise ValueError("no")
