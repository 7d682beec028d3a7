"""The tables. `migrations/` says the same step by step; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from .columns import AnyText, ExactFloat, RowId, UtcTime, any_json, one_of
from .states import AttemptState, EventKind, SweepState, TrialState, ValueKind

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

sweep = Table(
    "sweep",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("space", any_json(), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("objectives", any_json(), nullable=False),  # [{"name", "direction", "unit"}]
    Column("constraints", any_json(), nullable=False),  # [{"name", "expression"}]
    Column("sampler", Text, nullable=False),
    Column("seed", BigInteger),
    Column("budget", any_json(), nullable=False),
    Column("entry_point", Text),
    Column("state", one_of(SweepState), nullable=False),
    Column("reason", AnyText),  # why it stopped
    Column("epoch", Integer, nullable=False),  # counts the controllers it had
    Column("driver", Text),  # the controller it has
    Column("lease_until", UtcTime),
    Column("writes", BigInteger, nullable=False, server_default="0"),  # counts the transactions of its controllers
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

trial = Table(
    "trial",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sweep_id", RowId, ForeignKey("sweep.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("configuration", any_json(), nullable=False),  # {path: decision}
    Column("key", String(64), nullable=False),
    Column("state", one_of(TrialState), nullable=False),
    Column("proposal", any_json(), nullable=False),  # {"sampler", "reason", "detail"}
    Column("seed", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("parent_id", RowId, ForeignKey("trial.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    UniqueConstraint("sweep_id", "number"),
    Index(None, "sweep_id", "state"),
    Index(None, "sweep_id", "key"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("trial_id", RowId, ForeignKey("trial.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", one_of(AttemptState), nullable=False),
    Column("worker", AnyText),
    Column("node", AnyText),
    Column("gpus", any_json(none_as_null=True)),  # {"share"}; NULL is none
    Column("lease_until", UtcTime),
    Column("sent_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("cause", Text),
    Column("message", AnyText),
    Column("traceback", AnyText),
    Column("checkpoint", Text),  # the latest, while it is there
    UniqueConstraint("trial_id", "number"),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("attempt_id", RowId, ForeignKey("attempt.id"), nullable=False, index=True),
    Column("step", BigInteger, nullable=False),
    Column("uri", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("sha256", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),  # when its files were thrown away
    UniqueConstraint("uri", "attempt_id"),
)

value = Table(
    "value",
    metadata,
    Column("trial_id", RowId, ForeignKey("trial.id"), primary_key=True),
    Column("name", AnyText, primary_key=True),
    Column("kind", one_of(ValueKind), nullable=False),
    Column("value", ExactFloat),
    sqlite_with_rowid=False,
)

report = Table(
    "report",
    metadata,
    Column("attempt_id", RowId, ForeignKey("attempt.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("name", AnyText, primary_key=True),
    Column("value", ExactFloat),
    Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

artifact = Table(
    "artifact",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("trial_id", RowId, ForeignKey("trial.id"), nullable=False),
    Column("name", AnyText, nullable=False),
    Column("uri", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("sha256", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "trial_id", "name", unique=True),
)

note = Table(
    "note",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sweep_id", RowId, ForeignKey("sweep.id"), nullable=False, index=True),
    Column("trial_id", RowId, ForeignKey("trial.id")),
    Column("text", AnyText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# What others say of a sweep (trial_id is NULL) or of a trial: a key of an owner has one value at a time.
attribute = Table(
    "attribute",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sweep_id", RowId, ForeignKey("sweep.id"), nullable=False),
    Column("trial_id", RowId, ForeignKey("trial.id"), index=True),
    Column("owner", String(16), nullable=False),
    Column("key", AnyText, nullable=False),
    Column("value", any_json(), nullable=False),
    UniqueConstraint("sweep_id", "trial_id", "owner", "key"),
    Index(  # for a UNIQUE constraint no two NULLs are the same
        "ix_attribute_of_sweep",
        "sweep_id",
        "owner",
        "key",
        unique=True,
        sqlite_where=text("trial_id IS NULL"),
        postgresql_where=text("trial_id IS NULL"),
    ),
)

# What a sweep's controller is asked to do by others; only the controller writes what came of it.
command = Table(
    "command",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sweep_id", RowId, ForeignKey("sweep.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("detail", any_json(), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("handled_at", UtcTime),
    Column("outcome", AnyText),  # one sentence
)

# The change feed: an id is never given twice, so "everything after id" misses nothing.
event = Table(
    "event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("sweep_id", RowId, ForeignKey("sweep.id"), nullable=False),
    Column("trial_number", Integer),
    Column("at", UtcTime, nullable=False),
    Column("kind", one_of(EventKind), nullable=False),
    Column("detail", any_json(), nullable=False),
    Index(None, "sweep_id", "id"),
    Index(None, "sweep_id", "trial_number", "id"),
    sqlite_autoincrement=True,
)
