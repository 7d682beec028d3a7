"""When an attempt takes more than it may, and what its processes hold."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from ..protocol import Cause, Limits

GIB = 2**30


class Breach(NamedTuple):
    """A limit that was passed, as what the attempt fails with."""

    cause: Cause
    message: str


def breach(limits: Limits, *, ran: float, quiet: float, held: int) -> Breach | None:
    """The limit that an attempt has passed.

    Args:
        limits: what it may take.
        ran: seconds since its start.
        quiet: seconds since its start or its last report.
        held: bytes of memory of all its processes.
    """
    if limits.timeout is not None and ran >= limits.timeout:
        return Breach(Cause.TIMEOUT, f"the trial ran longer than its timeout of {limits.timeout:g} s")
    if limits.report_timeout is not None and quiet >= limits.report_timeout:
        return Breach(Cause.TIMEOUT, f"the trial reported nothing for {limits.report_timeout:g} s, its report_timeout")
    if limits.memory is not None and held > limits.memory:
        sizes = f"{held / GIB:.2f} GiB, more than their limit of {limits.memory / GIB:.2f} GiB"
        return Breach(Cause.MEMORY, f"the trial's processes held {sizes}")
    return None


def memory_held(processes: Iterable[psutil.Process]) -> int:
    """Bytes that these processes hold together and nobody can take from them.

    On Linux that is their proportional share of anonymous and shared memory: what several of them share counts once,
    what they share with the fork server in part, and files that are only mapped (a data set) not at all. Elsewhere it
    is the sum of what each has resident.
    """
    return sum(map(_held, processes))


def _held(process: psutil.Process) -> int:
    with suppress(psutil.Error, OSError):
        if not psutil.LINUX:
            return int(process.memory_info().rss)
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return 0  # it has just ended
