"""Starts the dashboard."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from ..search.store import Store, StoreError
from ..spaces.errors import ParetreeError

STORE_VARIABLE = "PARETREE_DASHBOARD_STORE"
"""The environment variable that tells the dashboard's script which store to show."""

ACCENT = "#2a9d8f"
LAST_PORT = 65535

_APP = Path(__file__).parent / "pages" / "app.py"


class DashboardError(ParetreeError):
    """The dashboard cannot be started; the message says why, and what to do."""


def launch(store: str, host: str = "127.0.0.1", port: int = 8501, open_browser: bool = False) -> None:
    """Serve the dashboard of a store until Ctrl-C, and print its address.

    Args:
        store: a database URL, or a path to a SQLite file; it is only read.
        host: an address of this machine that only this machine reaches.
        port: where it listens.
        open_browser: also show it in the default browser.

    Raises:
        DashboardError: Streamlit is not installed, the store cannot be read, `host` is reached from elsewhere, or
            `port` is not free.
    """
    _require_streamlit()
    _require_loopback(host)
    name = _name_of(store)
    _require_free(host, port)
    os.environ[STORE_VARIABLE] = store
    print(f"Paretree shows {name} at {address(host, port)} (Ctrl-C ends it)", flush=True)
    _serve(_options(host, port, open_browser))


def address(host: str, port: int) -> str:
    """The address to type into a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _serve(options: Iterable[str]) -> None:
    from streamlit.web import cli

    cli.main(["run", str(_APP), *options], standalone_mode=False)


def _options(host: str, port: int, open_browser: bool) -> Iterable[str]:
    settings = {
        "server.address": host,
        "server.port": port,
        "server.headless": not open_browser,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "browser.serverAddress": host,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "theme.light.primaryColor": ACCENT,
        "theme.dark.primaryColor": ACCENT,
    }
    # A page of another site whose name was made to point at this machine gets nothing (DNS rebinding).
    names = [f"--server.allowedHosts={name}" for name in (host, "localhost")]
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in settings.items()}
    return [*names, *(f"--{name}={value}" for name, value in values.items())]


def _require_streamlit() -> None:
    for package in ("streamlit", "plotly"):
        if importlib.util.find_spec(package) is None:
            raise DashboardError(
                f'The dashboard needs {package}, which is not installed; run pip install "paretree[dashboard]".'
            )


def _require_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise DashboardError(
            f"The dashboard has no password, so it cannot listen on {host!r}, which others may reach; "
            "use --host 127.0.0.1, and an SSH tunnel (ssh -L) to look from another machine."
        )


def _name_of(store: str) -> str:
    """The store's URL without its password, once it has proved readable."""
    try:
        opened = Store.open(store, readonly=True)
    except StoreError as error:
        raise DashboardError(f"The dashboard has nothing to show: {error}.") from error
    opened.close()
    return opened.url


def _require_free(host: str, port: int) -> None:
    if not 1 <= port <= LAST_PORT:
        raise DashboardError(f"Port {port} does not exist; choose one from 1 to {LAST_PORT} with --port.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DashboardError(
                f"Port {port} of {host} cannot be used ({error.strerror}); choose another one with --port."
            ) from error
