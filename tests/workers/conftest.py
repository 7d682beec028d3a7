"""What the tests of workers share: a small Ray cluster, started once, and a loop that plays the controller."""

import time
import uuid

import pytest

from paretree.spaces import Float, Space
from paretree.workers.protocol import Assignment, AttemptId, Failed, Finished, Job, Stopped

SPACE = Space(x=Float(0, 1))
PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation
QUICK_CHECKS = {  # a node that is killed is found dead after 3 s; one that is only slow has 18 s
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 6,
}


@pytest.fixture(scope="package")
def cluster():
    """A cluster that may have several nodes; the first has 2 CPUs and 1 GiB, and this process is connected to it."""
    ray = pytest.importorskip("ray")
    from ray._private import utils
    from ray.cluster_utils import Cluster

    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "disabled")
    patch.delenv("OMP_NUM_THREADS", raising=False)  # Ray leaves alone what is set
    patch.setattr(utils, "write_ray_address", lambda *args, **kwargs: None)  # or all on this machine would join it
    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "memory": 2**30,
            "object_store_memory": 80 * 2**20,
            "include_dashboard": False,
            "_system_config": QUICK_CHECKS,
        },
    )
    ray.init(address=made.address, namespace="tests", log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()
    patch.undo()


@pytest.fixture
def ray_workers(cluster):
    """A function that makes workers on the cluster, which are closed at the end of the test."""
    from paretree.workers import RayWorkers

    made = []

    def make(**options):
        made.append(RayWorkers(**options))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


@pytest.fixture
def drive():
    """A function that runs trials of `train` on workers, `x` being a tenth of their number, and returns all events."""
    return _drive


@pytest.fixture
def collect():
    """A function that pumps workers until so many attempts have ended, and returns all events."""
    return _collect


def _drive(workers, train, trials=1, handle=lambda events: None, space=SPACE):
    workers.open(Job("test", space, train, key=uuid.uuid4().hex))
    workers.submit([Assignment(AttemptId(number, 0), {"x": number / 10}, seed=number) for number in range(trials)])
    return _collect(workers, trials, handle)


def _collect(workers, ends, handle=lambda events: None):
    seen = []

    def record(events):
        handle(events)
        seen.extend(events)

    deadline = time.monotonic() + PATIENCE
    while sum(isinstance(event, Finished | Stopped | Failed) for event in seen) < ends:
        assert time.monotonic() < deadline, f"{ends} attempts did not end; seen: {seen}"
        workers.pump(record, wait=1.0)
    return seen
