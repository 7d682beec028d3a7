from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import paretree as pt

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
START = 60.0  # seconds
OBJECTIVES = {"accuracy": "maximize", "params": "minimize"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = f"no {', '.join(NAMES[:-1])} or {NAMES[-1]} is installed"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab; what its console complains about, and what it asks of other hosts, fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not _is_local(request.url) else None)
    yield page
    context.close()
    # Below an address with a path, Streamlit's page looks for its server in two places, and finds it in the second.
    unexpected = [text for text in complaints if "404 (Not Found)" not in text]
    assert not unexpected, "the browser's console is silent, and nobody else is asked for anything"


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def train(trial: pt.Trial) -> dict[str, float]:
    x = trial.config.x
    for step in range(5):
        trial.report(step, accuracy=x * step / 5)
    trial.log(f"<b>trained</b> with {x}")
    return {"accuracy": x, "params": 100 + 900 * x}


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> pt.Sweep:
    """A finished sweep; all of its 12 trials are on the front."""
    sweep = pt.Sweep(
        "<img src=x onerror=alert(1)> **digits**",
        pt.Space(x=pt.Float(0.1, 1), op=pt.Choice(conv={"kernel": pt.Choice(3, 5)}, pool="pool")),
        train,
        OBJECTIVES,
        sampler="random",
        store=str(tmp_path_factory.mktemp("store") / "sweeps.db"),
        seed=3,
    )
    sweep.run(12, workers=pt.InlineWorkers(), progress=False)
    return sweep


@pytest.fixture(scope="session")
def port(sweep: pt.Sweep, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port on which a dashboard of the sweep's store listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    code = "import sys; from paretree.dashboard import launch; launch(sys.argv[1], port=int(sys.argv[2]))"
    output = tmp_path_factory.mktemp("dashboard") / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", code, sweep.store_url, str(port)], stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait(lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + START
    while not ready():
        assert time.monotonic() < end, f"not ready within {START:.0f} s"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def screenshot(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Keep a picture of the page beside the test's files."""
    return lambda name: page.screenshot(path=tmp_path / f"{name}.png") and None
