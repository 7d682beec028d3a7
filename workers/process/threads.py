"""Thread pools and fork: a pool of OpenMP's that exists before a fork hangs the child that uses it (GNU's does)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

OPENMP = "OMP_NUM_THREADS"
OPENBLAS = "OPENBLAS_NUM_THREADS"


@contextmanager
def single_threaded() -> Iterator[None]:
    """Inside, what loads OpenMP gets no pool; OpenBLAS, which NumPy uses, survives forks and keeps its threads."""
    before = {name: os.environ.get(name) for name in (OPENMP, OPENBLAS)}
    os.environ.setdefault(OPENBLAS, str(thread_share()))
    os.environ[OPENMP] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def use_all_threads() -> None:
    """In a forked process: let torch use the threads that it would have chosen by itself."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(thread_share())


def thread_share() -> int:
    """As many threads as the environment says, else as there are cores for this process."""
    asked = os.environ.get(OPENMP, "").partition(",")[0]
    if asked.isdigit() and int(asked):
        return int(asked)
    cores = psutil.cpu_count(logical=False) or 1
    return min(cores, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else cores
