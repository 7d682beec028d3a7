"""What Optuna asks of storages and samplers, in its own public suites, with a store of ours below."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import optuna
import pytest
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.testing.pytest_storages import StorageTestCase

from paretree.search import Store, optuna_storage

from ..store.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pg"))
    yield server
    server.stop()


class TestAStoreIsAStorage(StorageTestCase):
    """All that is asked of a storage."""


class TestAStoreOnPostgreSqlIsAStorage(StorageTestCase):
    """The same, on a server."""

    @pytest.fixture
    def storage(self, server: Server) -> Iterator[BaseStorage]:
        name = f"bridge_{uuid.uuid4().hex}"
        store = Store.open(server.create(name))
        yield optuna_storage(store)
        store.close()
        server.drop(name)


class OnAStore:
    """Studies are created on a store of ours where a test names no storage."""

    @pytest.fixture(autouse=True)
    def on_a_store(self, storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = optuna.storages.get_storage
        monkeypatch.setattr(optuna.storages, "get_storage", lambda given: plain(storage if given is None else given))


@pytest.mark.slow
class TestRandomSampling(OnAStore, BasicSamplerTestCase):
    """All that is asked of a sampler."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: RandomSampler(seed=0)


@pytest.mark.slow
class TestSamplingByAModel(OnAStore, RelativeSamplerTestCase):
    """What is asked of a sampler that decides all parameters together."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: TPESampler(multivariate=True, n_startup_trials=0, seed=0)


@pytest.mark.slow
class TestSamplingForSeveralObjectives(OnAStore, MultiObjectiveSamplerTestCase):
    """What is asked of a sampler for several objectives; it keeps its generations in attributes."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: NSGAIISampler(population_size=4, seed=0)
