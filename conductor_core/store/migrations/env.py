"""Alembic runs this file: on the connection it was handed, in that connection's own transaction."""

from alembic import context

from conductor_core.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
