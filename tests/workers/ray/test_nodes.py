"""Clusters that grow, shrink and lose nodes."""

import os
import signal
import time
import uuid

import psutil
import pytest

from paretree.workers.protocol import Cause, Failed, Finished, Started

pytestmark = [pytest.mark.ray, pytest.mark.slow]

MEMORY = 2 * 2**30  # more than the first node has, so that runners go to the nodes that a test adds


def pump_until(workers, seen, condition, why):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{why}; seen: {seen}"
        workers.pump(seen.extend, 0.5)


def kill_with_workers(node):
    """As a machine that loses its power."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in [*raylet.children(recursive=True), raylet]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_workers_for_all_that_fits_grow_with_the_cluster_and_survive_the_loss_of_a_node(
    ray_workers, new_job, assign, add_node, tmp_path
):
    def train(trial):
        (tmp_path / f"ran-{trial.number}-{uuid.uuid4().hex}").touch()
        while trial.number < 2 and not (tmp_path / "go").exists():
            time.sleep(0.05)
        return 1.0

    first = add_node(cpus=1, memory=MEMORY)
    workers, seen = ray_workers(memory=MEMORY), []
    workers.open(new_job(train))
    assert workers.size == 1, "one node is large enough"

    add_node(cpus=1, memory=MEMORY)
    pump_until(workers, seen, lambda: workers.size == 2, "a runner is started on the node that joined")
    workers.submit(assign(0, 1, 2, 3))
    pump_until(workers, seen, lambda: len(list(tmp_path.glob("ran-*"))) == 2, "both run")

    kill_with_workers(first)
    pump_until(workers, seen, lambda: of(seen, Failed), "the attempt on the lost node is lost")
    (tmp_path / "go").touch()
    pump_until(workers, seen, lambda: len(of(seen, Failed) + of(seen, Finished)) == 4, "the others end")
    assert [failure.cause for failure in of(seen, Failed)] == [Cause.INFRASTRUCTURE]
    assert of(seen, Failed)[0].id.trial in (0, 1), "the one that ran there"
    pump_until(workers, seen, lambda: workers.size == 1, "the pool shrank with the cluster")
    assert len(list(tmp_path.glob("ran-*"))) == 4, "nothing was run twice"


def test_a_fixed_number_of_runners_begins_with_what_fits_and_is_filled_up_when_there_is_room(
    ray_workers, new_job, add_node, caplog
):
    add_node(cpus=1, memory=MEMORY)
    workers, seen = ray_workers(count=2, memory=MEMORY), []
    workers.open(new_job(lambda trial: 1.0))
    assert workers.size == 1
    assert "1 of 2 runners run: this Ray cluster has places for 1 with CPU=1, memory=2.14748e+09" in caplog.text
    add_node(cpus=1, memory=MEMORY)
    pump_until(workers, seen, lambda: workers.size == 2, "the second starts where there is room now")


def test_a_node_that_is_about_to_go_tells_its_trial_and_gets_no_more(ray_workers, new_job, assign, add_node, tmp_path):
    def train(trial):
        while trial.number == 0:
            if trial.should_checkpoint:
                (tmp_path / "warned").touch()
            trial.report(0, loss=0.5)
            time.sleep(0.1)
        (tmp_path / f"ran-{trial.number}").touch()
        return 1.0

    node = add_node(cpus=1, memory=MEMORY)
    workers, seen = ray_workers(memory=MEMORY), []
    workers.open(new_job(train))
    workers.submit(assign(0, 1))
    pump_until(workers, seen, lambda: of(seen, Started), "the trial runs")

    drain(node)
    pump_until(workers, seen, lambda: (tmp_path / "warned").exists(), "the trial is told")
    pump_until(workers, seen, lambda: workers.size == 0, "it counts no more")
    add_node(cpus=1, memory=MEMORY)
    pump_until(workers, seen, lambda: of(seen, Finished), "what waited there runs on another node")
    assert of(seen, Finished)[0].id.trial == 1

    kill_with_workers(node)
    pump_until(workers, seen, lambda: of(seen, Failed), "the trial is lost with its node")
    assert of(seen, Failed)[0].cause is Cause.PREEMPTED, of(seen, Failed)


def drain(node):
    import ray
    from ray.core.generated import autoscaler_pb2

    accepted, reason = ray._private.worker.global_worker.gcs_client.drain_node(
        node.node_id,
        autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        "the cloud wants its machine back",
        int((time.time() + 60) * 1000),
    )
    assert accepted, reason


def test_the_death_of_a_nodes_daemon_alone_is_a_lost_node_too(ray_workers, new_job, assign, add_node):
    node = add_node(cpus=1, memory=MEMORY)
    workers, seen = ray_workers(memory=MEMORY), []
    workers.open(new_job(lambda trial: time.sleep(60.0 if trial.number == 0 else 0.0) or 1.0))
    workers.submit(assign(0))
    pump_until(workers, seen, lambda: of(seen, Started), "the trial runs")
    os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    pump_until(workers, seen, lambda: of(seen, Failed), "the attempt is lost")
    assert of(seen, Failed)[0].cause is Cause.INFRASTRUCTURE
