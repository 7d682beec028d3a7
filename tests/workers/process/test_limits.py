"""An attempt that takes more than it may is gone within a second of its deadline, however it hangs."""

import ctypes
import os
import re
import signal
import time

import pytest

from paretree.workers.process.limits import GIB, breach
from paretree.workers.protocol import Cause, Failed, Finished, Limits, Reported

TIMEOUT = 1.0
GRACE = 0.5


def sleep_in_python():
    time.sleep(1000)


def sleep_in_c():
    ctypes.PyDLL(None).sleep(1000)  # holds the GIL: no Python code runs, no handler of a signal


def match_for_ever():
    re.match(r"(a+)+$", "a" * 60 + "b")


def ignore_being_asked():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)


def swallow_everything():
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


def stand_still():
    signal.raise_signal(signal.SIGSTOP)


@pytest.mark.parametrize(
    "hang",
    [sleep_in_python, sleep_in_c, match_for_ever, ignore_being_asked, swallow_everything, stand_still],
)
def test_a_hung_trial_is_gone_a_second_after_its_deadline(processes, run, gone, hang):
    def train(trial):
        if trial.number == 0:
            trial.report(0, pid=os.getpid())
            hang()
        return 1.0

    runner = processes(train, Limits(timeout=TIMEOUT, grace=GRACE))
    began = time.monotonic()
    _, reported, failed = run(runner)[:3]
    seconds = time.monotonic() - began
    assert (failed.cause, failed.message) == (Cause.TIMEOUT, "the trial ran longer than its timeout of 1 s")
    assert seconds < TIMEOUT + GRACE + 1.0
    gone(int(reported.values["pid"]))
    assert isinstance(run(runner, number=1)[-1], Finished)


def test_a_trial_that_is_asked_to_end_cleans_up(processes, run, tmp_path):
    def train(trial):
        try:
            time.sleep(1000)
        finally:
            (tmp_path / "cleaned").touch()
            trial.report(0, loss=1.0)

    events = run(processes(train, Limits(timeout=0.5)))
    assert [type(event) for event in events[1:]] == [Reported, Failed]
    assert events[-1].cause is Cause.TIMEOUT
    assert (tmp_path / "cleaned").exists()


def test_a_result_after_the_deadline_does_not_count(processes, run):
    def train(trial):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1.5)
        return 1.0

    assert run(processes(train, Limits(timeout=0.5, grace=20)))[-1].cause is Cause.TIMEOUT


def test_a_trial_that_falls_silent_is_ended_but_not_one_that_reports(processes, run):
    def train(trial):
        for step in range(10):
            trial.report(step, loss=1.0)
            time.sleep(0.2)
        if trial.number == 1:
            time.sleep(1000)
        return 1.0

    runner = processes(train, Limits(report_timeout=1.5, grace=GRACE))
    assert isinstance(run(runner)[-1], Finished)
    failed = run(runner, number=1)[-1]
    assert (failed.cause, failed.message) == (
        Cause.TIMEOUT,
        "the trial reported nothing for 1.5 s, its report_timeout",
    )


def test_a_trial_whose_runner_takes_no_events_is_not_silent(processes):
    from paretree.workers.protocol import Assignment, AttemptId

    def train(trial):
        for step in range(200):
            trial.report(step, **{f"metric{number}": 1.0 for number in range(1000)})
        return 1.0

    events = []

    def emit(event):
        if len(events) == 1:
            time.sleep(2.0)
        events.append(event)

    runner = processes(train, Limits(report_timeout=1.0))
    runner.run(
        Assignment(AttemptId(0, 0), {"x": 0.5}, 0),
        worker="runner",
        node="node",
        emit=emit,
        stopping=lambda: False,
        draining=lambda: False,
    )
    assert isinstance(events[-1], Finished), events[-1]


def test_the_memory_of_all_its_processes_together_is_limited(processes, run):
    def train(trial):
        import subprocess
        import sys

        held = bytearray(150 * 2**20)
        if trial.number == 1:
            code = "import time; held = bytearray(b'x') * (150 * 2**20); time.sleep(1000)"
            subprocess.Popen([sys.executable, "-c", code]).wait()
        time.sleep(2.5)
        return len(held)

    runner = processes(train, Limits(memory=250 * 2**20, grace=GRACE))
    assert isinstance(run(runner)[-1], Finished), "one alone is within the limit"
    failed = run(runner, number=1)[-1]
    assert failed.cause is Cause.MEMORY
    assert re.fullmatch(
        r"the trial's processes held 0\.\d\d GiB, more than their limit of 0\.24 GiB", failed.message
    ), failed.message


def test_limits_are_passed_at_their_value_and_the_first_is_told():
    limits = Limits(timeout=10, report_timeout=5, memory=GIB)
    assert breach(limits, ran=9.9, quiet=4.9, held=GIB) is None
    assert breach(limits, ran=10, quiet=5, held=2 * GIB).message == "the trial ran longer than its timeout of 10 s"
    assert breach(limits, ran=0, quiet=5, held=0).cause is Cause.TIMEOUT
    assert breach(limits, ran=0, quiet=0, held=GIB + 1).cause is Cause.MEMORY
    assert breach(Limits(), ran=1e9, quiet=1e9, held=2**60) is None
