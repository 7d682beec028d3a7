"""The Laws page in a real browser: figures are drawn, links lead on, nothing is complained about."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import paretree as pt

pytestmark = pytest.mark.browser

SIZES = ((20e6, 0.4e9), (20e6, 2e9), (40e6, 2e9), (80e6, 1.6e9), (80e6, 8e9), (160e6, 8e9))


def train(trial: pt.Trial) -> float:
    """A basin that moves with N and D."""
    config = trial.config
    off = math.log(config.lr / (15.2 * config.N**-0.714 * config.D**0.218))
    return (1.8 + 480 / config.N**0.35 + 2100 / config.D**0.37) * math.exp(0.0064 * off**2)


@pytest.fixture(scope="module")
def family(sweep: pt.Sweep) -> str:
    """Six small sweeps in the store that the dashboard shows."""
    for number, (N, D) in enumerate(SIZES):
        space = pt.Space(N=N, D=D, lr=pt.Float(3e-4, 3e-2, log=True))
        rung = pt.Sweep(
            f"lm/<i>{number}", space, train, {"loss": "minimize"}, sampler="random", store=sweep.store_url, seed=1
        )
        rung.run(8, workers=pt.InlineWorkers(), progress=False)
    return "lm"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_law_is_drawn_and_leads_to_its_sweeps(
    page: Page, address: str, family: str, scheme: str, screenshot: Callable[[str], None]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/laws?family={family}")
    expect(page.get_by_role("heading", name="Scaling laws", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="How far it can be trusted")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(6)
    expect(page.locator(".katex-error")).to_have_count(0)
    screenshot(f"laws-{scheme}")
    page.get_by_role("link", name="lm/<i>3").click()
    expect(page.get_by_role("heading", name="Pareto front", exact=True)).to_be_visible()
    page.get_by_role("button", name="Scaling law of its family").click()
    expect(page.get_by_role("heading", name="Scaling laws", exact=True)).to_be_visible()
