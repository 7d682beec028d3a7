"""Checkpoints, commands and attributes; a count of writes; PostgreSQL keeps JSON as text."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(sa.Text(), "postgresql")
OF_SWEEP = sa.text("trial_id IS NULL")

JSON_COLUMNS = {
    "sweep": ["space", "objectives", "constraints", "budget"],
    "trial": ["configuration", "proposal"],
    "attempt": ["gpus"],
    "event": ["detail"],
}


def upgrade() -> None:
    _retype_json(sa.Text(), "text")
    op.add_column("sweep", sa.Column("writes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_event_sweep_id_trial_number_id", "event", ["sweep_id", "trial_number", "id"])
    op.drop_index("ix_artifact_trial_id", "artifact")
    op.execute("DELETE FROM artifact WHERE id NOT IN (SELECT max(id) FROM artifact GROUP BY trial_id, name)")
    op.create_index("ix_artifact_trial_id_name", "artifact", ["trial_id", "name"], unique=True)
    op.create_table(
        "checkpoint",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("attempt_id", ROW_ID, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint"),
        sa.UniqueConstraint("uri", "attempt_id", name="uq_checkpoint_uri_attempt_id"),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_checkpoint_attempt_id"),
    )
    op.create_index("ix_checkpoint_attempt_id", "checkpoint", ["attempt_id"])
    op.create_table(
        "attribute",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("sweep_id", ROW_ID, nullable=False),
        sa.Column("trial_id", ROW_ID),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attribute"),
        sa.UniqueConstraint("sweep_id", "trial_id", "owner", "key", name="uq_attribute_sweep_id_trial_id_owner_key"),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name="fk_attribute_sweep_id"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_attribute_trial_id"),
    )
    op.create_index("ix_attribute_trial_id", "attribute", ["trial_id"])
    op.create_index(
        "ix_attribute_of_sweep",
        "attribute",
        ["sweep_id", "owner", "key"],
        unique=True,
        sqlite_where=OF_SWEEP,
        postgresql_where=OF_SWEEP,
    )
    op.create_table(
        "command",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("sweep_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("handled_at", TIME),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_command"),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name="fk_command_sweep_id"),
    )
    op.create_index("ix_command_sweep_id", "command", ["sweep_id"])


def downgrade() -> None:
    for table in ("command", "attribute", "checkpoint"):
        op.drop_table(table)
    op.drop_index("ix_artifact_trial_id_name", "artifact")
    op.create_index("ix_artifact_trial_id", "artifact", ["trial_id"])
    op.drop_index("ix_event_sweep_id_trial_number_id", "event")
    op.drop_column("sweep", "writes")
    _retype_json(sa.JSON(), "json")


def _retype_json(type_: sa.types.TypeEngine[Any], name: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in JSON_COLUMNS.items():
            for column in columns:
                op.alter_column(table, column, type_=type_, postgresql_using=f"{column}::{name}")
