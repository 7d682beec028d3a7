"""A trial as two ranks on CPUs: they find each other, one speaks, and all end together."""

import os
import signal
import sys
import time

import psutil
import pytest

from paretree.workers import Keep
from paretree.workers.process.orphans import VARIABLE
from paretree.workers.process.ranks import leave_word, outcome, words
from paretree.workers.protocol import (
    AttemptId,
    Cause,
    Checkpointed,
    Failed,
    Finished,
    Limits,
    Logged,
    Reported,
    Stopped,
)

ID = AttemptId(3, 1)
GOOD, ERROR, DEATH, STOP, HANG = range(5)  # what becomes of a trial, by its number


def train(trial):
    import torch
    import torch.distributed

    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    total = torch.tensor([rank + 1.0])
    torch.distributed.all_reduce(total)
    trial.report(0, total=total.item())
    if trial.number == ERROR and rank == 1:
        raise ValueError("rank one had enough")
    if trial.number == DEATH and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if trial.number == HANG:
        time.sleep(1000)
    for step in range(1, 10_000 if trial.number == STOP else 3):
        if rank == 0:
            trial.report(step, total=total.item())
        torch.distributed.all_reduce(torch.zeros(1))
        time.sleep(0.05)
    return {"total": total.item()} if rank == 0 else None


def train_and_keep(trial):
    import torch.distributed

    torch.distributed.init_process_group("gloo")
    for step in range(2):
        with trial.checkpoint(step) as folder:
            (folder / "rank.txt").write_text(os.environ["RANK"])
        torch.distributed.barrier()
    return 1.0


def stopping(events):
    return sum(isinstance(event, Reported) for event in events) > 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ranks find their runner through /proc")
def test_ranks_run_as_one_trial_and_end_as_one(processes, run):
    pytest.importorskip("torch")
    runner = processes(train, Limits(timeout=60), isolation="torchrun", processes=2)
    good, error, death, stop = (
        run(runner, number, stopping=stopping if number == STOP else lambda events: False)
        for number in (GOOD, ERROR, DEATH, STOP)
    )
    assert [event.step for event in good if isinstance(event, Reported)] == [0, 1, 2], "of rank 0 only"
    assert isinstance(good[-1], Finished), good
    assert good[-1].values == {"total": 3.0}, "both ranks took part; that the other returned nothing is well"
    assert not [event for event in good if isinstance(event, Logged)], "torchrun has nothing to say"
    assert (error[-1].cause, error[-1].message) == (Cause.USER, "ValueError: rank one had enough")
    assert "in train" in error[-1].traceback
    assert death[-1].cause is Cause.INFRASTRUCTURE
    assert death[-1].message.startswith("rank 1 of the trial was killed by signal 9 (SIGKILL)")
    assert isinstance(stop[-1], Stopped), "rank 1 reports nothing, and ends with rank 0 all the same"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ranks find their runner through /proc")
def test_only_rank_0_keeps_checkpoints(processes, run, tmp_path):
    pytest.importorskip("torch")
    kept = {"files": str(tmp_path), "checkpoints": Keep(last=9)}
    events = run(processes(train_and_keep, Limits(timeout=60), kept, isolation="torchrun", processes=2))
    assert isinstance(events[-1], Finished), events[-1]
    assert [event.step for event in events if isinstance(event, Checkpointed)] == [0, 1]
    assert [file.read_text() for file in tmp_path.rglob("rank.txt")] == ["0", "0"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ranks find their runner through /proc")
def test_ranks_that_hang_are_ended_with_their_trial(processes, run):
    pytest.importorskip("torch")
    runner = processes(train, Limits(timeout=20, grace=1), isolation="torchrun", processes=2)
    events = run(runner, HANG)
    assert isinstance(events[1], Reported), "they had begun"
    assert events[-1].cause is Cause.TIMEOUT
    left = [process for process in psutil.Process().children(recursive=True) if VARIABLE in process.environ()]
    assert len(left) == 1, "only the fork server"


def failed(cause, message, at):
    return Failed(ID, cause, message, "", at)


def test_the_first_rank_to_fail_decides_and_a_silent_death_comes_before_all_that_follows_from_it():
    done = Finished(ID, {"": 1.0}, 1.0), Finished(ID, {}, 2.0)
    missed = failed(Cause.USER, "RuntimeError: connection closed by peer", 3.0)
    own = failed(Cause.USER, "ValueError", 2.0)
    stopped = Stopped(ID, 1.0)

    assert outcome(ID, dict(enumerate(done)), {}, 2) is done[0]
    assert outcome(ID, {0: missed, 1: own}, {0: 1, 1: 1}, 2) is own
    assert outcome(ID, {0: stopped, 1: missed}, {0: 1}, 2) is stopped
    assert outcome(ID, {0: own}, {0: 1, 1: -signal.SIGTERM}, 2) is own, "torchrun itself ended the other"
    dead = outcome(ID, {0: missed}, {0: 1, 1: -signal.SIGSEGV}, 2)
    assert dead.cause is Cause.INFRASTRUCTURE
    assert dead.message.startswith("rank 1 of the trial was killed by signal 11 (SIGSEGV)")
    left = outcome(ID, {1: done[1]}, {}, 2)
    assert left.message.startswith("rank 0 of the trial left with exit code 0 before train returned")


def test_words_that_ranks_left_are_found_again(tmp_path):
    ends = {0: Finished(ID, {"loss": 1.0}, 1.0), 11: failed(Cause.MEMORY, "no room", 2.0)}
    for rank, end in ends.items():
        leave_word(tmp_path, rank, end)
    (tmp_path / "draft-3").write_bytes(b"broken off")
    assert words(tmp_path) == ends
