"""Thousands of trials, whose processes, runners and drivers are killed at random: all add up, and nothing grows."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from .tried import Tried, assert_nothing_is_left, left_behind

pytestmark = pytest.mark.ray

Make = Callable[..., Tried]

DRIVER = """
import sys
import paretree as pt
from tried import sweep

trials, isolation, address = sys.argv[1:]
workers = pt.RayWorkers(isolation=isolation, address=address)
sweep.run(int(trials), workers=workers, retries=20, progress=False)
"""
FAST = "trial.report(0, loss=trial.config.x)"
SHORT = f"{FAST}\ntime.sleep(0.1)"
GROWTH = 64 * 2**20  # bytes that a driver may grow by; 10,000 trials that it knows take a good part of it
MORE_FILES = 16  # file descriptors that it may have more, as Ray connects to new runners while old ones go


@dataclass
class Soak:
    """A sweep of so many trials, and what is killed meanwhile."""

    sweep: Tried
    trials: int
    isolation: str
    address: str
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def run(self, victims: list[str]) -> list[tuple[int, int]]:
        """Kill these, one after another, while the sweep runs; the driver's descriptors and bytes before each."""
        (self.sweep.command.folder / "drive.py").write_text(DRIVER)
        self.draw.shuffle(victims)
        process, sizes = self._drive(), []
        for number, victim in enumerate(victims, start=1):
            done = self.trials * number // (len(victims) + 1)
            self.sweep.until(lambda done=done: self._done() >= done, f"{done} trials are done")
            driver = psutil.Process(process.pid)
            sizes.append((driver.num_fds(), driver.memory_info().rss))
            if victim == "driver":
                process.kill()
                process.communicate()
                process = self._drive()
            else:
                kill = self._kill_child if victim == "child" else self._kill_runner
                self.sweep.until(lambda kill=kill: if_alive(kill), f"there is a {victim} to kill")
        self.sweep.end(process)
        return sizes

    def assert_adds_up(self) -> None:
        """Each trial has one result, no attempt ran twice, and whatever ran more than once had failed before."""
        assert self.sweep.states() == {"finished": self.trials}
        begun, done = ([(note.trial, note.attempt) for note in self.sweep.notes(what)] for what in ("begun", "done"))
        assert max(Counter(begun).values()) == 1, "an attempt was begun twice"
        assert {trial for trial, _ in done} == set(range(self.trials)), "a trial has a result but never ran to its end"
        for trial in [trial for trial, times in Counter(trial for trial, _ in begun).items() if times > 1]:
            attempts = self.sweep.attempts(trial)
            assert [attempt.state.value for attempt in attempts[:-1]].count("finished") == 0
            assert attempts[-1].state.value == "finished", f"trial {trial} went on after its result: {attempts}"
        assert_nothing_is_left()

    def _drive(self) -> subprocess.Popen[str]:
        return self.sweep.start_python("drive.py", self.trials, self.isolation, self.address)

    def _done(self) -> int:
        file = self.sweep.command.folder / "notes"
        return file.read_bytes().count(b"done") if file.exists() else 0

    def _kill_runner(self) -> bool:
        return self._kill([process for process in left_behind() if "ray::Runner" in str(process.cmdline())])

    def _kill_child(self) -> bool:
        """A trial's process is a fork of its server, so both look the same."""
        servers = [process for process in left_behind() if "paretree.workers.process.server" in str(process.cmdline())]
        return self._kill([child for server in servers for child in server.children()])

    def _kill(self, processes: list[psutil.Process]) -> bool:
        if processes:
            self.draw.choice(processes).kill()
        return bool(processes)


def if_alive(kill: Callable[[], bool]) -> bool:
    """Try to kill; processes may end while they are looked at."""
    try:
        return kill()
    except psutil.NoSuchProcess:
        return False


def assert_flat(sizes: list[tuple[int, int]]) -> None:
    (files, memory), (files_then, memory_then) = sizes[0], sizes[-1]
    assert files_then <= files + MORE_FILES, f"file descriptors of the driver: {sizes}"
    assert memory_then <= memory + GROWTH, f"memory of the driver: {sizes}"


def test_a_thousand_trials_in_their_runners_add_up_whatever_is_killed(cluster: Any, tried: Make) -> None:
    soak = Soak(tried(FAST), 1_000, "inline", cluster.address)
    soak.run(["runner"] * 2)
    soak.assert_adds_up()


def test_fifty_trials_in_processes_add_up_whatever_is_killed(cluster: Any, tried: Make) -> None:
    soak = Soak(tried(SHORT), 50, "process", cluster.address)
    soak.run(["child", "runner", "driver"])
    soak.assert_adds_up()


@pytest.mark.slow
def test_ten_thousand_trials_in_their_runners_add_up_and_the_driver_does_not_grow(cluster: Any, tried: Make) -> None:
    soak = Soak(tried(FAST), 10_000, "inline", cluster.address)
    assert_flat(soak.run(["runner"] * 10))
    soak.assert_adds_up()


@pytest.mark.slow
def test_five_hundred_trials_in_processes_add_up_while_one_in_twenty_is_killed(cluster: Any, tried: Make) -> None:
    soak = Soak(tried(SHORT), 500, "process", cluster.address)
    soak.run(["child"] * 16 + ["runner"] * 6 + ["driver"] * 3)
    soak.assert_adds_up()
