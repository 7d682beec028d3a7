"""The process that drives a sweep is killed: another one goes on, and nothing that ran is lost or run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from .tried import Tried, assert_nothing_is_left

pytestmark = [pytest.mark.ray, pytest.mark.slow]

Make = Callable[..., Tried]

SHORT = """
for step in range(3):
    trial.report(step, loss=trial.config.x)
    time.sleep(0.02 + trial.config.x / 5)
"""
TRIALS = 100
KILLS = 10


def test_a_driver_that_is_killed_at_ten_random_moments_loses_no_result_and_runs_nothing_twice(
    cluster: Any, tried: Make, url: str
) -> None:
    sweep, moments = tried(SHORT, url), random.Random(0)
    process = sweep.start("run", "tried.py", "--trials", TRIALS, "--address", cluster.address)
    for kill in range(KILLS):
        sweep.wait_until_driven_by(process)
        time.sleep(moments.uniform(0.0, 3.0))
        assert process.poll() is None, f"it ended before kill {kill}: {process.communicate()}"
        process.kill()
        process.communicate()
        process = sweep.start("resume", "tried", "--address", cluster.address)
    told = sweep.end(process)
    assert "failed" not in told, told
    sweep.assert_exact(TRIALS, reports=3)
    assert_nothing_is_left()


CHECKPOINTS = """
folder = trial.restore()
first = trial.restored_step + 1 if folder else 0
note(trial, f"from-{first}")
for step in range(first, 6):
    with trial.checkpoint(step) as folder:
        (folder / "step").write_text(str(step))
    trial.report(step, loss=trial.config.x)
    while step == 3 and trial.number >= 3 and not (FOLDER / "go").exists():
        time.sleep(0.05)
"""


def test_where_ray_dies_with_its_driver_trials_that_ran_go_on_from_their_checkpoints(tried: Make) -> None:
    sweep = tried(CHECKPOINTS)
    process = sweep.start("run", "tried.py", "--trials", 6, "--workers", "ray")
    sweep.wait_for(3)
    sweep.until(lambda: sweep.reported(3)[-1:] == [3], "the next trial stands at its checkpoint")
    process.kill()
    process.communicate()
    assert_nothing_is_left()
    sweep.go()
    sweep.end(sweep.start("resume", "tried", "--workers", "ray"))
    sweep.assert_exact(6, reports=6)
    assert [note.trial for note in sweep.notes("from-0")].count(3) == 1, "it was begun once"
    assert sweep.noted("from-4", 3, attempt=1), "and went on where it was"


LONG = """
for step in range(3):
    trial.report(step, loss=trial.config.x)
    time.sleep(0.3)
"""


def test_a_second_process_is_refused_and_one_that_takes_over_goes_on_with_all_that_runs(
    cluster: Any, tried: Make
) -> None:
    sweep = tried(LONG)
    first = sweep.start("run", "tried.py", "--trials", 30, "--address", cluster.address)
    sweep.wait_for(3)
    refused = sweep("resume", "tried", "--address", cluster.address)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the sweep 'tried' is driven by "), refused.stderr
    assert refused.stderr.endswith("stop that one, or take over with --takeover\n"), refused.stderr

    sweep.end(sweep.start("resume", "tried", "--address", cluster.address, "--takeover"))
    _, told = first.communicate(timeout=60)
    assert first.returncode == 1, told
    sentence = told.splitlines()[-1]
    assert sentence.startswith("error: the sweep 'tried' was "), told
    assert sentence.endswith("wrote nothing and drives it no more; resume it to drive it"), told
    assert "Traceback" not in told
    sweep.assert_exact(30, reports=3)
    assert_nothing_is_left()


NEW = 'time.sleep(0.1)\nnote(trial, "new-code")'
OLD = """
while not (FOLDER / "go").exists():
    time.sleep(0.05)
note(trial, "old-code")
"""


def test_a_resumed_sweep_uses_the_new_code_but_what_runs_goes_on_as_it_is(cluster: Any, tried: Make) -> None:
    sweep = tried(OLD)
    process = sweep.start("run", "tried.py", "--trials", 6, "--address", cluster.address)
    for number in range(2):
        sweep.noted("begun", number)
    process.kill()
    process.communicate()
    sweep.write(NEW)
    process = sweep.start("resume", "tried", "--address", cluster.address)
    sweep.wait_until_driven_by(process)
    sweep.go()
    sweep.end(process)
    sweep.assert_exact(6)
    assert sorted(note.trial for note in sweep.notes("old-code")) == [0, 1]
    assert sorted(note.trial for note in sweep.notes("new-code")) == [2, 3, 4, 5]
