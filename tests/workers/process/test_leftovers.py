"""Nothing of a trial is left when it has ended, and nothing of a runner when that has."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from paretree.workers.process import is_alive, runner_mark, sweep_orphans
from paretree.workers.process.orphans import VARIABLE, tagged
from paretree.workers.protocol import Failed, Finished, Logged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a server adopt what a trial leaves")

SLEEP = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"]


def leave_a_session(trial):
    trial.log(subprocess.Popen(SLEEP, start_new_session=True).pid)


def leave_a_daemon(trial):
    """A child of a child of its own session: nobody's descendant, but for whoever adopts it."""
    sleep = f"subprocess.Popen({SLEEP!r}, stdout=subprocess.DEVNULL, start_new_session=True)"
    code = f"import subprocess; print({sleep}.pid)"
    trial.log(subprocess.check_output([sys.executable, "-c", code], text=True))


def leave_data_loaders(trial):
    import torch
    from torch.utils.data import DataLoader

    loader = DataLoader(torch.arange(1000.0), num_workers=2, persistent_workers=True)
    iterator = iter(loader)
    next(iterator)
    for worker in iterator._workers:
        trial.log(worker.pid)


@pytest.mark.parametrize("leave", [leave_a_session, leave_a_daemon, leave_data_loaders])
@pytest.mark.parametrize("end", ["return", "os._exit", "SIGKILL"])
def test_what_a_trial_starts_ends_with_it(processes, run, leave, end):
    def train(trial):
        leave(trial)
        if end == "os._exit":
            os._exit(1)
        if end == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    events = run(processes(train))
    pids = [int(event.text) for event in events if isinstance(event, Logged) and event.stream == "log"]
    assert pids, events
    assert [pid for pid in pids if psutil.pid_exists(pid)] == [], "they are gone when the last event is told"
    assert isinstance(events[-1], Finished if end == "return" else Failed)


def test_what_the_users_module_starts_when_it_is_loaded_lives_on(processes, run, tmp_path, monkeypatch, gone):
    (tmp_path / "starts_a_helper.py").write_text(f"import subprocess\nhelper = subprocess.Popen({SLEEP!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "uses_a_helper.py").write_text(
        "import starts_a_helper\n"
        "def train(trial):\n"
        "    trial.log(starts_a_helper.helper.pid)\n"
        "    starts_a_helper.subprocess.Popen(starts_a_helper.helper.args)\n"
        "    return 1.0\n"
    )
    code = tmp_path / "uses_a_helper.py"

    class Loaded:
        def __reduce__(self):
            return eval, ("__import__('uses_a_helper').train",)

        def __call__(self, trial):
            raise AssertionError("stands for the function where it was pickled")

    assert code.exists()
    runner = processes(Loaded())
    helpers = {int(run(runner, number)[1].text) for number in range(2)}
    assert len(helpers) == 1
    (helper,) = helpers
    assert psutil.pid_exists(helper), "it belongs to the job, not to a trial"
    runner.close()
    gone(helper)


RUNNER = """
import os, subprocess, sys, time
from paretree.spaces import Float, Space
from paretree.workers.process import Processes, runner_mark
from paretree.workers.protocol import Assignment, AttemptId, Job, Limits
from paretree.workers.shipping import pack

def train(trial):
    sleeper = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    trial.log(os.getpid(), os.getppid(), sleeper.pid)
    time.sleep(1000)

runner = Processes(pack(Job("test", Space(x=Float(0, 1)), train)), Limits(), mark=runner_mark(), device="cpu", gpus=0)
runner.run(
    Assignment(AttemptId(0, 0), {"x": 0.5}, 0),
    worker="runner",
    node="node",
    emit=lambda event: print(getattr(event, "text", ""), flush=True),
    stopping=lambda: False,
    draining=lambda: False,
)
"""


@pytest.fixture
def runner_at_work(tmp_path):
    """A runner in a process of its own, and the numbers of those that it has: trial, fork server, grandchild."""
    file = tmp_path / "runner.py"
    file.write_text(RUNNER)
    runner = subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True)
    assert runner.stdout.readline() == "\n", "started"
    yield runner, [int(pid) for pid in runner.stdout.readline().split()]
    runner.kill()
    runner.wait()
    runner.stdout.close()


def test_the_death_of_a_runner_takes_all_with_it(runner_at_work, gone):
    runner, pids = runner_at_work
    runner.kill()
    runner.wait()
    for pid in pids:
        gone(pid)


def test_the_death_of_runner_and_fork_server_leaves_orphans_only_until_the_sweep(runner_at_work, gone):
    runner, (trial, server, sleeper) = runner_at_work
    assert sweep_orphans() == 0, "those of a runner that lives are no orphans"
    os.kill(runner.pid, signal.SIGSTOP)  # so that it cannot clear away what its server leaves
    os.kill(server, signal.SIGKILL)
    gone(trial)
    runner.kill()
    runner.wait()
    assert psutil.pid_exists(sleeper), "it has a session of its own, and no parent of ours"
    assert sweep_orphans() >= 1
    gone(sleeper)


def test_a_sweep_ends_what_dead_runners_marked_and_nothing_else(gone):
    mine, theirs = runner_mark(), "elsewhere:1:1"
    dead = runner_mark().rpartition(":")[0] + ":0"
    sleepers = {
        mark: subprocess.Popen(["sleep", "1000"], env={**os.environ, VARIABLE: tagged(mark)})
        for mark in (mine, theirs, dead)
    }
    try:
        assert is_alive(mine)
        assert is_alive(theirs), "nobody here can know"
        assert not is_alive(dead), "the number lives, but it was born later"
        sweep_orphans()
        assert sleepers[dead].wait(timeout=10) == -signal.SIGKILL
        assert sleepers[mine].poll() is None
        assert sleepers[theirs].poll() is None
    finally:
        for sleeper in sleepers.values():
            sleeper.kill()
            sleeper.wait()


def test_closing_ends_a_trial_that_runs_in_another_thread(processes, run, gone):
    runner = processes(lambda trial: trial.report(0, pid=os.getpid()) or time.sleep(1000))
    events = []
    thread = threading.Thread(target=lambda: events.extend(run(runner)))
    thread.start()
    time.sleep(1.0)
    runner.close()
    thread.join()
    assert isinstance(events[-1], Failed)
    gone(int(events[1].values["pid"]))


def test_closing_one_job_of_a_runner_leaves_the_trial_of_another_alone(processes, run):
    leaving = processes(lambda trial: 1.0)
    staying = processes(lambda trial: time.sleep(2) or 1.0)
    closer = threading.Thread(target=lambda: [time.sleep(0.5), leaving.close()])
    closer.start()
    assert isinstance(run(staying)[-1], Finished)
    closer.join()


@pytest.mark.slow
def test_hundreds_of_trials_leave_nothing_to_grow(processes, run):
    def train(trial):
        print("line")
        trial.report(0, loss=1.0)
        if trial.number % 20 == 19:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    def footprint():
        server = psutil.Process().children()
        files = [psutil.Process().num_fds(), *(process.num_fds() for process in server)]
        return files, threading.active_count(), len(psutil.Process().children(recursive=True))

    runner = processes(train)
    for number in range(10):
        run(runner, number)
    before = footprint()
    ends = [run(runner, number)[-1] for number in range(200)]
    assert footprint() == before, "files, threads, processes"
    assert sum(isinstance(end, Finished) for end in ends) == 190
