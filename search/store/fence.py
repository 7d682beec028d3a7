"""One controller at a time: a sweep's epoch is taken by compare-and-set, and every later write is fenced by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from .changes import NewEvent
from .commit import add_events
from .driver import lives
from .errors import StoreError, Superseded
from .schema import event, sweep
from .states import EventKind, SweepState

_RENEW = (
    update(sweep)
    .where(
        sweep.c.id == bindparam("row"),
        sweep.c.epoch == bindparam("held"),
        sweep.c.driver == bindparam("holder"),
        sweep.c.writes == bindparam("before"),
    )
    .values(lease_until=bindparam("until"), writes=bindparam("count"))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of `driver` to write to a sweep, until someone takes a later epoch."""

    sweep_id: int
    name: str
    driver: str
    epoch: int
    lease: timedelta
    writes: int  # transactions of this sweep before the claim was made


class Turn(NamedTuple):
    """A transaction by its number; `before` is the last one that is known to be stored."""

    before: int
    number: int


class _Holder(NamedTuple):
    name: str
    epoch: int
    driver: str | None
    until: datetime | None
    writes: int


def take(
    connection: Connection, sweep_id: int, driver: str, lease: timedelta, now: datetime, *, takeover: bool
) -> Claim:
    """Take the sweep for `driver`; it must be free, or be taken over.

    Raises:
        StoreError: there is no such sweep, or someone else drives it.
    """
    found = _holder(connection, sweep_id)
    if not (takeover or _is_free(found, driver, now)):
        raise _driven(connection, sweep_id, found)
    claim = Claim(sweep_id, found.name, driver, found.epoch + 1, lease, found.writes)
    taken = connection.execute(
        update(sweep)
        .where(sweep.c.id == sweep_id, sweep.c.epoch == found.epoch)
        .values(epoch=claim.epoch, driver=driver, lease_until=now + lease, updated_at=now)
    ).rowcount
    if not taken:
        raise StoreError(f"another controller took the sweep '{found.name}' at the same moment; try again")
    add_events(connection, sweep_id, [NewEvent(EventKind.DRIVER, None, now, {"driver": driver, "epoch": claim.epoch})])
    return claim


def renew(connection: Connection, claim: Claim, turn: Turn, now: datetime) -> bool:
    """Lengthen the lease; first thing in each transaction, so that a superseded controller writes nothing.

    Return False if this very transaction is stored already, as it is when its commit was done but the answer got
    lost; then nothing is to be written again.

    Raises:
        Superseded: the claim does not hold any more.
        StoreError: an earlier transaction is stored whose answer got lost for good.
    """
    return _assure(connection, claim, turn, now + claim.lease)


def give_back(
    connection: Connection, claim: Claim, turn: Turn, state: SweepState, reason: str | None, now: datetime
) -> None:
    """Leave the sweep in `state`, free for the next controller; `turn` and errors as in `renew`."""
    if not _assure(connection, claim, turn, None):
        return
    connection.execute(
        update(sweep)
        .where(sweep.c.id == claim.sweep_id)
        .values(driver=None, state=state, reason=reason, updated_at=now)
    )
    left = NewEvent(EventKind.SWEEP, None, now, {"state": state, "reason": reason})
    add_events(connection, claim.sweep_id, [left])


def _holder(connection: Connection, sweep_id: int) -> _Holder:
    found = connection.execute(
        select(sweep.c.name, sweep.c.epoch, sweep.c.driver, sweep.c.lease_until, sweep.c.writes).where(
            sweep.c.id == sweep_id
        )
    ).one_or_none()
    if found is None:
        raise StoreError(f"there is no sweep with id {sweep_id} in the store; look it up by its name")
    return _Holder(*found)


def _is_free(found: _Holder, driver: str, now: datetime) -> bool:
    """Free is what nobody holds, and what is held by a dead process, or by one unknown here that has fallen silent."""
    if found.driver is None or found.driver == driver or found.until is None:
        return True
    alive = lives(found.driver)
    return found.until <= now if alive is None else not alive


def _assure(connection: Connection, claim: Claim, turn: Turn, until: datetime | None) -> bool:
    asked = {"row": claim.sweep_id, "held": claim.epoch, "holder": claim.driver, "until": until}
    if connection.execute(_RENEW, asked | {"before": turn.before, "count": turn.number}).rowcount:
        return True
    stored = connection.scalar(select(sweep.c.writes).where(sweep.c.id == claim.sweep_id, sweep.c.epoch == claim.epoch))
    if stored == turn.number:
        return False
    if stored is not None and turn.before < stored < turn.number:
        raise StoreError(
            f"the store of the sweep '{claim.name}' has more than its controller knows, because an answer was lost "
            "when its server went away, so nothing was written; resume the sweep to go on from what is stored"
        )
    raise _superseded(connection, claim)


def _driven(connection: Connection, sweep_id: int, found: _Holder) -> StoreError:
    since = connection.scalar(
        select(event.c.at)
        .where(event.c.sweep_id == sweep_id, event.c.kind == EventKind.DRIVER)
        .order_by(event.c.id.desc())
        .limit(1)
    )
    return StoreError(
        f"the sweep '{found.name}' is driven by {found.driver} since {_clock(since)}; "
        "stop that one, or take over with --takeover"
    )


def _superseded(connection: Connection, claim: Claim) -> Superseded:
    driver = connection.scalar(select(sweep.c.driver).where(sweep.c.id == claim.sweep_id))
    what = f"was taken over by {driver}" if driver else "was given back"
    return Superseded(
        f"the sweep '{claim.name}' {what}, so {claim.driver} wrote nothing and drives it no more; resume it to drive it"
    )


def _clock(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "an unknown time"
