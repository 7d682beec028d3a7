"""Ctrl-C, once and twice."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from .tried import Tried, assert_nothing_is_left

Make = Callable[..., Tried]

LONG = """
for step in range(3):
    trial.report(step, loss=trial.config.x)
    time.sleep(0.3)
"""


@pytest.mark.ray
@pytest.mark.slow
def test_ctrl_c_ends_a_run_on_a_cluster_with_all_its_processes_and_says_how_to_go_on(cluster: Any, tried: Make) -> None:
    sweep = tried(LONG)
    process = sweep.start("run", "tried.py", "--trials", 10, "--address", cluster.address)
    sweep.wait_for(3)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert re.match(r"Interrupted; go on with: \S*paretree resume tried", told.splitlines()[-1]), told
    assert_nothing_is_left()
    assert sweep.states().keys() == {"finished", "waiting"}, "what was under way is to be run again"
    sweep.end(sweep.start("resume", "tried", "--address", cluster.address))
    sweep.assert_exact(10, reports=3)


STUBBORN = """
note(trial, "waits")
while trial.number == 1 and trial.attempt == 0:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        note(trial, "ignored")
"""


def test_a_second_ctrl_c_ends_a_run_whose_trial_ignores_the_first_and_nothing_is_lost(tried: Make) -> None:
    sweep = tried(STUBBORN)
    process = sweep.start("run", "tried.py", "--trials", 3, "--workers", "inline")
    sweep.noted("waits", 1)
    time.sleep(0.5)  # until it sleeps
    os.killpg(process.pid, signal.SIGINT)
    sweep.noted("ignored", 1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    sweep.end(sweep.start("resume", "tried", "--workers", "inline"))
    sweep.assert_exact(3)
