"""Checkpoints and artifacts: what the store knows of files that lie elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from .changes import NewArtifact, NewCheckpoint, NewEvent
from .ledger import Ledger
from .records import ArtifactRecord, CheckpointRecord
from .schema import artifact, attempt, checkpoint, trial
from .states import EventKind
from .upsert import insert_beside

_KEEP_LATEST = update(attempt).where(attempt.c.id == bindparam("row")).values(checkpoint=bindparam("latest"))


def add_checkpoints(connection: Connection, news: Collection[NewCheckpoint], ledger: Ledger) -> list[NewEvent]:
    """Add those that are not there yet, and return their events."""
    if not news:
        return []
    by_row = {(ledger.attempt_ids[new.id], new.uri): new for new in news}
    rows = [
        {
            "attempt_id": attempt_id,
            "step": new.step,
            "uri": uri,
            "size": new.size,
            "sha256": new.sha256,
            "created_at": new.at,
        }
        for (attempt_id, uri), new in by_row.items()
    ]
    adding = insert_beside(connection, checkpoint).on_conflict_do_nothing()
    returned = connection.execute(adding.returning(checkpoint.c.attempt_id, checkpoint.c.uri), rows)
    added = {(attempt_id, uri) for attempt_id, uri in returned}
    fresh = {key: new for key, new in by_row.items() if key in added}
    if fresh:
        connection.execute(_KEEP_LATEST, [{"row": attempt_id, "latest": uri} for attempt_id, uri in fresh])
    return [
        NewEvent(
            EventKind.CHECKPOINT, new.id.trial, new.at, {"attempt": new.id.attempt, "step": new.step, "uri": new.uri}
        )
        for new in fresh.values()
    ]


def forget_checkpoints(connection: Connection, sweep_id: int, uris: Collection[str], now: datetime) -> None:
    """Note that the files of these checkpoints of the sweep are gone."""
    if not uris:
        return
    ours = select(attempt.c.id).join_from(trial, attempt).where(trial.c.sweep_id == sweep_id)
    gone = [checkpoint.c.uri.in_(uris), checkpoint.c.deleted_at.is_(None), checkpoint.c.attempt_id.in_(ours)]
    forgetting = update(checkpoint).where(*gone).values(deleted_at=now).returning(checkpoint.c.attempt_id)
    made_by = connection.scalars(forgetting)
    connection.execute(
        update(attempt).where(attempt.c.id.in_(made_by.all()), attempt.c.checkpoint.in_(uris)).values(checkpoint=None)
    )


def add_artifacts(connection: Connection, news: Collection[NewArtifact], ledger: Ledger) -> list[NewEvent]:
    """Add them, each in place of an earlier one of its trial and name; return the events of those that differ."""
    if not news:
        return []
    by_row = {(ledger.trial_ids[new.id.trial], new.name): new for new in news}
    rows = [
        {
            "trial_id": trial_id,
            "name": name,
            "uri": new.uri,
            "media_type": new.media_type,
            "size": new.size,
            "sha256": new.sha256,
            "created_at": new.at,
        }
        for (trial_id, name), new in by_row.items()
    ]
    adding = insert_beside(connection, artifact)
    replacing = adding.on_conflict_do_update(
        index_elements=["trial_id", "name"],
        set_={name: adding.excluded[name] for name in ("uri", "media_type", "size", "sha256", "created_at")},
        where=or_(artifact.c.uri != adding.excluded.uri, artifact.c.sha256 != adding.excluded.sha256),
    )
    returned = connection.execute(replacing.returning(artifact.c.trial_id, artifact.c.name), rows)
    fresh = [by_row[trial_id, name] for trial_id, name in returned]
    return [NewEvent(EventKind.ARTIFACT, new.id.trial, new.at, {"name": new.name, "uri": new.uri}) for new in fresh]


def checkpoints_of(connection: Connection, sweep_id: int, number: int) -> list[CheckpointRecord]:
    """The checkpoints of a trial whose files are still there, of all attempts, the newest first."""
    rows = connection.execute(
        select(
            attempt.c.number,
            checkpoint.c.step,
            checkpoint.c.uri,
            checkpoint.c.size,
            checkpoint.c.sha256,
            checkpoint.c.created_at,
        )
        .select_from(trial.join(attempt).join(checkpoint))
        .where(trial.c.sweep_id == sweep_id, trial.c.number == number, checkpoint.c.deleted_at.is_(None))
        .order_by(checkpoint.c.id.desc())
    )
    return [CheckpointRecord(*row) for row in rows]


def artifacts_of(connection: Connection, sweep_id: int, number: int) -> list[ArtifactRecord]:
    """The files that a trial kept, by name."""
    rows = connection.execute(
        select(
            artifact.c.name,
            artifact.c.uri,
            artifact.c.media_type,
            artifact.c.size,
            artifact.c.sha256,
            artifact.c.created_at,
        )
        .join_from(trial, artifact)
        .where(trial.c.sweep_id == sweep_id, trial.c.number == number)
        .order_by(artifact.c.name)
    )
    return [ArtifactRecord(*row) for row in rows]
