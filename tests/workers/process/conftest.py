"""What the tests of processes share: a runner's part, and a look at what is left."""

import time
from contextlib import suppress

import psutil
import pytest

from paretree.spaces import Float, Space
from paretree.workers.process import Processes, runner_mark
from paretree.workers.protocol import Assignment, AttemptId, Job, Limits
from paretree.workers.shipping import pack

SPACE = Space(x=Float(0, 1))
PATIENCE = 30.0  # seconds; a guard against hanging, not an expectation


@pytest.fixture
def processes():
    """A function that makes `Processes` for `train`, which are closed at the end of the test."""
    made = []

    def make(train, limits=None, kept=None, **options):
        settings = {"mark": runner_mark(), "device": "cpu", "gpus": 0.0, **options}
        made.append(Processes(pack(Job("test", SPACE, train, **(kept or {}))), limits or Limits(), **settings))
        return made[-1]

    yield make
    for processes in made:
        processes.close()


@pytest.fixture
def run():
    """A function that runs trial `number` in such `Processes`, and returns all events."""
    return _run


@pytest.fixture
def gone():
    """A function that waits until there is no process with this number any more."""
    return _gone


def _run(processes, number=0, stopping=lambda events: False, draining=lambda events: False, seed=0):
    events = []
    processes.run(
        Assignment(AttemptId(number, 0), {"x": number / 1000}, seed),
        worker="runner",
        node="node",
        emit=events.append,
        stopping=lambda: stopping(events),
        draining=lambda: draining(events),
    )
    return events


def _gone(pid):
    deadline = time.monotonic() + PATIENCE
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, f"process {pid} still lives"
            time.sleep(0.01)
