"""A sweep and its row in the store: whether the two are one and the same, what is known of it, and what it is given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..spaces import Space
from ..workers.protocol import Limits
from .errors import SweepError
from .goals import Goals
from .store import Store, SweepRecord, address
from .trials import KnownTrial, Trials

LONGEST_NAME = 40
"""Characters of a sweep's name in its key."""


def refuse_another(record: SweepRecord, name: str, place: str, space: Space, goals: Goals) -> None:
    """Let a sweep be continued only as what it was begun; its code may change, and the new one is used from now on.

    Raises:
        SweepError: the space, the objectives or the constraints are not those in the store.
    """
    if record.fingerprint != space.fingerprint:
        changed = space.diff(Space.from_json(record.space)) or "what is built from its decisions differs"
        raise SweepError(
            f"Sweep {name!r} in {place} searches another space: {changed}; "
            "restore the space, or give the new sweep another name."
        )
    before = Goals.read(record.objectives, record.constraints)
    if goals != before:
        raise SweepError(
            f"Sweep {name!r} in {place} has other objectives or constraints, {_told(before)} and "
            f"not {_told(goals)}; restore them, or give the new sweep another name."
        )


def known_trials(store: Store, record: SweepRecord, space: Space, goals: Goals) -> Trials:
    """All trials of a sweep, as the store has them."""
    known = Trials(goals)
    for row in store.trials(record.id):
        configuration = space.configuration(row.configuration)
        trial = KnownTrial(row.number, configuration, row.state, row.seed, row.priority, row.proposal)
        known.put(trial.finished(goals, row.values) if row.state == "finished" else trial)
    return known


def job_key(store: Store, record: SweepRecord) -> str:
    """A short text that tells the sweep from all others, those of other stores included; fit to be a file's name."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", record.name)[:LONGEST_NAME]
    return f"{name}-{hashlib.sha256(f'{_place(store)} {record.created_at.isoformat()}'.encode()).hexdigest()[:8]}"


def files_of(given: str | Path | None, store: Store) -> str | None:
    """Where trials keep files: what was given, whole so that workers elsewhere find it too, or beside a SQLite store.

    None where nothing was given and the store is on a server.
    """
    if given is not None:
        return str(given) if "://" in str(given) else str(Path(given).expanduser().absolute())
    url = address.parse(store.url)
    if not address.is_sqlite(url):
        return None
    file = address.file_of(url)
    return str(file.with_name(f"{file.stem}-files"))


def limits_of(timeout: float | None, report_timeout: float | None, memory: int | None) -> Limits:
    """The limits of each attempt, as `Sweep.run` takes them.

    Raises:
        SweepError: one of them is not above 0.
    """
    for name, most in (("timeout", timeout), ("report_timeout", report_timeout), ("memory", memory)):
        if most is not None and not most > 0:
            unit = "bytes" if name == "memory" else "seconds"
            raise SweepError(f"{name}={most!r} is no limit; give a number of {unit} above 0.")
    return Limits(timeout, report_timeout, memory)


def limits_row(limits: Limits) -> dict[str, Any]:
    """The limits of a run as they are kept beside its budget, for `resume`."""
    return {name: most for name, most in asdict(limits).items() if name != "grace"}


def stored_limits(budget: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of the last run, as arguments of `Sweep.run`."""
    return {name: budget.get(name) for name in ("timeout", "report_timeout", "memory")}


def _place(store: Store) -> str:
    """The same text whatever folder a store is opened from."""
    url = address.parse(store.url)
    return str(address.file_of(url)) if address.is_sqlite(url) else store.url


def _told(goals: Goals) -> str:
    wanted = [f"{one.name}: {one.direction.value}" for one in goals.objectives]
    return ", ".join([*wanted, *(f"{one.name} {one.expression}" for one in goals.constraints)])
