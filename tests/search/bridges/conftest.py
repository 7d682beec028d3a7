from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

import paretree as pt
from paretree.search import Store, Sweep, optuna_storage
from paretree.workers import InlineWorkers


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Optuna logs each trial, and says of what is experimental that it is."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'sweeps.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    yield store
    store.close()


@pytest.fixture
def storage(store: Store) -> BaseStorage:
    return optuna_storage(store)


SPACE = pt.Space(
    lr=pt.Float(1e-3, 1.0, log=True),
    momentum=pt.Float(0.0, 0.9, step=0.1),
    width=pt.Int(1, 9),
    op=pt.Choice(plain=1, rich=pt.Float(0, 1)),
)


def measure(values: dict[str, object]) -> dict[str, float]:
    """The objectives of a configuration, and what else comes of it."""
    lr, width = float(values["lr"]), int(values["width"])
    return {"loss": lr + (values["op"] == "rich"), "size": width, "latency": 10 * lr}


def train(trial: pt.Trial) -> dict[str, float]:
    found = measure(trial.config.values)
    for step in range(3):
        trial.report(step, loss=found["loss"] + 1 / (1 + step))
    return found


@pytest.fixture
def make_sweep(url: str) -> Callable[..., Sweep]:
    """A sweep of ours that has run."""

    def make(trials: int = 8, name: str = "ours", **options: object) -> Sweep:
        goals = options.pop("objectives", {"loss": "minimize", "size": "minimize"})
        sweep = Sweep(name, SPACE, options.pop("train", train), goals, sampler="random", seed=1, store=url, **options)
        sweep.run(trials, workers=InlineWorkers(), progress=False)
        return sweep

    return make
