"""What the searcher needs of a sweep that is driven from outside. `paretree.search.ask_tell` has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...spaces import Configuration, Space


class Driven(Protocol):
    """A trial that somebody else runs: `ask_tell.Asked`. What is said of it is written down at once."""

    number: int
    attempt: int
    seed: int
    config: Configuration

    @property
    def ended(self) -> bool:
        """Whether it was told, stopped or failed."""
        ...

    def report(self, step: int, **metrics: float) -> None:
        """It measured these at `step`."""
        ...

    def log(self, *parts: object) -> None:
        """It wrote a line."""
        ...

    def tell(self, values: Mapping[str, float] | float) -> None:
        """It has finished; ParetreeError where the values cannot be its result."""
        ...

    def stop(self) -> None:
        """It was ended early."""
        ...

    def fail(self, message: str) -> None:
        """It came to nothing."""
        ...


class Driving(Protocol):
    """A sweep that is driven from outside: `ask_tell.Session`. It is pickled as its name."""

    name: str
    store_url: str
    space: Space

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of all objectives and constraints."""
        ...

    @property
    def exhausted(self) -> str | None:
        """Why no more trials will come; None while more may."""
        ...

    def ask(self, *, worker: str, wait: float) -> Driven | None:
        """The next trial, for `worker`; None where none comes within `wait` seconds."""
        ...

    def begin(
        self, configuration: Configuration, *, sampler: str, reason: str, parent: int | None, worker: str
    ) -> Driven:
        """A trial of a given configuration."""
        ...

    def resume(self, number: int, *, worker: str) -> Driven:
        """Another attempt at a waiting or failed trial."""
        ...

    def last_of(self, worker: str) -> int | None:
        """The number of the last trial that `worker` began."""
        ...

    def configuration(self, number: int) -> Configuration:
        """What a trial tries."""
        ...

    def can_resume(self, number: int) -> bool:
        """Whether a trial waits or has failed."""
        ...
