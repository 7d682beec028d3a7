"""What the end of a process says about why it came."""

from __future__ import annotations

import re
import signal
from contextlib import suppress
from pathlib import Path

from ..protocol import Cause
from .limits import Breach

HINTS: dict[int, str] = {
    signal.SIGKILL: ", perhaps by the kernel for want of memory",
    signal.SIGSEGV: ", a crash in native code; its stderr says where",
    signal.SIGABRT: ", which native code does when it finds an error; its stderr may say which",
}


def explain(code: int, starved: bool = False, who: str = "the trial's process") -> Breach:
    """Why a process that ended with this exit code left no result.

    Args:
        code: as `subprocess` has it: of a signal, the negative number.
        starved: whether the kernel killed something for want of memory while it ran.
        who: whose end it is.
    """
    if code >= 0:
        message = f"{who} left with exit code {code} before train returned (os._exit?)"
        return Breach(Cause.INFRASTRUCTURE, message)
    if -code == signal.SIGKILL and starved:
        return Breach(Cause.MEMORY, f"the kernel killed {who} for want of memory")
    name = signal.Signals(-code).name if -code in set(signal.Signals) else "a real-time signal"
    message = f"{who} was killed by signal {-code} ({name}){HINTS.get(-code, '')}"
    return Breach(Cause.INFRASTRUCTURE, message)


def memory_kills() -> int:
    """How many processes the kernel has killed for want of memory so far: in our control group, else on this machine.

    Zero where it does not say.
    """
    for file in (*_counters(), Path("/proc/vmstat")):
        with suppress(OSError):
            if found := re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE):
                return int(found[1])
    return 0


def _counters() -> list[Path]:
    """Where the kernel counts them for our control group, in version 2 and in version 1."""
    with suppress(OSError):
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        return [
            Path(f"/sys/fs/cgroup{path}/memory.events")
            if not controllers
            else Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
            for _, controllers, path in groups
            if not controllers or "memory" in controllers.split(",")
        ]
    return []
