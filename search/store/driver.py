"""Who drives a sweep: a process, named so that its death can be told from its silence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

UNKNOWN = "unknown"


def this_driver() -> str:
    """This process as `host:pid:start`; the start (clock ticks after boot) tells it from a later owner of its pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}"


def lives(driver: str) -> bool | None:
    """Whether `driver` is a process of this host that still runs; None where that cannot be known from here."""
    host, pid, birth = _parts(driver)
    if host != socket.gethostname() or not pid.isdigit() or os.name != "posix":
        return None
    now = _birth(int(pid))
    if now is None or UNKNOWN in (now, birth):
        return False if now is None else None
    return now == birth


def _parts(driver: str) -> tuple[str, str, str]:
    rest, _, birth = driver.rpartition(":")
    host, _, pid = rest.rpartition(":")
    return host, pid, birth


def _birth(pid: int) -> str | None:
    """When the process started; UNKNOWN where that cannot be read, None when it does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return UNKNOWN
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return UNKNOWN
    state, birth = fields[0], fields[19]
    return None if state == "Z" else birth
