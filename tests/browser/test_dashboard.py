"""The dashboard as people meet it: a real server, a real store, a real browser."""

from __future__ import annotations

import base64
import http.client
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

import paretree as pt

from .conftest import OBJECTIVES

pytestmark = pytest.mark.browser

LISTENING = "0A"


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text, exact=True)).to_be_visible()


def click_first_row(page: Page) -> None:
    table = page.locator(".stDataFrameGlideDataEditor").first
    expect(table).to_be_visible()
    table.click(position={"x": 60, "y": 55})


def click_point(page: Page, position: int) -> None:
    """Click a point of the plot, as a hand does: there, and not on the element below the mouse."""
    point = page.locator(".scatterlayer .trace").last.locator("path.point").nth(position)
    expect(point).to_be_visible()
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box, "the point has a place"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    expect(page.locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.down()
    page.mouse.up()


def test_from_the_sweep_to_its_front_to_a_trial(
    page: Page, address: str, sweep: pt.Sweep, screenshot: Callable[[str], None]
) -> None:
    page.goto(address)
    heading(page, "Sweeps")
    screenshot("sweeps")
    click_first_row(page)

    heading(page, "Pareto front")
    expect(page).to_have_url(f"{address}/pareto?{urlencode({'sweep': sweep.name})}")
    screenshot("pareto")
    row = sweep.trials().sort_values("params").iloc[4]
    click_point(page, 4)

    heading(page, f"Trial {row.number}")
    expect(page.get_by_text(f"x = {row.x:.6g}")).to_be_visible()
    expect(page.get_by_text(f"op = {row.op}")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    screenshot("trial")

    page.go_back()
    heading(page, "Pareto front")


def test_a_trial_is_opened_by_its_address(page: Page, address: str, sweep: pt.Sweep) -> None:
    page.goto(f"{address}/trial?{urlencode({'sweep': sweep.name, 'trial': 7})}")
    heading(page, "Trial 7")
    page.get_by_role("button", name="Next").click()
    heading(page, "Trial 8")
    expect(page).to_have_url(f"{address}/trial?{urlencode({'sweep': sweep.name, 'trial': 8})}")


def test_a_row_of_the_front_opens_its_trial(page: Page, address: str, sweep: pt.Sweep) -> None:
    page.goto(f"{address}/pareto?{urlencode({'sweep': sweep.name})}")
    heading(page, "The front")
    click_first_row(page)
    heading(page, f"Trial {sweep.front()['number'].iloc[0]}")


def test_users_text_is_shown_as_written(page: Page, address: str, sweep: pt.Sweep) -> None:
    page.on("dialog", lambda dialog: pytest.fail("a script of the sweep's name ran"))
    page.goto(f"{address}/trial?{urlencode({'sweep': sweep.name, 'trial': 0})}")
    expect(page.get_by_text(f"of sweep {sweep.name}", exact=True)).to_be_visible()
    expect(page.get_by_text("<b>trained</b> with")).to_be_visible()
    assert page.locator("img[src='x']").count() == 0


def test_new_trials_appear_by_themselves(page: Page, address: str, sweep: pt.Sweep) -> None:
    live = pt.Sweep("live", sweep.space, sweep.train, OBJECTIVES, store=sweep.store_url, sampler="random")
    live.run(2, workers=pt.InlineWorkers(), progress=False)
    page.goto(f"{address}/pareto?sweep=live")
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("2")
    live.run(5, workers=pt.InlineWorkers(), progress=False)
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("5")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", "http://127.0.0.1", 101),
        ("localhost", "http://localhost", 101),
        ("evil.example", "http://evil.example", 403),
        ("127.0.0.1", "http://evil.example", 403),
    ],
)
def test_only_its_own_pages_may_talk_to_it(port: int, host: str, origin: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "Host": f"{host}:{port}",
        "Origin": f"{origin}:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    connection.request("GET", "/_stcore/stream", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_only_this_machine_reaches_it(port: int) -> None:
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    listening = [row[1].split(":")[0] for row in rows if row[3] == LISTENING and int(row[1].split(":")[1], 16) == port]
    assert listening == ["0100007F"], "127.0.0.1, and nowhere else"
