"""The store is locked, restarted or full while a sweep runs: no result is lost, and none is made twice."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...search.store.server import Server
from .tried import Tried, assert_nothing_is_left, store_file

pytestmark = [pytest.mark.ray, pytest.mark.slow]

Make = Callable[..., Tried]

TRIALS = 40
SHORT = """
for step in range(3):
    trial.report(step, loss=trial.config.x)
    time.sleep(0.1)
"""


def test_a_store_that_is_locked_for_ten_seconds_is_waited_for(cluster: Any, tried: Make, tmp_path: Path) -> None:
    sweep = tried(SHORT)
    process = sweep.start("run", "tried.py", "--trials", TRIALS, "--address", cluster.address)
    sweep.wait_for(4)
    with contextlib.closing(sqlite3.connect(tmp_path / "paretree.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        before = sweep.states()["finished"]
        time.sleep(10.0)
        assert sweep.states()["finished"] == before, "it was not locked"
        other.execute("COMMIT")
    told = sweep.end(process)
    assert "failed" not in told, told
    sweep.assert_exact(TRIALS, reports=3)
    assert_nothing_is_left()


def test_a_server_that_crashes_and_comes_back_is_waited_for(
    cluster: Any, tried: Make, postgres: str, server: Server
) -> None:
    sweep = tried(SHORT, postgres)
    process = sweep.start("run", "tried.py", "--trials", TRIALS, "--address", cluster.address)
    sweep.wait_for(4)
    server.crash()
    time.sleep(2.0)
    server.start()
    told = sweep.end(process)
    assert "failed" not in told, told
    sweep.assert_exact(TRIALS, reports=3)
    assert_nothing_is_left()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of sixteen megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Put a file on the disk that leaves no room."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    return ballast


def test_a_full_disk_ends_the_run_in_one_sentence_and_nothing_is_lost_once_there_is_room(
    cluster: Any, tried: Make, small_disk: Path
) -> None:
    sweep = tried(SHORT, store_file(small_disk))
    process = sweep.start("run", "tried.py", "--trials", TRIALS, "--address", cluster.address)
    sweep.wait_for(4)
    ballast = fill(small_disk)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1, told
    assert told.splitlines()[-1].startswith("error: the disk of the store "), told
    assert told.endswith("free some space, then resume the sweep\n"), told
    assert "Traceback" not in told
    ballast.unlink()
    sweep.end(sweep.start("resume", "tried", "--address", cluster.address))
    sweep.assert_exact(TRIALS, reports=3)
    assert_nothing_is_left()


def test_a_server_that_stays_away_ends_the_run_and_what_ran_meanwhile_is_not_lost(
    cluster: Any, tried: Make, postgres: str, server: Server
) -> None:
    sweep = tried(SHORT, postgres)
    driver = (
        "from paretree.search.store import engines; engines.BUSY_SECONDS = 1.0; from paretree.cli import main; main()"
    )
    process = sweep.start_python("-c", driver, "run", "tried.py", "--trials", TRIALS, "--address", cluster.address)
    sweep.wait_for(4)
    server.crash()
    waiting = threading.Timer(60.0, server.start)  # so that the test cannot leave others without a server
    waiting.start()
    _, told = process.communicate(timeout=60)
    waiting.cancel()
    server.start()
    assert process.returncode == 1, told
    assert " does not answer (" in told.splitlines()[-1], told
    sweep.end(sweep.start("resume", "tried", "--address", cluster.address))
    sweep.assert_exact(TRIALS, reports=3)
    assert_nothing_is_left()
