"""Runners that die, hang and come back: each attempt ends once, and no result is lost."""

import signal
import threading
import time

import pytest

from paretree.workers.protocol import AttemptId, Cause, Failed, Finished, Limits, Reported, Started, Stopped
from paretree.workers.ray import crew, member

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def impatient(monkeypatch):
    """A runner is asked twice a second, and given up after 4 s."""
    monkeypatch.setattr(member, "POLL_SECONDS", 0.5)
    monkeypatch.setattr(crew, "LEASE", 4.0)


def pump_until(workers, seen, condition, why):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{why}; seen: {seen}"
        workers.pump(seen.extend, 0.5)


def kinds(events):
    return [type(event) for event in events]


def test_a_result_that_was_not_told_when_the_runner_was_killed_is_not_lost(
    ray_workers, new_job, assign, runners, tmp_path, until
):
    def train(trial):
        (tmp_path / f"begun-{trial.number}-{time.time()}").touch()
        time.sleep(0.5)
        trial.report(0, loss=0.5)
        return 1.0

    workers, seen = ray_workers(count=1), []
    workers.open(new_job(train))
    workers.submit(assign(0, 1))
    pump_until(workers, seen, lambda: seen, "the first trial starts")
    # the answer to the next poll is on its way; from here on, nobody asks
    until(lambda: len(list(tmp_path.glob("begun-1-*"))) == 1, "the second trial has begun, so the first has ended")
    time.sleep(0.1)
    runners()[0].kill()

    pump_until(workers, seen, lambda: sum(isinstance(event, Finished | Failed) for event in seen) == 2, "both end")
    ends = {event.id.trial: event for event in seen if isinstance(event, Finished | Failed)}
    assert isinstance(ends[0], Finished), "its result was read from the file the runner left"
    assert isinstance(ends[1], Failed), "this one was under way"
    assert ends[1].cause is Cause.INFRASTRUCTURE
    assert kinds(event for event in seen if event.id.trial == 0) == [Started, Reported, Finished], "each event once"


def test_a_killed_runner_takes_its_trial_with_it_and_is_replaced(ray_workers, new_job, assign, runners, tmp_path):
    import os

    def train(trial):
        (tmp_path / f"pid-{os.getpid()}").touch()
        time.sleep(0.0 if trial.number else 60.0)
        return 1.0

    workers, seen = ray_workers(count=1), []
    workers.open(new_job(train))
    workers.submit(assign(0, 1))
    pump_until(workers, seen, lambda: list(tmp_path.glob("pid-*")), "the trial runs")
    trial = int(next(tmp_path.glob("pid-*")).name.partition("-")[2])
    runners()[0].kill()

    pump_until(workers, seen, lambda: any(isinstance(event, Finished) for event in seen), "the waiting one runs")
    failures = [event for event in seen if isinstance(event, Failed)]
    assert [(failure.id.trial, failure.cause) for failure in failures] == [(0, Cause.INFRASTRUCTURE)]
    assert workers.size == 1
    with pytest.raises(ProcessLookupError):
        os.kill(trial, 0)


def test_a_runner_that_is_silent_for_less_than_its_lease_is_waited_for(
    impatient, ray_workers, new_job, assign, runners
):
    def train(trial):
        for step in range(10):
            trial.report(step, loss=0.5)
            time.sleep(0.2)
        return 1.0

    workers, seen = ray_workers(count=1), []
    workers.open(new_job(train))
    workers.submit(assign(0))
    pump_until(workers, seen, lambda: seen, "the trial starts")
    runner = runners()[0]
    runner.suspend()
    wake = threading.Timer(2.0, runner.resume)
    wake.start()
    pump_until(workers, seen, lambda: any(isinstance(event, Finished | Failed) for event in seen), "it ends")
    wake.join()
    assert kinds(seen) == [Started, *[Reported] * 10, Finished]


def test_a_runner_that_is_silent_for_longer_is_lost_and_what_it_says_later_is_not_heard(
    impatient, ray_workers, new_job, assign, runners
):
    workers, seen = ray_workers(count=1), []
    workers.open(new_job(lambda trial: time.sleep(3.0 if trial.number == 0 else 0.0) or 1.0))
    workers.submit(assign(0))
    pump_until(workers, seen, lambda: seen, "the trial starts")
    runner = runners()[0]
    runner.suspend()
    try:
        pump_until(workers, seen, lambda: len(seen) == 2, "it is lost")
        assert seen[1].cause is Cause.INFRASTRUCTURE
        assert seen[1].message == "the worker process gave no answer for 4 s"
    finally:
        if runner.is_running():
            runner.send_signal(signal.SIGCONT)
    workers.submit(assign(1))
    pump_until(workers, seen, lambda: any(isinstance(event, Finished) for event in seen), "another runner is there")
    assert [event.id for event in seen[2:]] == [AttemptId(1, 0)] * 2, "nothing more of the lost attempt"
    assert not runner.is_running(), "the lost one is gone"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(timeout=1.0), "the trial ran for more than timeout=1 s"),
        (Limits(report_timeout=1.0), "the trial reported nothing for more than report_timeout=1 s"),
    ],
)
def test_an_inline_trial_over_its_time_is_ended_with_its_runner(ray_workers, new_job, assign, limits, message):
    workers, seen = ray_workers(count=1, isolation="inline"), []
    workers.open(new_job(lambda trial: time.sleep(60.0 if trial.number == 0 else 0.0) or 1.0, limits=limits))
    workers.submit(assign(0, 1))
    pump_until(workers, seen, lambda: any(isinstance(event, Finished) for event in seen), "the other one runs")
    failures = [event for event in seen if isinstance(event, Failed)]
    assert [(failure.id.trial, failure.cause, failure.message) for failure in failures] == [(0, Cause.TIMEOUT, message)]


def test_close_leaves_no_process_behind(ray_workers, new_job, assign, runners, tmp_path, until):
    import os

    def train(trial):
        (tmp_path / f"pid-{os.getpid()}").touch()
        time.sleep(60.0)

    workers, seen = ray_workers(count=2), []
    workers.open(new_job(train))
    workers.submit(assign(0, 1))
    pump_until(workers, seen, lambda: len(list(tmp_path.glob("pid-*"))) == 2, "both trials run")
    workers.close()
    for path in tmp_path.glob("pid-*"):
        assert not os.path.exists(f"/proc/{path.name.partition('-')[2]}"), "the trial's process is gone"  # noqa: PTH110
    until(lambda: not runners(), "the runners are gone")


def test_a_stop_reaches_a_trial_in_its_own_process(ray_workers, new_job, assign):
    def train(trial):
        for step in range(600):
            trial.report(step, loss=0.5)
            time.sleep(0.1)
        return 1.0

    workers, seen = ray_workers(count=1), []
    workers.open(new_job(train))
    workers.submit(assign(0))
    pump_until(workers, seen, lambda: len(seen) > 2, "it reports")
    workers.stop(AttemptId(0, 0))
    pump_until(workers, seen, lambda: isinstance(seen[-1], Stopped), "it is stopped")
