"""Every way a trial's process can end fails that trial in one sentence, and the next one runs."""

import ctypes
import os
import signal
import stat
import threading
import time
from contextlib import suppress
from functools import partial

import pytest

from paretree.workers import WorkersError
from paretree.workers.process.deaths import explain, memory_kills
from paretree.workers.protocol import Cause, Failed, Finished, Logged, Reported, Started, Stopped


def test_a_trial_is_heard_from_its_start_to_its_end(processes, run):
    def train(trial):
        trial.report(0, loss=0.5)
        return {"loss": trial.config.x}

    started, reported, finished = run(processes(train, gpus=0.25), number=7)
    assert isinstance(started, Started)
    assert (started.worker, started.node, started.gpus) == ("runner", "node", 0.25)
    assert isinstance(reported, Reported)
    assert reported.values == {"loss": 0.5}
    assert isinstance(finished, Finished)
    assert finished.values == {"loss": 0.007}


@pytest.mark.parametrize(
    ("die", "message"),
    [
        pytest.param(lambda: os._exit(3), "left with exit code 3 before train returned (os._exit?)", id="os._exit"),
        pytest.param(lambda: os._exit(0), "left with exit code 0 before train returned", id="os._exit(0)"),
        pytest.param(
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "was killed by signal 9 (SIGKILL), perhaps by the kernel for want of memory",
            id="SIGKILL",
        ),
        pytest.param(
            lambda: ctypes.string_at(0),
            "was killed by signal 11 (SIGSEGV), a crash in native code; its stderr says where",
            id="segmentation fault",
        ),
        pytest.param(os.abort, "was killed by signal 6 (SIGABRT)", id="abort"),
        pytest.param(lambda: os.execv("/bin/true", ["true"]), "left with exit code 0 before train", id="exec"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGTERM), "was killed by signal 15 (SIGTERM)", id="SIGTERM"),
        pytest.param(
            lambda: os.kill(os.getpid(), signal.SIGRTMIN + 1),
            f"was killed by signal {signal.SIGRTMIN + 1} (a real-time signal)",
            id="real-time signal",
        ),
    ],
)
def test_a_process_that_dies_fails_only_its_trial(processes, run, die, message):
    def train(trial):
        trial.report(0, loss=0.5)
        if trial.number == 0:
            die()
        return 1.0

    runner = processes(train)
    events = run(runner)
    reports = [event for event in events if isinstance(event, Reported)]
    assert len(reports) == 1, "what it reported before is kept"
    assert isinstance(events[-1], Failed)
    assert events[-1].cause is Cause.INFRASTRUCTURE
    assert message in events[-1].message
    assert isinstance(run(runner, number=1)[-1], Finished), "the next one runs"


def test_a_crash_in_native_code_leaves_its_traceback_in_stderr(processes, run):
    lines = [event for event in run(processes(lambda trial: ctypes.string_at(0))) if isinstance(event, Logged)]
    text = "\n".join(line.text for line in lines if line.stream == "stderr")
    assert "Fatal Python error: Segmentation fault" in text
    assert "string_at" in text, "and says where"


def test_an_interrupt_or_an_exit_raised_by_the_users_function_is_its_failure(processes, run):
    def train(trial):
        raise (KeyboardInterrupt if trial.number == 0 else SystemExit)("enough")

    runner = processes(train)
    for number, name in enumerate(["KeyboardInterrupt", "SystemExit"]):
        end = run(runner, number)[-1]
        assert (end.cause, end.message) == (Cause.USER, f"{name}: enough")
        assert "in train" in end.traceback.splitlines()[1], "our own frames are left out"


def absurd(number):
    return [float("nan"), float("inf"), 10**400, lambda: 1, threading.Lock(), None, {"a": "b"}, {}][number]


def test_absurd_results_are_kept_as_numbers_or_fail_with_what_they_were(processes, run):
    runner = processes(lambda trial: absurd(trial.number))
    ends = [run(runner, number)[-1] for number in range(8)]
    assert str(ends[0].values[""]) == "nan"
    assert ends[1].values == {"": float("inf")}
    assert [end.cause for end in ends[2:]] == [Cause.RESULT] * 6
    assert "(lock); return a dict of numbers" in ends[4].message


def test_names_of_a_type_that_only_the_trial_knows_arrive_as_strings(processes, run):
    class Name(str):
        pass

    def train(trial):
        trial.report(0, **{Name("loss"): 1.0})
        return {Name("loss"): 2.0}

    _, reported, finished = run(processes(train))
    assert [type(name) for name in (*reported.values, *finished.values)] == [str, str]


def test_what_a_fork_of_the_trial_says_is_not_said_twice(processes, run):
    def train(trial):
        if os.fork() == 0:
            return 2.0  # the user forgot to end it
        os.wait()
        return 1.0

    ends = [event for event in run(processes(train)) if isinstance(event, Finished)]
    assert [end.values for end in ends] == [{"": 1.0}]


def test_a_trial_that_writes_into_its_own_pipes_harms_only_itself(processes, run):
    def train(trial):
        if trial.number == 0:
            for descriptor in range(3, 100):
                with suppress(OSError):
                    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                        os.write(descriptor, b"\0\0\0\1x")
        return 1.0

    runner = processes(train)
    end = run(runner)[-1]
    assert end.cause is Cause.INFRASTRUCTURE
    assert end.message.startswith("what the trial's process sent cannot be read (UnpicklingError: ")
    assert isinstance(run(runner, number=1)[-1], Finished)


def test_a_trial_ends_at_the_report_after_it_was_told_to_stop(processes, run):
    def train(trial):
        for step in range(10_000):
            trial.report(step, loss=1.0)
            time.sleep(0.01)

    events = run(processes(train), stopping=lambda events: len(events) > 3)
    assert isinstance(events[-1], Stopped)


def test_a_trial_that_is_told_to_stop_before_it_begins_is_not_begun(processes, run, tmp_path):
    events = run(processes(lambda trial: (tmp_path / "begun").touch()), stopping=lambda events: True)
    assert [type(event) for event in events] == [Started, Stopped]
    assert not (tmp_path / "begun").exists()


def test_a_trial_sees_that_its_node_is_about_to_go(processes, run):
    def train(trial):
        for step in range(10_000):
            trial.report(step, loss=1.0)
            if trial.should_checkpoint:
                return 1.0
            time.sleep(0.01)
        return 0.0

    events = run(processes(train), draining=lambda events: len(events) > 3)
    assert events[-1].values == {"": 1.0}


def test_the_death_of_the_fork_server_fails_its_trial_and_the_next_has_another(processes, run, gone, tmp_path):
    def train(trial):
        trial.log(os.getpid(), os.getppid())
        if trial.number == 0:
            trial.log(os.spawnlp(os.P_NOWAIT, "setsid", "setsid", "sleep", "1000"))
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(1000)
        return 1.0

    runner = processes(train)
    _, pids, sleeper, failed = run(runner)
    assert failed.cause is Cause.INFRASTRUCTURE
    assert failed.message == "the fork server of the trial's process died (exit code -9)"
    trial, server = map(int, pids.text.split())
    for pid in (trial, server, int(sleeper.text)):
        gone(pid)
    events = run(runner, number=1)
    assert isinstance(events[-1], Finished)
    assert int(events[1].text.split()[1]) != server


def test_the_death_of_the_fork_server_between_two_trials_is_noticed_by_neither(processes, run, gone):
    runner = processes(lambda trial: trial.log(os.getppid()) or 1.0)
    server = int(run(runner)[1].text)
    os.kill(server, signal.SIGKILL)
    gone(server)
    assert isinstance(run(runner, number=1)[-1], Finished)


def test_a_runner_can_end_its_trial_from_another_thread(processes, run):
    runner = processes(lambda trial: trial.report(0, loss=1.0) or time.sleep(1000))
    killed = threading.Thread(target=lambda: [time.sleep(0.5), runner.kill()])
    killed.start()
    end = run(runner)[-1]
    killed.join()
    assert (end.cause, end.message) == (Cause.INFRASTRUCTURE, "the trial's processes were ended by their worker")
    runner.kill()  # between trials: nothing


def test_a_job_that_cannot_be_loaded_is_refused_with_the_reason(processes):
    class NotThere:
        def __reduce__(self):
            return __import__, ("not_installed_there",)

    with pytest.raises(WorkersError, match=r"could not load the job \(ModuleNotFoundError: No module named 'not_inst"):
        processes(partial(print, NotThere()))


def test_a_job_that_kills_whoever_loads_it_is_refused(processes):
    class Deadly:
        def __reduce__(self):
            return os._exit, (7,)

    with pytest.raises(WorkersError, match=r"the process that was to load the job died \(exit code 7\)"):
        processes(partial(print, Deadly()))


def test_a_kill_for_want_of_memory_is_told_apart():
    assert explain(-signal.SIGKILL, starved=True).cause is Cause.MEMORY
    assert explain(-signal.SIGKILL, starved=False).cause is Cause.INFRASTRUCTURE
    assert explain(-signal.SIGSEGV, starved=True).cause is Cause.INFRASTRUCTURE
    assert memory_kills() >= 0
