"""What the tests of runners share: nodes that can be killed, and drivers that can."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from paretree.spaces import Float, Space
from paretree.workers.protocol import Assignment, AttemptId, Job

PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation
SMALL = 80 * 2**20
GIBIBYTE = 2**30


@pytest.fixture
def add_node(cluster):
    """A function that adds a node, which is removed at the end of the test."""
    added = []

    def add(cpus, memory=0):
        added.append(cluster.add_node(num_cpus=cpus, memory=memory or GIBIBYTE, object_store_memory=SMALL))
        return added[-1]

    yield add
    for node in added:
        cluster.remove_node(node, allow_graceful=False)
    _until(lambda: not alive().intersection(node.node_id for node in added), "Ray sees that the nodes are gone")


def alive():
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


@pytest.fixture
def runners(cluster):
    """A function that returns the processes of all runners of the cluster, or of one node."""

    def find(node=None):
        nodes = [node] if node else cluster.list_all_nodes()
        raylets = [psutil.Process(one.all_processes["raylet"][0].process.pid) for one in nodes]
        children = [child for raylet in raylets for child in raylet.children(recursive=True)]
        return [child for child in children if "ray::Runner" in command(child)]

    return find


def command(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture
def new_job():
    """A function that makes a job of `train` with a key of its own."""

    def make(train, key=None, **options):
        return Job("test", Space(x=Float(0, 1)), train, key=key or uuid.uuid4().hex, **options)

    return make


@pytest.fixture
def until():
    """A function that waits until a condition holds, and returns what it found."""
    return _until


def _until(condition, why):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {why}"
        time.sleep(0.05)
    return found


def assignments(*numbers, attempt=0):
    return [Assignment(AttemptId(number, attempt), {"x": 0.5}, seed=number) for number in numbers]


@pytest.fixture
def assign():
    """A function that makes assignments of these numbers."""
    return assignments


DRIVER = """
import json, sys
from pathlib import Path
from paretree.spaces import Float, Space
from paretree.workers import RayWorkers
from paretree.workers.protocol import Assignment, AttemptId, Failed, Finished, Job, Stopped
from trials import train

address, folder, trials, options = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
told = folder / "told.jsonl"  # the store of this sweep: a line for each event
lines = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
ended = {line["trial"] for line in lines if line["kind"] in ("Finished", "Failed", "Stopped")}

def record(events):
    with told.open("a") as file:
        for event in events:
            line = {"kind": type(event).__name__, "trial": event.id.trial, "step": getattr(event, "step", None)}
            file.write(json.dumps(line) + "\\n")
            if isinstance(event, Finished | Stopped | Failed):
                ended.add(event.id.trial)

workers = RayWorkers(address=address, **options)
held = {id.trial for id in workers.open(Job("test", Space(x=Float(0, 1)), train, key=str(folder)))}
(folder / "held.json").write_text(json.dumps(sorted(held)))
lost = [number for number in range(trials) if number not in held | ended]
attempt = int(bool(lines))
workers.submit([Assignment(AttemptId(number, attempt), {"x": 0.5}, number) for number in lost])
while len(ended) < trials:
    workers.pump(record, 1.0)
workers.close()
"""

TRIALS = """
import time, uuid
from pathlib import Path

FOLDER = Path(__file__).parent

def train(trial):
    (FOLDER / f"ran-{trial.number}-{uuid.uuid4().hex}").touch()
    for step in range(5):
        trial.report(step, loss=0.5)
        time.sleep(0.2)
    (FOLDER / f"done-{trial.number}").touch()
    return 1.0
"""


class Sweep:
    """A sweep whose driver is a process of its own and can be killed; what it was told stands in a file."""

    def __init__(self, address, folder, trials, **options):
        self.address, self.folder, self.trials, self.options = address, folder, trials, options
        (folder / "trials.py").write_text(TRIALS)
        (folder / "driver.py").write_text(DRIVER)

    def drive(self):
        command = [sys.executable, "driver.py", self.address, str(self.folder), str(self.trials)]
        log = (self.folder / "driver.log").open("a")
        return subprocess.Popen([*command, json.dumps(self.options)], cwd=self.folder, stderr=log, env=dict(os.environ))

    def told(self, kind):
        """The trials, or trials and steps, of all events of a kind, in the order told."""
        file = self.folder / "told.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        found = [line for line in lines if line["kind"] == kind]
        return [(line["trial"], line["step"]) if kind == "Reported" else line["trial"] for line in found]

    def executions(self):
        """How often each trial was begun."""
        begun = [int(path.name.split("-")[1]) for path in self.folder.glob("ran-*")]
        return {number: begun.count(number) for number in set(begun)}

    def held(self):
        return set(json.loads((self.folder / "held.json").read_text()))

    def log(self):
        return (self.folder / "driver.log").read_text()


@pytest.fixture
def sweep(cluster, tmp_path):
    """A function that makes a sweep with a driver of its own on the cluster."""
    drivers = []

    class Tracked(Sweep):
        def drive(self):
            drivers.append(super().drive())
            return drivers[-1]

    yield lambda trials, **options: Tracked(cluster.address, Path(tmp_path), trials, **options)
    for driver in drivers:
        driver.kill()
        driver.wait()
