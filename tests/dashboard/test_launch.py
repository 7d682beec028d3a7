from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import paretree as pt
from paretree.dashboard import DashboardError, launch


@pytest.fixture
def store(tmp_path: Path) -> str:
    path = str(tmp_path / "sweeps.db")
    pt.Store.open(path).close()
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_an_address_that_others_reach_is_refused(store: str, host: str) -> None:
    with pytest.raises(DashboardError, match=r"has no password.*use --host 127.0.0.1"):
        launch(store, host=host)


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"missing\.db"):
        launch(str(tmp_path / "missing.db"))


def test_a_port_that_is_taken_is_named(store: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DashboardError, match=rf"Port {port} of 127\.0\.0\.1 cannot be used.*--port"):
            launch(store, port=port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be_is_refused(store: str, port: int) -> None:
    with pytest.raises(DashboardError, match=rf"Port {port} does not exist; choose one from 1 to 65535 with --port"):
        launch(store, port=port)


def test_missing_packages_are_named_with_the_way_to_get_them(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DashboardError, match=r'needs streamlit.*pip install "paretree\[dashboard\]"'):
        launch(store)


def test_importing_the_dashboard_loads_no_streamlit() -> None:
    code = "import sys, paretree.dashboard; sys.exit('streamlit' in sys.modules or 'plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
