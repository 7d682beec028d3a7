"""Processes, runners and nodes are lost while a sweep runs: its trials go on from their last good checkpoint."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from .conftest import children_of
from .tried import Note, Tried, assert_nothing_is_left, runner_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]

Make = Callable[..., Tried]

FROM_CHECKPOINT = """
folder = trial.restore()
first = trial.restored_step + 1 if folder else 0
note(trial, f"from-{first}")
for step in range(first, 6):
    trial.report(step, loss=trial.config.x)
    with trial.checkpoint(step) as folder:
        (folder / "step").write_text(str(step))
    if step == 2 and trial.attempt == 0:
        note(trial, "waits")
        time.sleep(600)
"""


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


WAYS: list[tuple[Callable[[Note], None], str]] = [
    (
        lambda note: kill(psutil.Process(note.pid)),
        "trial 0 is run again: the trial's process was killed by signal 9 (SIGKILL), "
        "perhaps by the kernel for want of memory",
    ),
    (
        lambda note: kill(psutil.Process(note.pid).parents()[0]),
        "trial 1 is run again: the fork server of the trial's process died (exit code -9)",
    ),
    (
        lambda note: kill(runner_of(note.pid)),
        "trial 2 is run again: the worker process died (killed, crashed, or left with os._exit)",
    ),
]


def test_whatever_is_killed_below_a_trial_it_goes_on_from_its_checkpoint_and_the_user_is_told(
    cluster: Any, tried: Make
) -> None:
    sweep = tried(FROM_CHECKPOINT)
    process = sweep.start("run", "tried.py", "--trials", len(WAYS), "--address", cluster.address)
    for number, (lose, _) in enumerate(WAYS):
        lose(sweep.noted("waits", number))
    told = sweep.end(process).splitlines()
    assert sorted(line for line in told if "is run again" in line) == [sentence for _, sentence in WAYS]
    for number in range(len(WAYS)):
        assert sweep.noted("from-3", number, attempt=1), "it went on after the last step that it had kept"
        assert [attempt.cause for attempt in sweep.attempts(number)] == ["infrastructure", None]
    sweep.assert_exact(len(WAYS), reports=6)
    assert_nothing_is_left()


def trial_on(node: Any, sweep: Tried, word: str) -> Note:
    """The note that the first trial on this node writes."""

    def found() -> Note | None:
        below = {process.pid for process in children_of(node)}
        return next((note for note in sweep.notes(word) if note.pid in below), None)

    return sweep.until(found, f"a trial on the node notes {word!r}")


def lose_node(node: Any) -> None:
    """As a machine that loses its power."""
    for process in children_of(node):
        with contextlib.suppress(psutil.NoSuchProcess):
            kill(process)


UNTIL_GO = """
folder = trial.restore()
note(trial, f"restored-{trial.restored_step}")
step = trial.restored_step + 1 if folder else 0
while not (FOLDER / "go").exists():
    trial.report(step, loss=trial.config.x)
    if trial.should_checkpoint or step == 2:
        with trial.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))
        if trial.should_checkpoint:
            note(trial, f"warned-{step}")
            time.sleep(600)
    step += 1
    time.sleep(0.1)
"""


def test_the_trial_of_a_node_that_dies_goes_on_elsewhere(
    cluster: Any, tried: Make, add_node: Callable[[], Any]
) -> None:
    node = add_node()
    sweep = tried(UNTIL_GO)
    process = sweep.start("run", "tried.py", "--trials", 3, "--address", cluster.address)
    lost = trial_on(node, sweep, "restored-None").trial
    sweep.until(lambda: len(sweep.reported(lost)) > 4, "it has made its checkpoint, and the store knows")
    lose_node(node)
    sweep.go()
    told = sweep.end(process)
    assert sweep.noted("restored-2", lost, attempt=1)
    assert f"trial {lost} is run again: the worker process died (" in told, told
    assert sweep.states() == {"finished": 3}
    assert sweep.times_done() == {0: 1, 1: 1, 2: 1}


def test_a_trial_whose_node_is_taken_away_is_told_keeps_what_it_has_and_goes_on_elsewhere(
    cluster: Any, tried: Make, add_node: Callable[[], Any]
) -> None:
    node = add_node()
    sweep = tried(UNTIL_GO)
    process = sweep.start("run", "tried.py", "--trials", 3, "--address", cluster.address)
    lost = trial_on(node, sweep, "restored-None").trial
    drain(node, cluster)
    words = [f"warned-{step}" for step in range(600)]
    warned = sweep.until(
        lambda: next((word for word in words for note in sweep.notes(word) if note.trial == lost), None),
        "the trial is told that its node is about to go",
    )
    lose_node(node)
    sweep.go()
    told = sweep.end(process)
    assert sweep.noted(warned.replace("warned", "restored"), lost, attempt=1)
    assert f"trial {lost} is run again: the worker process died (" in told, told
    assert [attempt.cause for attempt in sweep.attempts(lost)] == ["preempted", None]
    assert sweep.states() == {"finished": 3}


def drain(node: Any, cluster: Any) -> None:
    """Announce the end of a node, as a cloud does that takes back its machine."""
    from ray._raylet import GcsClient
    from ray.core.generated import autoscaler_pb2

    reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = int((time.time() + 60) * 1000)
    accepted, why = GcsClient(address=cluster.address).drain_node(node.node_id, reason, "spot", deadline)
    assert accepted, why


def test_a_checkpoint_that_is_torn_between_two_attempts_is_passed_over_for_the_one_before(
    cluster: Any, tried: Make, tmp_path: Path
) -> None:
    sweep = tried(FROM_CHECKPOINT)
    process = sweep.start("run", "tried.py", "--trials", 1, "--address", cluster.address)
    waits = sweep.noted("waits", 0)
    last = next(path for path in (tmp_path / "paretree-files").rglob("step") if path.read_text() == "2")
    last.write_text("")
    kill(psutil.Process(waits.pid))
    sweep.end(process)
    assert sweep.noted("from-2", 0, attempt=1), "it went on after step 1, whose checkpoint is whole"
    sweep.assert_exact(1, reports=6)
    assert "is not used, because its file 'step' is not as it was written" in sweep("logs", "tried", 0).stdout


GREEDY = """
if trial.number == 0:
    while True:
        pass
if trial.number == 1:
    held = bytearray(2**29)
    time.sleep(600)
"""

DRIVER = """
import sys
import paretree as pt
from tried import sweep
sweep.run(3, workers=pt.RayWorkers(address=sys.argv[1]), timeout=5.0, memory=2**28, progress=False)
"""


def test_trials_that_take_too_much_time_or_memory_fail_alone_and_leave_nothing(cluster: Any, tried: Make) -> None:
    sweep = tried(GREEDY)
    (sweep.command.folder / "drive.py").write_text(DRIVER)
    sweep.end(sweep.start_python("drive.py", cluster.address))
    assert sweep.states() == {"failed": 2, "finished": 1}
    assert [sweep.attempts(number)[0].cause for number in range(3)] == ["timeout", "memory", None]
    assert sweep.attempts(0)[0].message == "the trial ran longer than its timeout of 5 s"
    message = sweep.attempts(1)[0].message
    assert message is not None
    assert message.startswith("the trial's processes held 0.5"), message
    assert message.endswith(" GiB, more than their limit of 0.25 GiB"), message
    assert_nothing_is_left()


NOISY = """
line = "x" * 99
for number in range(1_000_000):
    print(line)
print("the last word")
"""


def test_a_trial_that_prints_a_hundred_megabytes_leaves_a_log_that_can_be_read(cluster: Any, tried: Make) -> None:
    sweep = tried(NOISY)
    sweep.end(sweep.start("run", "tried.py", "--trials", 1, "--address", cluster.address))
    lines = sweep("logs", "tried", 0).stdout.splitlines()
    assert len(lines) < 6_000
    assert lines[-1].endswith("the last word")
    assert any("lines left out" in line for line in lines), "nothing says that the rest is left out"
    sweep.assert_exact(1)
