from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paretree.search.store import NewTrial, Store, SweepRecord, SweepWriter

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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweeps.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{path}")
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
