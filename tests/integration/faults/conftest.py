"""What these tests share: a cluster that outlives drivers, a PostgreSQL server, and sweeps to put to the test."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ...search.store.server import Server
from ..conftest import Paretree
from .tried import MARK, Tried, left_behind, store_file

SMALL = 80 * 2**20  # bytes
QUICK_CHECKS = {  # a node that is killed is found dead after 3 s; one that is only slow has 18 s
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 6,
}


@pytest.fixture(scope="package", autouse=True)
def marked() -> Iterator[None]:
    """All processes that these tests start are marked, so that those which are left are found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, uuid.uuid4().hex)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


@pytest.fixture(scope="package")
def cluster(marked: None) -> Iterator[Any]:
    """A cluster that nobody of this process is connected to; its first node has 2 CPUs."""
    pytest.importorskip("ray")
    from ray._private import utils
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "write_ray_address", lambda *args, **kwargs: None)  # or all here would join it
        head = {
            "num_cpus": 2,
            "object_store_memory": SMALL,
            "include_dashboard": False,
            "_system_config": QUICK_CHECKS,
        }
        made = Cluster(initialize_head=True, head_node_args=head)
        yield made
        made.shutdown()


@pytest.fixture
def add_node(cluster: Any) -> Iterator[Callable[[], Any]]:
    """A function that adds a node of 1 CPU to the cluster, which is removed at the end of the test."""
    added = []

    def add() -> Any:
        added.append(cluster.add_node(num_cpus=1, object_store_memory=SMALL))
        return added[-1]

    yield add
    for node in added:
        cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A PostgreSQL server."""
    server = Server(Path(tempfile.mkdtemp()))  # pytest's own folders are closed to the user that a server of root's has
    yield server
    server.stop()


@pytest.fixture
def postgres(server: Server) -> Iterator[str]:
    """The URL of a new store on the server."""
    name = f"store_{uuid.uuid4().hex[:8]}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, of each kind in turn."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else store_file(tmp_path)


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Callable[..., Tried]]:
    """A function that makes a sweep whose trials do as told; all that its commands started ends with the test."""
    made = []

    def make(body: str, url: str = "") -> Tried:
        made.append(Tried(Paretree(tmp_path), url or store_file(tmp_path)))
        made[-1].write(body)
        return made[-1]

    yield make
    for process in (process for sweep in made for process in sweep.started):
        process.kill()
        process.wait()
    for left in left_behind():  # of a test that failed: the next one needs the room
        left.kill()


def children_of(node: Any) -> list[psutil.Process]:
    """The processes of a node's workers."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [raylet, *raylet.children(recursive=True)]
