"""A process per trial: it can crash, hang, print and leave things behind, and harms nothing but its own attempt."""

from .orphans import is_alive, runner_mark, sweep_orphans
from .processes import Processes

__all__ = ["Processes", "is_alive", "runner_mark", "sweep_orphans"]
