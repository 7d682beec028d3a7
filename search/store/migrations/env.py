"""Runs the migrations over the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from paretree.search.store.migrate import VERSION_TABLE
from paretree.search.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
