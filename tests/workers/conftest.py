"""What the tests of workers share: a small Ray cluster, started once, and a loop that plays the controller."""

import time

import pytest

from paretree.spaces import Float, Space
from paretree.workers.protocol import Assignment, AttemptId, Failed, Finished, Job, Stopped

SPACE = Space(x=Float(0, 1))
PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation


@pytest.fixture(scope="package")
def cluster():
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def drive():
    """A function that runs trials of `train` on workers, `x` being a tenth of their number, and returns all events."""
    return _drive


@pytest.fixture
def collect():
    """A function that pumps workers until so many attempts have ended, and returns all events."""
    return _collect


def _drive(workers, train, trials=1, handle=lambda events: None, space=SPACE):
    workers.open(Job("test", space, train))
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
