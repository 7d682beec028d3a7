"""What users write shows as written: no HTML, no Markdown, no links, no formulas."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.dashboard.text import as_label, as_markdown

from .conftest import RunSweep, click_point, click_sweep, everything_shown

NASTY = "<script>alert(1)</script> **x** $y$ [a](javascript:x) :red[z] `q` # h"
MARKDOWN = ("markdown", "header", "subheader", "caption")


@pytest.fixture
def nasty(run_sweep: RunSweep) -> None:
    run_sweep(
        NASTY,
        train=_fails_at_last,
        objectives={NASTY: "minimize", "b": "maximize"},
        constraints={f"c {NASTY}": "<= 5"},
        space=pt.Space(x=pt.Float(0, 1), option=pt.Choice(NASTY, "plain")),
        trials=6,
    )


def _fails_at_last(trial: pt.Trial) -> dict[str, float]:
    trial.report(0, **{NASTY: 1.0})
    trial.log(NASTY)
    if trial.number == 5:
        raise ValueError(NASTY)
    return {NASTY: trial.config.x, "b": trial.config.x, f"c {NASTY}": 1.0, f"m {NASTY}": 1.0}


@pytest.mark.usefixtures("nasty")
@pytest.mark.parametrize("page", ["sweeps", "pareto", "trial", "failed trial"])
def test_no_page_reads_users_text_as_markup(app: AppTest, page: str) -> None:
    app.run()
    if page != "sweeps":
        click_sweep(app)
    if "trial" in page:
        click_point(app, 5 if page == "failed trial" else 0)
    assert not app.exception
    texts = [str(element.value) for kind in MARKDOWN for element in app.get(kind)]
    labels = [
        element.label for kind in ("metric", "button", "expander", "download_button") for element in app.get(kind)
    ]
    for text in (_unescaped(text) for text in [*texts, *labels]):
        assert "**x**" not in text, "Markdown"
        assert "](javascript" not in text, "a link"
        assert "$y$" not in text, "a formula"
        assert "<script" not in text, "HTML"
        assert ":red[" not in text, "a directive"


def _unescaped(text: str) -> str:
    """What Markdown could read as a sign of its own."""
    return re.sub(r"\\.", "", text)


@pytest.mark.usefixtures("nasty")
def test_plots_show_users_text_as_written(app: AppTest) -> None:
    click_sweep(app.run())
    specification = app.get("plotly_chart")[0].proto.spec
    assert "<script" not in specification
    assert "&lt;script" in specification


@pytest.mark.usefixtures("nasty")
def test_decisions_messages_and_logs_keep_their_text(app: AppTest) -> None:
    click_point(click_sweep(app.run()), 5)
    assert everything_shown(app).count(NASTY) >= 3, "the message, the traceback and the log line are shown in full"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain words", "plain words"),
        ("a*b", r"a\*b"),
        ("two\n\n# lines", r"two \# lines"),
        ("[a](b)", r"\[a\]\(b\)"),
        ("r² – 10 %", r"r² – 10 \%"),
    ],
)
def test_markdown_is_escaped(text: str, escaped: str) -> None:
    assert as_markdown(text) == escaped


def test_labels_of_plots_are_escaped() -> None:
    assert as_label("<b>a & b</b>") == "&lt;b&gt;a &amp; b&lt;/b&gt;"
