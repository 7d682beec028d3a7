"""Processes without their runner: how they are known, and how they end."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

VARIABLE = "PARETREE_RUNNER"  # stands in the environment of all that a runner's trials start
SEPARATOR = "#"
PAUSE = 0.01


def runner_mark() -> str:
    """What tells this process, as a runner, from all others there ever were: its host, its number, and its birth."""
    return f"{platform.node()}:{os.getpid()}:{_birth(os.getpid())}"


def is_alive(mark: str) -> bool:
    """Whether the runner with this mark may still live; of what another host (or container) marked we cannot know."""
    host, _, life = mark.partition(":")
    pid, _, birth = life.partition(":")
    return host != platform.node() or (pid.isdigit() and _birth(int(pid)) == birth)


def sweep_orphans(alive: Callable[[str], bool] = is_alive) -> int:
    """End all processes that trials of dead runners left on this machine; return how many there were.

    Args:
        alive: whether the runner with a mark lives.
    """
    return _sweep(lambda tag: not alive(tag.partition(SEPARATOR)[0]))


def tagged(mark: str) -> str:
    """`mark` with something added that tells this one of the runner's fork servers from its others."""
    return f"{mark}{SEPARATOR}{uuid.uuid4().hex[:8]}"


def sweep_tagged(tag: str, patience: float = 5.0) -> None:
    """End what a fork server with this `tag` left, until nothing lives or `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while _sweep(lambda found: found == tag) and time.monotonic() < deadline:
        time.sleep(PAUSE)


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL these, of which some may be gone by now."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _sweep(guilty: Callable[[str], bool]) -> int:
    found = [process for process in psutil.process_iter() if (tag := _tag(process)) and guilty(tag)]
    kill(found)
    return len(found)


def _tag(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        tag = process.environ().get(VARIABLE)
        if tag and process.status() != psutil.STATUS_ZOMBIE:
            return tag
    return None  # not of a trial, gone, or somebody else's


def _birth(pid: int) -> str:
    """When a process began, in a form that setting the clock does not change; empty if there is none."""
    with suppress(OSError, psutil.Error):
        if psutil.LINUX:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]  # proc(5): starttime
        return str(psutil.Process(pid).create_time())
    return ""
