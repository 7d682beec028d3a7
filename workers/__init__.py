"""Where trials run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .inline import InlineWorkers
from .protocol import FilesError, Keep, WorkersError
from .simulated import Faults, SimulatedWorkers
from .trial import Trial, TrialStopped

if TYPE_CHECKING:
    from .ray.pool import RayWorkers

__all__ = [
    "Faults",
    "FilesError",
    "InlineWorkers",
    "Keep",
    "RayWorkers",
    "SimulatedWorkers",
    "Trial",
    "TrialStopped",
    "WorkersError",
]


def __getattr__(name: str) -> Any:
    """Load `RayWorkers` when it is asked for, so that importing Paretree does not import Ray.

    Raises:
        WorkersError: Ray is not installed.
    """
    if name != "RayWorkers":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .ray.pool import RayWorkers
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise WorkersError("RayWorkers needs Ray; pip install 'paretree[ray]', or use InlineWorkers()") from error
    return RayWorkers
