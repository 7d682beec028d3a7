from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine

from paretree.search.store import NewTrial, Store, SweepRecord, SweepWriter

from .server import Server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def seconds(self) -> float:
        return self.now.timestamp()


def new_trial(number: int, **changes: object) -> NewTrial:
    fields = {
        "number": number,
        "configuration": {"lr": 0.1 * number, "op": "conv", "bias": True, "pool": None, "width": 8},
        "key": f"{number:064x}",
        "proposal": {"sampler": "random", "reason": "drawn", "detail": {"generation": 0}},
        "seed": 1000 + number,
    }
    return NewTrial(**fields | changes)


def create_sweep(store: Store, name: str = "digits", seed: int = 7) -> SweepRecord:
    return store.create_sweep(
        name=name,
        space={"lr": {"low": 0.0, "high": 1.0}},
        fingerprint="f" * 64,
        objectives=[
            {"name": "accuracy", "direction": "maximize", "unit": ""},
            {"name": "params", "direction": "minimize", "unit": "1"},
        ],
        constraints=[{"name": "latency_ms", "expression": "<= 5"}],
        sampler="random",
        seed=seed,
        entry_point="digits.py:sweep",
    )


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server(Path(tempfile.mkdtemp()))  # pytest's own folders are closed to the user that a server of root's has
    yield server
    server.stop()


NAMES = (f"store_{number}" for number in itertools.count())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite store may be made."""
    return tmp_path / "sweeps.db"


@pytest.fixture
def postgres(server: Server) -> Iterator[str]:
    """The URL of a new store on a server."""
    name = next(NAMES)
    yield server.create(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a new store, of each kind in turn."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else str(_file(request))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table, of each kind in turn."""
    if request.param == "sqlite":
        yield str(_file(request))
        return
    server, name = request.getfixturevalue("server"), next(NAMES)
    yield server.create(name, template="template0")
    server.drop(name)


def _file(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue("path")


def address_of(url: str) -> str:
    """What SQLAlchemy calls it."""
    return url.replace("postgresql:", "postgresql+psycopg:") if "://" in url else f"sqlite:///{url}"


@contextmanager
def beside(url: str) -> Iterator[Connection]:
    """A transaction that goes around the store."""
    engine = create_engine(address_of(url), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def execute(url: str, *statements: str) -> list[Any]:
    """Run SQL beside the store, and return the rows of the last statement."""
    with beside(url) as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        return list(result.all()) if result.returns_rows else []


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweep(store: Store) -> SweepRecord:
    return create_sweep(store)


@pytest.fixture
def take(store: Store, sweep: SweepRecord, clock: Clock) -> Callable[..., SweepWriter]:
    """Take the sweep as another driver, which runs on no host that is known here."""

    def take(driver: str = "elsewhere:1:1", *, takeover: bool = False) -> SweepWriter:
        return store.writer(sweep.id, driver=driver, takeover=takeover, lease=30.0, clock=clock)

    return take


@pytest.fixture
def writer(take: Callable[..., SweepWriter]) -> SweepWriter:
    return take()
