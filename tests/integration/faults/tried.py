"""A sweep that is put through something: its file, the processes that drive it, and what its trials and store tell."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import TypeVar

import psutil

from paretree.search import Store, StoreError
from paretree.search.opening import job_key
from paretree.search.store.records import AttemptRecord
from paretree.workers.process.orphans import VARIABLE
from paretree.workers.ray.outbox import folder as outboxes

from ..conftest import Paretree

PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation
MARK = "PARETREE_TEST_MARK"

FILE = """
import os
import sys
import time
from pathlib import Path

import paretree as pt

FOLDER = Path({folder!r})

def note(trial, what):
    with open(FOLDER / "notes", "ab", buffering=0) as notes:  # a line at a time, whoever else writes
        notes.write(f"{{what}} {{trial.number}} {{trial.attempt}} {{os.getpid()}}\\n".encode())

def train(trial):
    note(trial, "begun")
{body}
    note(trial, "done")
    return trial.config.x

space = pt.Space(x=pt.Float(0, 1))
sweep = pt.Sweep("tried", space, train, {{"loss": "minimize"}}, sampler="random", seed=0, checkpoints=pt.Keep(last=3))
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """What a trial wrote into a file that survives everything."""

    what: str
    trial: int
    attempt: int
    pid: int


@dataclass
class Tried:
    """The sweep `tried` of `tried.py`, in a folder of its own and in the store at `url`."""

    command: Paretree
    url: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, body: str) -> None:
        """Write the file; `body` is what trials do."""
        text = FILE.format(folder=str(self.command.folder), body=indent(body.strip("\n"), "    "))
        (self.command.folder / "tried.py").write_text(text)

    def start(self, *args: object, **env: str) -> subprocess.Popen[str]:
        """Start a command, which finds the store by itself."""
        self.started.append(self.command.start(*args, PARETREE_STORE=self.url, **env))
        return self.started[-1]

    def start_python(self, *args: object) -> subprocess.Popen[str]:
        """Start Python in the sweep's folder."""
        folder = self.command.folder
        environment = {**os.environ, "PARETREE_STORE": self.url}
        self.started.append(
            subprocess.Popen(
                [sys.executable, *map(str, args)],
                cwd=folder,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return self.started[-1]

    def __call__(self, *args: object) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return self.command(*args, PARETREE_STORE=self.url)

    def end(self, process: subprocess.Popen[str]) -> str:
        """Wait until a command ends well; what it printed on stderr."""
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, f"exit code {process.returncode}: {err}"
        return err

    def go(self) -> None:
        """Let trials that wait for a file `go` come to their end."""
        (self.command.folder / "go").touch()

    def notes(self, what: str) -> list[Note]:
        """What trials noted under this word, in its order."""
        file = self.command.folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        found = [Note(word, *map(int, rest)) for word, *rest in map(str.split, lines)]
        return [note for note in found if note.what == what]

    def noted(self, what: str, trial: int, attempt: int = 0) -> Note:
        """Wait for this note of this attempt."""
        wanted = (trial, attempt)
        return self.until(
            lambda: next((note for note in self.notes(what) if (note.trial, note.attempt) == wanted), None),
            f"attempt {attempt} at trial {trial} notes {what!r}",
        )

    def times_done(self) -> Counter[int]:
        """How often each trial was run to its end."""
        return Counter(note.trial for note in self.notes("done"))

    def states(self) -> Counter[str]:
        """How many trials there are of each state, as the store knows it."""
        store = Store.open(self.url, readonly=True)
        try:
            return Counter(trial.state.value for trial in store.trials(store.sweep("tried").id))
        except StoreError:
            return Counter()
        finally:
            store.close()

    def wait_for(self, finished: int) -> None:
        """Wait until so many trials have finished."""
        self.until(lambda: self._has(finished), f"{finished} trials finish")

    def wait_until_driven_by(self, process: subprocess.Popen[str]) -> None:
        """Wait until this process drives the sweep."""
        self.until(lambda: f":{process.pid}:" in self._driver(), "the process drives the sweep")

    def until(self, condition: Callable[[], T | None], why: str) -> T:
        """Wait until there is something, and return it; the last process that was started must not fail meanwhile."""
        try:
            return until(lambda: condition() or self._failed(), why)
        except AssertionError as error:
            self.started[-1].kill()
            raise AssertionError(f"{error}; the last process said: {self.started[-1].communicate()}") from None

    def attempts(self, trial: int) -> list[AttemptRecord]:
        """All attempts at a trial, as the store has them."""
        store = Store.open(self.url, readonly=True)
        try:
            return store.attempts(store.sweep("tried").id, trial)
        finally:
            store.close()

    def reported(self, trial: int) -> list[int]:
        """The steps that a trial reported, as the store has them."""
        store = Store.open(self.url, readonly=True)
        try:
            return [report.step for report in store.reports(store.sweep("tried").id, trial)]
        finally:
            store.close()

    def assert_exact(self, trials: int, reports: int = 0) -> None:
        """All trials finished, with the value of their configuration and all their reports, and ran to the end once."""
        store = Store.open(self.url, readonly=True)
        record = store.sweep("tried")
        rows = store.trials(record.id)
        assert [row.state.value for row in rows] == ["finished"] * trials, "not every trial has finished"
        assert [row.values["loss"] for row in rows] == [row.configuration["x"] for row in rows], "a value is another's"
        steps = {row.number: [report.step for report in store.reports(record.id, row.number)] for row in rows}
        wrong = {number: found for number, found in steps.items() if found != list(range(reports))}
        assert not wrong, f"not all of the {reports} reports are there once: {wrong}"
        key = job_key(store, record)
        store.close()
        wrong = {number: self.times_done()[number] for number in range(trials) if self.times_done()[number] != 1}
        assert not wrong, f"these trials ran to their end so often: {wrong}"
        unread = [file.name for file in outboxes(key).glob("*") if file.stat().st_size]
        assert not unread, f"events that nobody recorded are left: {unread}"

    def _failed(self) -> None:
        assert self.started[-1].poll() in (None, 0), f"the process ended with {self.started[-1].returncode}"

    def _has(self, finished: int) -> bool:
        try:
            return self.states()["finished"] >= finished
        except StoreError:  # there is no store yet
            return False

    def _driver(self) -> str:
        try:
            store = Store.open(self.url, readonly=True)
        except StoreError:
            return ""
        try:
            return store.sweep("tried").driver or ""
        except StoreError:
            return ""
        finally:
            store.close()


def until(condition: Callable[[], T | None], why: str) -> T:
    """Wait until there is something, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {why}"
        time.sleep(0.05)
    return found


def runner_of(pid: int) -> psutil.Process:
    """The runner above the process of a trial."""
    return psutil.Process(pid).parents()[1]


def left_behind() -> list[psutil.Process]:
    """Runners, and what their trials started, that are left of this package's tests."""
    return [process for process in psutil.process_iter() if _is_ours(process)]


def assert_nothing_is_left() -> None:
    """See that all runners and trials end, within the time that Ray takes for it."""
    deadline = time.monotonic() + 30.0
    while left := left_behind():
        assert time.monotonic() < deadline, f"processes are left: {left}"
        time.sleep(0.1)


def store_file(folder: Path) -> str:
    """The URL of a SQLite store in a folder."""
    return f"sqlite:///{folder / 'paretree.db'}"


def _is_ours(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error, OSError):  # it has ended, or is somebody else's
        found = process.environ()
        works = VARIABLE in found or "ray::Runner" in " ".join(process.cmdline())
        return works and found.get(MARK) == os.environ[MARK] and process.status() != psutil.STATUS_ZOMBIE
    return False
