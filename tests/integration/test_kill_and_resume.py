"""Whatever ends a run, its sweep goes on where it stood: what has finished is neither lost nor run again."""

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

SLOW = """
import os
import time
from pathlib import Path

import paretree as pt

space = pt.Space(x=pt.Float(0, 1))

def train(trial):
    with open({runs!r}, "a") as runs:
        runs.write(f"{{trial.number}}\\n")
    {train}
    return trial.config.x

sweep = pt.Sweep("slow", space, train, {{"loss": "minimize"}}, sampler="random", seed=0)
"""

TRIALS = 8
HANGS = "time.sleep(600 if trial.number == 3 and trial.attempt == 0 else 0)"


@pytest.fixture
def slow(paretree):
    """A function that writes `slow.py`, whose trials each append their number to `runs` and then do as told."""

    def write(train):
        paretree.write(SLOW.format(runs=str(paretree.folder / "runs"), train=train), "slow.py")

    return write


def runs_of(paretree):
    """How often each trial was run."""
    runs = paretree.folder / "runs"
    return Counter(map(int, runs.read_text().split())) if runs.exists() else Counter()


def wait_until_run(paretree, number):
    """Wait until the trial is under way."""
    deadline = time.monotonic() + 60
    while not runs_of(paretree)[number]:
        assert time.monotonic() < deadline, f"trial {number} does not begin"
        time.sleep(0.05)


def end(process, by, whole_group=False):
    """Send the signal, as a shell does or as `kill` does, and wait for the end; what it printed on stderr."""
    (os.killpg if whole_group else os.kill)(process.pid, by)
    return process.communicate(timeout=60)[1]


def assert_resumes_from_trial_3(paretree):
    assert paretree.finished("slow") == {0, 1, 2}
    done = paretree("resume", "slow", "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert paretree.finished("slow") == set(range(TRIALS))
    assert runs_of(paretree) == Counter([*range(TRIALS), 3]), "not just the trial under way was run again"


def processes_marked(mark):
    """The command lines of processes of this machine that have `PARETREE_TEST_MARK=mark` in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PARETREE_TEST_MARK={mark}".encode() in environment.read_bytes().split(b"\0"):
                found.append((environment.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_says_how_to_go_on_and_its_last_trial_is_run_again(paretree, slow, by):
    slow(HANGS)
    process = paretree.start("run", "slow.py", "--trials", TRIALS, "--workers", "inline")
    wait_until_run(paretree, 3)
    told = end(process, by, whole_group=by is signal.SIGINT)
    assert process.returncode == 130, told
    assert re.fullmatch(r"Interrupted; go on with: \S*paretree resume slow", told.splitlines()[-1])
    assert "Traceback" not in told

    details = paretree.json("show", "slow")
    assert (details["state"], details["reason"]) == ("interrupted", "it was interrupted")
    assert details["trials"] == {"finished": 3, "waiting": 1}
    assert_resumes_from_trial_3(paretree)


def test_a_killed_run_is_resumed_at_once(paretree, slow):
    slow(HANGS)
    process = paretree.start("run", "slow.py", "--trials", TRIALS, "--workers", "inline")
    wait_until_run(paretree, 3)
    end(process, signal.SIGKILL)
    assert_resumes_from_trial_3(paretree)


def test_an_exception_fails_its_trial_alone_and_its_traceback_is_kept(paretree, slow):
    slow("[][trial.number] if trial.number == 1 else None")
    done = paretree("run", "slow.py", "--trials", 3, "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert "trial 1 failed: IndexError: list index out of range" in done.stderr
    shown = paretree("show", "slow", "--trial", 1).stdout
    assert 'slow.py", line 13, in train' in shown, shown
    assert "IndexError: list index out of range" in shown
    assert paretree.finished("slow") == {0, 2}


@pytest.mark.ray
@pytest.mark.slow
def test_with_ray_a_sweep_survives_dying_trials_an_interrupt_and_a_kill_and_leaves_no_process(paretree, slow):
    slow("os._exit(3) if trial.number == 1 else time.sleep(0.15)")
    paretree.env = {"PARETREE_TEST_MARK": str(paretree.folder)}

    process = paretree.start("run", "slow.py", "--trials", 500, "--workers", "ray")
    paretree.wait_for("slow", 6)
    told = end(process, signal.SIGINT, whole_group=True)
    assert process.returncode == 130, told
    assert "is run again: the trial's process left with exit code 3" in told
    assert re.fullmatch(r"Interrupted; go on with: \S*paretree resume slow", told.splitlines()[-1])
    assert_no_process_is_left(paretree)
    first, runs_of_first = paretree.finished("slow"), runs_of(paretree)

    process = paretree.start("resume", "slow", "--workers", "ray")
    paretree.wait_for("slow", len(first) + 4)
    end(process, signal.SIGKILL)
    assert_no_process_is_left(paretree)
    second, runs_of_second = paretree.finished("slow"), runs_of(paretree)

    done = paretree("resume", "slow", "--more", 2, "--workers", "ray")
    assert done.returncode == 0, done.stderr
    assert_no_process_is_left(paretree)
    assert first < second < paretree.finished("slow")
    assert [number for number in first if runs_of(paretree)[number] > runs_of_first[number]] == []
    assert [number for number in second if runs_of(paretree)[number] > runs_of_second[number]] == []

    dying = paretree.json("show", "slow", "--trial", 1)
    assert dying["state"] == "failed"
    assert "os._exit" in dying["failure"]
    assert len(dying["attempts"]) >= 3, "it was not retried"


RAY_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # Ray's own: some end minutes after their node has died


def assert_no_process_is_left(paretree):
    deadline = time.monotonic() + 60
    while left := [name for name in processes_marked(str(paretree.folder)) if not name.startswith(RAY_AGENTS)]:
        assert time.monotonic() < deadline, f"processes are left: {left}"
        time.sleep(0.2)
