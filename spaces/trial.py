"""What the trainings of this folder ask of a trial."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from .configuration import Configuration


class Trial(Protocol):
    """One try at one configuration; `paretree.workers.Trial` is one, and has more."""

    config: Configuration
    seed: int
    restored_step: int | None

    @property
    def device(self) -> str:
        """Either "cpu" or "cuda"."""
        ...

    def report(self, step: int, **metrics: float) -> None:
        """Say what was measured."""
        ...

    def log(self, *parts: object) -> None:
        """Keep a line."""
        ...

    def checkpoint(self, step: int) -> AbstractContextManager[Path]:
        """Keep what is written into the folder that it gives."""
        ...

    def restore(self) -> Path | None:
        """The folder of the last checkpoint."""
        ...
