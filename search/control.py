"""Asking something of a sweep that runs elsewhere: in another process, or on another machine.

What is asked is a row in the sweep's store. The process that drives the sweep looks for such rows about every second
(see `orders.py`) and notes with each what came of it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..spaces import Configuration, Space
from ..spaces.domains import Decision
from ..spaces.errors import ConfigurationError
from .errors import SweepError
from .orders import WAITING, Order
from .store import Store, SweepRecord, SweepState
from .store.driver import lives

PATIENCE = 10.0
"""Seconds within which a controller that is alive has looked at what was asked."""

POLL = 0.1
"""Seconds between two looks whether it has."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something that was asked of a sweep."""

    store: Store
    sweep: SweepRecord
    id: int

    def outcome(self, wait: float = 0.0) -> str | None:
        """What came of it, in words; None while nobody has looked at it, after waiting so many seconds."""
        deadline = time.monotonic() + wait
        while (outcome := self._read()) is None and time.monotonic() < deadline:
            time.sleep(POLL)
        return outcome

    def told(self, wait: float = PATIENCE) -> str:
        """One sentence on what came, or will come, of it."""
        name = self.sweep.name
        if not is_driven(self.store.sweep(name)):
            return f"Nobody runs sweep {name!r} now; its next run will see to it."
        outcome = self.outcome(wait)
        if outcome is None:
            return f"Sweep {name!r} has not answered within {wait:g} s; it will once a trial reports or ends."
        return f"Sweep {name!r}: {outcome}."

    def _read(self) -> str | None:
        return next(one.outcome for one in self.store.commands(self.sweep.id) if one.id == self.id)


@dataclass(frozen=True, slots=True)
class Control:
    """What can be asked of the sweep `name` in `store`.

    All of it raises StoreError where there is no such sweep. What is about a run raises SweepError where nobody runs
    the sweep; `retry` and `enqueue` then wait for its next run.
    """

    store: Store
    name: str

    def pause(self) -> Request:
        """Let trials that run go on, but start no new ones until `unpause`."""
        return self._ask(Order.PAUSE)

    def unpause(self) -> Request:
        """Let a paused sweep go on."""
        return self._ask(Order.UNPAUSE)

    def stop(self, now: bool = False) -> Request:
        """Start no new trials, and end the run when those that run have ended.

        With `now` they are told to end, and are run again when the sweep is resumed.
        """
        return self._ask(Order.STOP, now=now)

    def stop_trial(self, number: int) -> Request:
        """Tell a running trial to end at its next report."""
        return self._ask(Order.STOP_TRIAL, trial=number)

    def retry(self, numbers: Sequence[int] | None = None) -> Request:
        """Run failed or stopped trials again; without numbers all that failed."""
        return self._ask(Order.RETRY, trials=None if numbers is None else list(numbers))

    def enqueue(self, configuration: Configuration | Mapping[str, Decision], priority: int = 0) -> Request:
        """Have a configuration tried before what the sampler proposes; greater priorities come first.

        Raises:
            SweepError: it is none of the sweep's space.
        """
        space = Space.from_json(self.store.sweep(self.name).space)
        values = configuration.values if isinstance(configuration, Configuration) else configuration
        try:
            checked = space.configuration(values)
        except ConfigurationError as error:
            raise SweepError(f"This cannot be enqueued in sweep {self.name!r}: {error}") from error
        return self._ask(Order.ENQUEUE, configuration=checked.to_json(), priority=priority)

    def _ask(self, order: Order, **detail: Any) -> Request:
        record = self.store.sweep(self.name)
        if order not in WAITING and not is_driven(record):
            raise SweepError(
                f"Nobody runs sweep {self.name!r}, so there is nothing to {order.verb}; it {_stands(record)}."
            )
        return Request(self.store, record, self.store.command(record.id, order, {**detail, "by": _who()}))


def is_driven(record: SweepRecord, now: datetime | None = None) -> bool:
    """Whether a process drives the sweep: one of this machine that lives, or one elsewhere that was heard of lately."""
    alive = lives(record.driver) if record.driver else False
    if alive is None:
        return record.lease_until is not None and (now or datetime.now(UTC)) <= record.lease_until
    return alive


def _stands(record: SweepRecord) -> str:
    if record.state in (SweepState.RUNNING, SweepState.PAUSED):
        return "was left without an end when its process died"
    return f"is {record.state}"


def _who() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
