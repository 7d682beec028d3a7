"""What is particular to trials on Ray: processes that die, code that travels, clusters that are too small."""

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from functools import partial
from pathlib import Path

import pytest

from paretree.spaces import Float, Space
from paretree.workers import RayWorkers, WorkersError
from paretree.workers.protocol import AttemptId, Cause, Failed, Finished, Job, Started
from paretree.workers.ray import crew

pytestmark = pytest.mark.ray


def load_from_file(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def job(train):
    return Job("test", Space(x=Float(0, 1)), train, key=uuid.uuid4().hex)


@pytest.mark.parametrize(
    "die",
    [
        pytest.param(lambda: os._exit(1), id="os._exit"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), id="SIGKILL"),
        pytest.param(lambda: ctypes.string_at(0), id="segmentation fault"),
    ],
)
def test_a_dead_process_fails_the_trial_it_ran_and_the_queued_ones_run_elsewhere(ray_workers, drive, die):
    def train(trial):
        if trial.number == 1:
            time.sleep(0.2)  # until what came before it has been told
            die()
        return 1.0

    workers = ray_workers(count=1, isolation="inline")
    events = drive(workers, train, trials=5)

    failures = [event for event in events if isinstance(event, Failed)]
    assert [failure.id for failure in failures] == [AttemptId(1, 0)], "the one that ran, once"
    assert failures[0].cause is Cause.INFRASTRUCTURE
    assert failures[0].message == "the worker process died (killed, crashed, or left with os._exit)"
    finished = [event.id.trial for event in events if isinstance(event, Finished)]
    assert finished == [0, 2, 3, 4], "each of the others once"
    assert len({event.worker for event in events if isinstance(event, Started)}) == 2, "another runner took its place"
    assert workers.size == 1


def test_an_interrupt_raised_by_the_users_function_fails_only_its_trial(ray_workers, drive):
    def train(trial):
        if trial.number == 0:
            raise KeyboardInterrupt
        return 1.0

    events = drive(ray_workers(count=1), train, trials=2)

    assert [type(event) for event in events] == [Started, Failed, Started, Finished]
    assert events[1].message == "KeyboardInterrupt"
    assert events[1].traceback.splitlines()[1].endswith("in train"), "our own frames are left out"


def test_runners_work_at_the_same_time(ray_workers, drive, tmp_path):
    def train(trial):
        (tmp_path / str(trial.number)).touch()
        for _ in range(3000):
            if (tmp_path / str(1 - trial.number)).exists():
                return 1.0
            time.sleep(0.01)
        raise TimeoutError("the other trial was not there")

    workers = ray_workers(cpus=0.5, count=2)
    events = drive(workers, train, trials=2)

    assert sum(isinstance(event, Finished) for event in events) == 2, events
    assert workers.size == 2


def test_as_many_runners_start_as_fit(ray_workers):
    workers = ray_workers(cpus=0.6)
    workers.open(job(lambda trial: 1.0))
    assert workers.size == 3, "1.8 of the cluster's 2 CPUs"


def test_a_runner_has_its_share_of_threads_no_gpu_and_the_environment_asked_for(ray_workers, drive):
    def train(trial):
        trial.log(trial.device, *(os.environ[name] for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "COLOUR")))
        return 1.0

    logged = drive(ray_workers(cpus=2, env={"COLOUR": "blue"}), train)[1]
    assert logged.text == "cpu 2  blue"


def test_a_function_from_a_file_that_no_worker_can_import_travels_with_its_space(ray_workers, drive, tmp_path):
    file = tmp_path / "digits.py"
    file.write_text(
        "from paretree.spaces import Build, Float, Space\n"
        "FACTOR = 10\n"
        "def scale(x): return FACTOR * x\n"
        "def double(x): return 2 * x\n"
        "space = Space(x=Float(0, 1), doubled=Build(double, 4))\n"
        "def train(trial): return {'scaled': scale(trial.config.x), 'doubled': trial.build()['doubled']}\n"
    )
    module = load_from_file(file, "digits_of_this_process_only")
    sys.modules[module.__name__] = module
    try:
        events = drive(ray_workers(count=1), module.train, trials=2, space=module.space)
    finally:
        del sys.modules[module.__name__]
    assert events[-1].values == {"scaled": 1.0, "doubled": 8.0}, events[-1]


def test_a_module_that_this_process_finds_is_found_by_the_runner(ray_workers, drive, tmp_path, monkeypatch):
    (tmp_path / "helper_on_the_path.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)

    def train(trial):
        import helper_on_the_path

        return helper_on_the_path.ANSWER

    assert drive(ray_workers(count=1), train)[-1].values == {"": 42.0}


def test_relative_files_are_found_from_where_this_process_stands(ray_workers, drive, tmp_path, monkeypatch):
    (tmp_path / "accuracy.txt").write_text("0.75")
    monkeypatch.chdir(tmp_path)
    assert drive(ray_workers(count=1), lambda trial: float(Path("accuracy.txt").read_text()))[-1].values == {"": 0.75}


def test_what_cannot_be_sent_is_named(ray_workers):
    lock = threading.Lock()
    with pytest.raises(WorkersError, match=r"train uses 'lock', which is <unlocked .* \(lock\) and cannot be sent"):
        ray_workers().open(job(lambda trial: lock and 1.0))


class FailsElsewhere:
    """Can be pickled, but not read again."""

    def __init__(self, action, *args):
        self.call = action, args

    def __reduce__(self):
        return self.call


def test_a_job_that_a_runner_cannot_load_is_refused_with_the_reason(ray_workers):
    train = partial(print, FailsElsewhere(importlib.import_module, "not_installed_there"))
    with pytest.raises(WorkersError, match=r"could not load the job \(ModuleNotFoundError: No module named"):
        ray_workers(count=1).open(job(train))


def test_runners_that_die_again_and_again_before_any_trial_end_the_attempt_to_open(ray_workers):
    train = partial(print, FailsElsewhere(os._exit, 1))
    expected = (
        r"3 workers in a row ended before they ran a trial; of the last, the worker process died \(killed, crashed"
    )
    with pytest.raises(WorkersError, match=expected):
        ray_workers(count=1, isolation="inline").open(job(train))


def test_a_cluster_that_is_full_is_not_waited_for_for_ever(ray_workers, monkeypatch):
    ray_workers(count=2).open(job(lambda trial: 1.0))
    monkeypatch.setattr(crew, "START_SECONDS", 1.0)
    with pytest.raises(WorkersError, match=r"Ray started no worker with CPU=1 within 1 s, where 0 CPUs and 0 GPUs"):
        ray_workers(count=1).open(job(lambda trial: 1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpus": 64}, "each trial asks for CPU=64, but the largest node of this Ray cluster has 2; ask RayWorkers"),
        ({"gpus": 1}, "each trial asks for GPU=1, but the largest node of this Ray cluster has 0; ask RayWorkers"),
    ],
)
def test_what_the_cluster_cannot_hold_is_refused(ray_workers, options, message):
    with pytest.raises(WorkersError, match=message):
        ray_workers(**options).open(job(lambda trial: 1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpus": 0}, r"RayWorkers\(cpus=0\) leaves trials nothing to run on"),
        ({"gpus": 1.5}, r"RayWorkers\(gpus=1.5\) cannot be had; give a part of one GPU, or whole ones"),
        ({"count": 0}, r"RayWorkers\(count=0\) runs nothing; give 1 or more, or 'auto'"),
        ({"isolation": "thread"}, r"isolation='thread'\) is unknown; give one of 'process', 'inline', 'torchrun'"),
        ({"isolation": "torchrun", "gpus": 0.5}, r"gpus=0.5\) shares one GPU; give whole ones, one for each process"),
        ({"orphan_seconds": 0}, r"RayWorkers\(orphan_seconds=0\) is no time; give more than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options, message):
    with pytest.raises(WorkersError, match=message):
        RayWorkers(**options)


SCRIPT = """
import os, signal, sys, time
from paretree.spaces import Build, Float, Space
from paretree.workers import RayWorkers
from paretree.workers.protocol import Assignment, AttemptId, Failed, Finished, Job

def double(x):
    return 2 * x

def train(trial):
    if trial.number == 1:
        time.sleep(0.2)  # until the trial before it has been told
        os._exit(1)
    return double(trial.config.x) + trial.build()["y"]

ends = []
before = signal.getsignal(signal.SIGTERM)
workers = RayWorkers(count=1)
workers.open(Job("script", Space(x=Float(0, 1), y=Build(double, 3)), train))
assert signal.getsignal(signal.SIGTERM) is before, "Ray's handler is not left in place"
print("ready", flush=True)
if "wait" in sys.argv:
    signal.pause()
workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, 0) for number in range(2)])
while len(ends) < 2:
    workers.pump(lambda events: ends.extend(e for e in events if isinstance(e, Finished | Failed)), 1.0)
workers.close()
children = [line for line in os.popen(f"ps -o stat=,args= --ppid {os.getpid()}") if " ps " not in line]
assert not [line for line in children if "ray" in line or line.startswith("Z")], children
print([type(end).__name__ for end in ends])
"""


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return partial(subprocess.Popen, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment), file


def test_a_script_starts_its_own_quiet_ray_and_leaves_nothing_behind(script):
    start, file = script
    process = start([sys.executable, file])
    out, err = process.communicate(timeout=120)
    assert out.splitlines() == ["ready", "['Finished', 'Failed']"], f"nothing of Ray's is printed; on stderr: {err}"
    assert err == ""
    assert process.returncode == 0


def test_a_script_that_is_killed_takes_its_runners_with_it(script):
    start, file = script
    process = start([sys.executable, file, "wait"])
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    runners = [pid for pid in descendants(process.pid) if "ray::Runner" in command(pid)]
    assert len(runners) == 1, "the script's one runner is found"
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while alive := [pid for pid in runners if command(pid)]:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.1)


OTHERS = """
import sys, ray
print(ray.init(address="local", num_cpus=1, include_dashboard=False, object_store_memory=80 * 2**20,
      log_to_driver=False, logging_level="ERROR").address_info["gcs_address"], flush=True)
sys.stdin.read()
"""

JOINING = """
import sys
from paretree.spaces import Float, Space
from paretree.workers import RayWorkers
from paretree.workers.protocol import Job
workers = RayWorkers(address=sys.argv[1])
workers.open(Job("joining", Space(x=Float(0, 1)), abs))
print(workers.size)
workers.close()
"""


@pytest.mark.slow
def test_a_cluster_that_asks_for_the_users_token_is_joined_by_its_address(script):
    start, _ = script
    others = start([sys.executable, "-c", OTHERS], stdin=subprocess.PIPE)
    try:
        address = others.stdout.readline().strip()
        out, err = start([sys.executable, "-c", JOINING, address]).communicate(timeout=120)
        assert out == "1\n", err
    finally:
        others.communicate("")


def test_a_ray_client_address_is_refused():
    code = "from paretree.workers.ray.cluster import join; join('ray://here:10001', None, None)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ray://here:10001 is a Ray Client address, which loses running trials" in process.stderr


def descendants(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def command(pid):
    """The command line of a process; empty once it is gone, or dead and only not yet waited for."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
